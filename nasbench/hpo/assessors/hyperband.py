"""Hyperband (Li et al., JMLR 2018), optuna's asynchronous variant.

Every trial belongs to a bracket. A bracket has rungs, each after a number of reports; a trial
passes a rung if it is among the best ``1 / reduction_factor`` of those that reached it. Brackets
differ in their first rung.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nasbench.errors import UserError
from nasbench.hpo.assessors.base import Assessor
from nasbench.optional import require
from nasbench.options import PluginOptions, option


@dataclass(frozen=True)
class HyperbandOptions(PluginOptions):
    """Options of ``hyperband``, named as in optuna."""

    min_resource: int = option(1, "Reports before the first rung.", low=1)
    reduction_factor: int = option(3, "One in this number of trials passes a rung.", low=2)


class HyperbandAssessor(Assessor):
    """Ends a trial that does not pass the rungs of its bracket."""

    Options = HyperbandOptions
    needs_epochs = True

    def __init__(self, options: Any, maximize: bool = True, epochs: int | None = None) -> None:
        super().__init__(options, maximize, epochs)
        assert epochs is not None
        if options.min_resource > epochs:
            raise UserError(f"-o min_resource={options.min_resource}: a trial has {epochs} epochs")
        optuna = require("optuna", "the assessor hyperband")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        pruner = optuna.pruners.HyperbandPruner(
            options.min_resource, epochs, options.reduction_factor
        )
        # The brackets depend on the study's name and the order of the trials.
        self._study = optuna.create_study(
            study_name="hyperband",
            pruner=pruner,
            direction="maximize" if maximize else "minimize",
            sampler=optuna.samplers.RandomSampler(seed=0),
        )
        self._pruned = optuna.trial.TrialState.PRUNED
        self._trials: dict[int, Any] = {}
        self._last: dict[int, float] = {}

    def _keep(self, number: int, history: Sequence[float]) -> bool:
        if number not in self._trials:
            self._trials[number] = self._study.ask()
        self._last[number] = history[-1]
        trial = self._trials[number]
        trial.report(history[-1], len(history))
        return not trial.should_prune()

    def end(self, number: int, completed: bool) -> None:
        """Report to optuna how the trial ended; its scores stay on the rungs."""
        trial = self._trials.pop(number, None)
        if trial is None:
            return
        last = self._last.pop(number)
        if completed:
            self._study.tell(trial, last)
        else:
            self._study.tell(trial, state=self._pruned)
