"""Extrapolation of learning curves (Domhan et al., IJCAI 2015), NNI's implementation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench.errors import UserError
from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.private import private_module
from nasbench.options import PluginOptions, option

_PACKAGE = "nni.algorithms.hpo.curvefitting_assessor"


@dataclass(frozen=True)
class CurvefittingOptions(PluginOptions):
    """Options of ``curvefitting``, named as in NNI."""

    start_step: int = option(6, "Reports before a trial is assessed.", low=1)
    threshold: float = option(
        0.95, "Share of the best final score that a trial must be expected to reach.", low=0.0
    )
    gap: int = option(1, "Reports between two assessments.", low=1)


class CurvefittingAssessor(Assessor):
    """Ends a trial whose curve is expected to end clearly below the best final score.

    Scores must be positive and grow, as accuracies do.
    """

    Options = CurvefittingOptions
    needs_epochs = True
    needs_shares = True

    def __init__(self, options: Any, maximize: bool = True, epochs: int | None = None) -> None:
        super().__init__(options, maximize, epochs)
        if not maximize:
            raise UserError(
                "the assessor curvefitting extrapolates accuracies: it cannot minimize"
            )
        # NNI's model of a curve, with private random draws and fitted parameters.
        model = private_module(f"{_PACKAGE}.model_factory", 0)
        fitted = private_module(f"{_PACKAGE}.curvefunctions", 0).model_para
        vars(model).update(model_para=fitted)
        module = private_module(f"{_PACKAGE}.curvefitting_assessor", 0)
        vars(module).update(CurveModel=model.CurveModel)
        self._assessor = module.CurvefittingAssessor(
            epochs, options.start_step, options.threshold, options.gap
        )
        self._histories: dict[int, list[float]] = {}

    def _keep(self, number: int, history: Sequence[float]) -> bool:
        self._histories[number] = [float(score) for score in history]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # some of the twelve curves never fit
            result = self._assessor.assess_trial(number, self._histories[number])
        return result is None or bool(result.value)  # None: the curves could not be fitted

    def end(self, number: int, completed: bool) -> None:
        """Record the last score of a completed trial."""
        history = self._histories.pop(number, None)
        if history is not None:
            # NNI takes the last score of the trial that was assessed last.
            self._assessor.trial_history = history
            self._assessor.trial_end(number, completed)
