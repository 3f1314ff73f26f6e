"""A row of the leaderboard: one method, one configuration, over its seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """How a row's mean accuracy differs from random search's.

    Attributes:
        points: difference of the means, in percentage points; positive is better than random.
        low: lower end of its 95 % interval.
        high: upper end.
    """

    points: float
    low: float
    high: float

    @property
    def shown(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Row:
    """A method on a task over its search seeds and retrain seeds.

    Attributes:
        task: the task's name.
        method: the strategy, tuner or baseline.
        space: the search space.
        search_config: what shaped the search.
        retrain_config: what shaped the retraining.
        accuracies: test accuracy in percent, one inner tuple per search seed.
        runs: records in the row.
        mean: mean of the search seeds' mean accuracies, percent.
        interval: 95 % bootstrap interval of the mean, or ``None`` for a single run.
        params: median parameter count.
        macs: median multiply-adds per example.
        latency_ms: median latency of one example.
        device: what the latency was measured on, ``""`` if no record says.
        search_seconds: device-seconds of one search, mean over search seeds.
        search_evaluations: architectures evaluated by one search, mean over search seeds.
        retrain_seconds: device-seconds of one retraining, mean over records.
        test_openings: how often the records opened the test set, in all.
        reopened: whether some record opened it more than once.
        variant: what sets the row apart from others of its method and space, or ``""``.
        versus_random: the comparison with random search, where both have several runs.
    """

    task: str
    method: str
    space: str
    search_config: Mapping[str, Any]
    retrain_config: Mapping[str, Any]
    accuracies: tuple[tuple[float, ...], ...]
    runs: int
    mean: float
    interval: tuple[float, float] | None
    params: int
    macs: int
    latency_ms: float
    device: str
    search_seconds: float
    search_evaluations: float
    retrain_seconds: float
    test_openings: int
    reopened: bool
    variant: str = ""
    versus_random: Difference | None = None

    @property
    def seeds(self) -> str:
        """Search seeds times retrain seeds, or for example ``"2 (5 runs)"`` where ragged."""
        sizes = [len(group) for group in self.accuracies]
        if len(set(sizes)) == 1:
            return f"{len(sizes)}\N{MULTIPLICATION SIGN}{sizes[0]}"
        return f"{len(sizes)} ({sum(sizes)} runs)"

    @property
    def name(self) -> str:
        """The method, with the variant where one is needed."""
        return f"{self.method} ({self.variant})" if self.variant else self.method

    @property
    def repeats(self) -> int:
        """Records that only repeat the seeds and the architecture of another one."""
        return self.runs - sum(len(group) for group in self.accuracies)
