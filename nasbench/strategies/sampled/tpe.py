"""Tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011), by optuna.

Unconditional decisions are drawn jointly (the multivariate estimator of Falkner et al., ICML
2018), conditional ones independently from the trials in which they were active. Ordered options
are numbers for the estimator, all others categories.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench.optional import require
from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domain, Domains, Value
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext, SequentialStrategy


@dataclass(frozen=True)
class TpeOptions(PluginOptions):
    """Options of ``tpe``."""

    startup: int = option(10, "Random architectures before the model is used.", low=1)
    candidates: int = option(
        24,
        "Draws from the density of good trials; the most promising one is proposed.",
        low=1,
    )


class TpeStrategy(SequentialStrategy):
    """Draws architectures that are likelier under the good trials than under the others.

    A pending proposal counts as a trial with the worst score so far, so that parallel proposals
    spread out. Failed trials are left out.

    Raises:
        UserError: optuna is missing.
    """

    Options = TpeOptions
    tries = 3  # a draw takes milliseconds

    def __init__(self, domains: Domains, options: TpeOptions, context: SampledContext) -> None:
        super().__init__(domains, options, context)
        self._optuna = require("optuna", "the strategy tpe")
        self._optuna.logging.set_verbosity(self._optuna.logging.ERROR)
        kinds = self._optuna.distributions
        open_ones = [domain for domain in domains.values() if len(domain.options) > 1]
        self._open = {
            d.label: kinds.IntDistribution(0, len(d.options) - 1)
            if d.ordered
            else kinds.CategoricalDistribution(range(len(d.options)))
            for d in open_ones
        }
        self._together = {d.label: self._open[d.label] for d in open_ones if () in d.sites}
        self._begin()

    def _begin(self) -> None:
        self._trials: list[Any] = []
        self._storage = self._optuna.storages.InMemoryStorage()
        self._study = self._optuna.create_study(storage=self._storage, direction="maximize")

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self._begin()
        super().load_state_dict(state)

    def update(self, results: Sequence[Result]) -> None:
        """Hand the results on to optuna."""
        super().update(results)
        new = [self._trial(one.arch, one.score) for one in results if not one.failed]
        self._trials += new
        self._study.add_trials(new)

    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return a random architecture at first, then a draw of optuna's sampler."""
        if len(self._trials) + len(pending) < self.options.startup:
            return self.domains.sample(stream)
        study, create_trial = self._seen(pending), self._optuna.trial.create_trial
        seed = int(stream.integers(2**32))
        trial = create_trial(state=self._optuna.trial.TrialState.RUNNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            sampler = self._optuna.samplers.TPESampler(
                n_startup_trials=0,
                n_ei_candidates=self.options.candidates,
                seed=seed,
                multivariate=True,
                constant_liar=False,  # ``_seen`` lies as a function of what is pending
            )
        found = sampler.sample_relative(study, trial, self._together)

        def choose(domain: Domain) -> Value:
            label = domain.label
            if label in self._open and label not in found:
                found[label] = sampler.sample_independent(study, trial, label, self._open[label])
            chosen: int = found.get(label, 0)
            return domain.options[chosen]

        return self.domains.decide(choose)

    def _seen(self, pending: Sequence[Proposal]) -> Any:
        """Return a new study of the results, and of a lie for each pending proposal.

        It is new for every draw, since a study may reread its trials at any time.
        """
        if not pending:
            name = self._study.study_name
            return self._optuna.load_study(study_name=name, storage=self._storage)
        lie = min((trial.value for trial in self._trials), default=0.0)
        study = self._optuna.create_study(direction="maximize")
        study.add_trials(self._trials)
        study.add_trials([self._trial(proposal.arch, lie) for proposal in pending])
        return study

    def _trial(self, arch: Arch, score: float) -> Any:
        """Return a finished trial, with decisions as the indices of their options."""
        active = {label: kind for label, kind in self._open.items() if label in arch}
        params = {label: self.domains[label].options.index(arch[label]) for label in active}
        return self._optuna.trial.create_trial(params=params, distributions=active, value=score)
