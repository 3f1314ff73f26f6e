"""What the runs of a study's entries found, one line for each entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nasbench.report.statistics import bootstrap_interval, mean_of_means
from nasbench.store.records import Record
from nasbench.store.runs import RunFolder
from nasbench.study.entry import Entry

TEST, VALIDATION = "test", "validation"
_VALIDATION = ("val_accuracy", "supernet_val_accuracy")


@dataclass(frozen=True)
class Figure:
    """What an entry's runs found.

    Attributes:
        entry: the entry.
        seeds: how many runs it should have.
        values: accuracies in percent, one for each run that ended well.
        measured_on: ``test`` after a final evaluation, ``validation`` otherwise.
        seconds: device-seconds of all its runs.
        openings: of the test set, over all runs.
        failed: why runs gave nothing.
    """

    entry: Entry
    seeds: int
    values: tuple[float, ...]
    measured_on: str
    seconds: float
    openings: int
    failed: tuple[str, ...] = field(default=())

    @property
    def mean(self) -> float | None:
        """The mean accuracy, if there is one."""
        return mean_of_means([self.values]) if self.values else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its 95 % bootstrap interval over the seeds; ``None`` for fewer than two runs."""
        return bootstrap_interval([[v] for v in self.values]) if len(self.values) > 1 else None


def figure(
    entry: Entry,
    seeds: int,
    runs: Sequence[Path],
    records: Mapping[str, Record],
    failed: Sequence[str],
) -> Figure:
    """Return the line of an entry.

    Args:
        entry: the entry.
        seeds: how many runs it should have.
        runs: the run folders that are done.
        records: all records by the names of their runs.
        failed: why other runs gave nothing.
    """
    found = [records[path.name] for path in runs if path.name in records]
    if entry.verb in ("retrain", "train"):
        values = tuple(100 * record.test_accuracy for record in found)
        seconds = sum(record.retrain_seconds for record in found)
        openings = sum(record.test_openings for record in found)
        return Figure(entry, seeds, values, TEST, seconds, openings, tuple(failed))
    infos = [RunFolder(path).info for path in runs]
    values = tuple(100 * value for info in infos if (value := _validation(info)) is not None)
    seconds = sum(float(info.get("cost", {}).get("device_seconds", 0.0)) for info in infos)
    return Figure(entry, seeds, values, VALIDATION, seconds, 0, tuple(failed))


def _validation(info: Mapping[str, Mapping[str, float]]) -> float | None:
    metrics = info.get("metrics", {})
    return next((metrics[name] for name in _VALIDATION if name in metrics), None)
