"""What the runs of a study's entries found, one line for each entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasbench.report.statistics import bootstrap_interval, mean_of_means
from nasbench.store.folds import read_folds
from nasbench.store.records import Record
from nasbench.store.runs import RunFolder
from nasbench.study.entry import Entry

TEST, VALIDATION, FOLDS = "test", "validation", "folds"
_VALIDATION = ("val_accuracy", "supernet_val_accuracy")


@dataclass(frozen=True)
class Figure:
    """What an entry's runs found.

    Attributes:
        entry: the entry.
        seeds: how many runs it should have.
        values: accuracies in percent, one for each run that ended well; the mean of its folds
            where a run is a cross-validation.
        measured_on: ``test`` after a final evaluation, ``folds`` or ``validation`` otherwise.
        seconds: device-seconds of all its runs.
        openings: of the test set, over all runs.
        failed: why runs gave nothing.
        of_folds: the 95 % t-interval of a single cross-validation.
    """

    entry: Entry
    seeds: int
    values: tuple[float, ...]
    measured_on: str
    seconds: float
    openings: int
    failed: tuple[str, ...] = field(default=())
    of_folds: tuple[float, float] | None = None

    @property
    def mean(self) -> float | None:
        """The mean accuracy, if there is one."""
        return mean_of_means([self.values]) if self.values else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % bootstrap interval over the seeds; with one seed that over its folds."""
        if len(self.values) > 1:
            return bootstrap_interval([[value] for value in self.values])
        return self.of_folds


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
    infos = [RunFolder(path).info for path in runs]
    if entry.options.get("folds"):
        return _cross_validated(entry, seeds, runs, infos, failed)
    found = [records[path.name] for path in runs if path.name in records]
    if entry.verb in ("retrain", "train"):
        values = tuple(100 * record.test_accuracy for record in found)
        seconds = sum(record.retrain_seconds for record in found)
        openings = sum(record.test_openings for record in found)
        return Figure(entry, seeds, values, TEST, seconds, openings, tuple(failed))
    values = tuple(100 * value for info in infos if (value := _validation(info)) is not None)
    seconds = sum(float(info.get("cost", {}).get("device_seconds", 0.0)) for info in infos)
    return Figure(entry, seeds, values, VALIDATION, seconds, 0, tuple(failed))


def _cross_validated(
    entry: Entry,
    seeds: int,
    runs: Sequence[Path],
    infos: Sequence[Mapping[str, Any]],
    failed: Sequence[str],
) -> Figure:
    """Return the line of an entry whose runs are cross-validations."""
    every = [
        read_folds(path.parents[1] / "folds" / info["folds"])
        for path, info in zip(runs, infos, strict=True)
    ]
    values = tuple(100 * found.mean for found in every)
    seconds = sum(fold.seconds for found in every for fold in found.folds)
    low_high = tuple(100 * end for end in every[0].interval) if len(every) == 1 else None
    interval = None if low_high is None else (low_high[0], low_high[1])
    return Figure(entry, seeds, values, FOLDS, seconds, 0, tuple(failed), interval)


def _validation(info: Mapping[str, Mapping[str, float]]) -> float | None:
    metrics = info.get("metrics", {})
    return next((metrics[name] for name in _VALIDATION if name in metrics), None)
