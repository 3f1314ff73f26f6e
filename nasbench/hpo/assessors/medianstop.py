"""The median stopping rule (Golovin et al., KDD 2017, section 3.2.2), NNI's implementation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.limits import at_least


@dataclass(frozen=True)
class MedianstopOptions:
    """Options of ``medianstop``.

    Attributes:
        start_step: reports before a trial is judged.
    """

    start_step: int = 0

    def __post_init__(self) -> None:
        at_least(self, 0, "start_step")


class MedianstopAssessor(Assessor):
    """Ends a trial whose best score so far is worse than the median of the others.

    The others' score at a step is their running average up to it, of completed trials only.
    """

    Options = MedianstopOptions

    def __init__(self, options: Any, maximize: bool = True, epochs: int | None = None) -> None:
        from nni.algorithms.hpo import medianstop_assessor

        super().__init__(options, maximize, epochs)
        mode = "maximize" if maximize else "minimize"
        self._assessor = medianstop_assessor.MedianstopAssessor(mode, options.start_step)
        self._judged = set[int]()

    def _promises(self, number: int, history: Sequence[float]) -> bool:
        if len(history) >= self.options.start_step:
            self._judged.add(number)
        return bool(self._assessor.assess_trial(number, [float(s) for s in history]).value)

    def end(self, number: int, completed: bool) -> None:
        """Let the trial's running averages count, where it was completed."""
        if number in self._judged:  # NNI complains of one that it has not seen
            self._judged.remove(number)
            self._assessor.trial_end(number, completed)
