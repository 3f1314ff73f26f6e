"""Extrapolation of learning curves (Domhan et al., IJCAI 2015), NNI's implementation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench.errors import UserError
from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.limits import at_least
from nasbench.hpo.private import private_module

_PACKAGE = "nni.algorithms.hpo.curvefitting_assessor"


@dataclass(frozen=True)
class CurvefittingOptions:
    """Options of ``curvefitting``, named as NNI's.

    Attributes:
        start_step: reports before a trial is judged.
        threshold: share of the best final score that a trial must be expected to reach.
        gap: reports from one judgement to the next.
    """

    start_step: int = 6
    threshold: float = 0.95
    gap: int = 1

    def __post_init__(self) -> None:
        at_least(self, 1, "start_step", "gap")
        at_least(self, 0, "threshold")


class CurvefittingAssessor(Assessor):
    """Ends a trial whose curve is expected to end clearly below the best final score.

    It needs scores that grow and are positive, such as accuracies.
    """

    Options = CurvefittingOptions
    needs_epochs = True

    def __init__(self, options: Any, maximize: bool = True, epochs: int | None = None) -> None:
        super().__init__(options, maximize, epochs)
        if not maximize:
            raise UserError(
                "the assessor curvefitting extrapolates accuracies: it cannot minimize"
            )
        module = private_module(f"{_PACKAGE}.curvefitting_assessor", 0)
        vars(module).update(CurveModel=_curve_model())
        self._assessor = module.CurvefittingAssessor(
            epochs, options.start_step, options.threshold, options.gap
        )
        self._histories: dict[int, list[float]] = {}

    def _promises(self, number: int, history: Sequence[float]) -> bool:
        self._histories[number] = [float(score) for score in history]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # some of the twelve curves never fit
            result = self._assessor.assess_trial(number, self._histories[number])
        return result is None or bool(result.value)  # None: the curves could not be fitted

    def end(self, number: int, completed: bool) -> None:
        """Let the trial's last score count, where it was completed."""
        history = self._histories.pop(number, None)
        if history is not None:
            # NNI takes the last score of whichever trial was judged last.
            self._assessor.trial_history = history
            self._assessor.trial_end(number, completed)


def _curve_model() -> Any:
    """Return NNI's model of a curve, with random draws and fitted parameters of its own."""
    module = private_module(f"{_PACKAGE}.model_factory", 0)
    fitted = private_module(f"{_PACKAGE}.curvefunctions", 0).model_para
    vars(module).update(model_para=fitted)
    return module.CurveModel
