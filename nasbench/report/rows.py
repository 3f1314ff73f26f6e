"""A row of the leaderboard: one method, one configuration, over its seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Points = tuple[tuple[float, float], ...]
"""A search's course: device-seconds spent so far, and the best validation accuracy, in [0, 1]."""

_ROUNDING = 1e-9  # percentage points: far below one test image, far above what sums round off


@dataclass(frozen=True)
class Difference:
    """How a row's mean accuracy differs from another row's.

    Attributes:
        points: difference of the means, in percentage points; positive where the first row is
            the better one. Where it is paired, over the search seeds that both have.
        interval: its 95 % bootstrap interval, or ``None`` where one of the rows is a single run.
        paired: whether the rows' common search seeds were redrawn jointly.
        seeds: search seeds that the interval was drawn from, of the row with fewer.
    """

    points: float
    interval: tuple[float, float] | None
    paired: bool
    seeds: int

    @property
    def shown(self) -> bool:
        """Whether there is an interval, and it leaves zero out."""
        if self.interval is None:
            return False
        low, high = self.interval
        return low > _ROUNDING or high < -_ROUNDING


@dataclass(frozen=True)
class Row:
    """A method on a task over its search seeds and retrain seeds.

    Attributes:
        task: the task's name.
        kind: what was searched: ``"nas"``, ``"hpo"`` or, where nothing was, ``"plain"``.
        method: the strategy, tuner or baseline.
        space: the search space, or the baseline that was tuned.
        search_config: what shaped the search.
        retrain_config: what shaped the retraining, without what a tuner chose.
        seed_numbers: the search seeds, ascending.
        accuracies: test accuracy in percent, one inner tuple per search seed.
        curves: each search seed's course, empty where its records do not tell it.
        runs: records in the row.
        mean: mean of the search seeds' mean accuracies, percent.
        interval: 95 % bootstrap interval of the mean, or ``None`` for a single run.
        params: median parameter count.
        macs: median multiply-adds per example.
        latency_ms: median latency of one example.
        device: what the latency was measured on, ``""`` if no record says.
        search_seconds: device-seconds of one search, mean over search seeds.
        search_evaluations: architectures or settings evaluated by one search, mean over search
            seeds.
        retrain_seconds: device-seconds of one retraining, mean over records.
        test_openings: how often the records opened the test set, in all.
        reopened: whether some record opened it more than once.
        variant: what sets the row apart from others of its method and space, or ``""``.
        versus_random: the comparison with random search, where there is one.
    """

    task: str
    kind: str
    method: str
    space: str
    search_config: Mapping[str, Any]
    retrain_config: Mapping[str, Any]
    seed_numbers: tuple[int, ...]
    accuracies: tuple[tuple[float, ...], ...]
    curves: tuple[Points, ...]
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
        """The method, a tuner marked as such, with the variant where one is needed."""
        method = f"HPO {self.method}" if self.kind == "hpo" else self.method
        return f"{method} ({self.variant})" if self.variant else method

    @property
    def title(self) -> str:
        """The name with the space."""
        return f"{self.name} on {self.space}"

    @property
    def searched(self) -> bool:
        """Whether a search made the row: a baseline or an imported network has none."""
        return self.search_seconds > 0 or self.search_evaluations > 0

    @property
    def repeats(self) -> int:
        """Records that only repeat the seeds and the architecture of another one."""
        return self.runs - sum(len(group) for group in self.accuracies)
