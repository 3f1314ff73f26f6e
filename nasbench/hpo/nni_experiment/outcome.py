"""What a trial has reported so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nasbench.hpo.nni_experiment.protocol import Metric, TrialFailed


@dataclass
class Outcome:
    """What a trial has reported so far.

    Attributes:
        intermediate: its intermediate results, in order.
        final: its final result; the last intermediate one where it was stopped.
        raw: the final result as it was reported, with the other entries of a mapping.
        stopped: whether it was told to end before it had.
    """

    intermediate: list[float] = field(default_factory=list)
    final: float | None = None
    raw: Any = None
    stopped: bool = False

    def take(self, metric: Metric) -> None:
        """Note one report; of several final results the last one counts, as it does for NNI.

        Raises:
            TrialFailed: what was reported is no finite number.
        """
        if metric.final:
            self.final, self.raw = metric.value, metric.raw
        else:
            self.intermediate.append(metric.value)

    def stop(self) -> None:
        """Let the last intermediate result count, unless the final one is there.

        Raises:
            TrialFailed: there is none.
        """
        if self.final is not None:
            return
        if not self.intermediate:
            raise TrialFailed("was stopped before it had reported anything")
        self.stopped, self.final = True, self.intermediate[-1]
