"""The median stopping rule (Golovin et al., KDD 2017, section 3.2.2), NNI's implementation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nasbench.hpo.assessors.base import Assessor
from nasbench.options import PluginOptions, option


@dataclass(frozen=True)
class MedianstopOptions(PluginOptions):
    """Options of ``medianstop``, named as in NNI."""

    start_step: int = option(0, "Reports before a trial is assessed.", low=0)


class MedianstopAssessor(Assessor):
    """Ends a trial whose best score so far is worse than the median of the completed trials.

    Their score at a step is the running average up to it.
    """

    Options = MedianstopOptions

    def __init__(self, options: Any, maximize: bool = True, epochs: int | None = None) -> None:
        from nni.algorithms.hpo import medianstop_assessor

        super().__init__(options, maximize, epochs)
        mode = "maximize" if maximize else "minimize"
        self._assessor = medianstop_assessor.MedianstopAssessor(mode, options.start_step)
        self._assessed = set[int]()

    def _keep(self, number: int, history: Sequence[float]) -> bool:
        if len(history) >= self.options.start_step:
            self._assessed.add(number)
        return bool(self._assessor.assess_trial(number, [float(s) for s in history]).value)

    def end(self, number: int, completed: bool) -> None:
        """Record the running averages of a completed trial."""
        if number in self._assessed:  # NNI refuses one that it has not seen
            self._assessed.remove(number)
            self._assessor.trial_end(number, completed)
