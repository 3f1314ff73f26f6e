"""The results of a study, one for each entry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasbench.errors import UserError
from nasbench.measures import ACCURACY, Measure, of_run
from nasbench.report.chance import at_chance, record_at_chance
from nasbench.report.statistics import bootstrap_interval, mean_of_means
from nasbench.store.folds import read_folds
from nasbench.store.journal import number, table
from nasbench.store.records import Record, read_records
from nasbench.store.runs import RunFolder
from nasbench.study.entry import Entry
from nasbench.study.plan import Plan
from nasbench.study.runner import Progress

TEST, VALIDATION, FOLDS = "test", "validation", "folds"


@dataclass(frozen=True)
class EntryResult:
    """The result of an entry over its runs.

    Attributes:
        entry: the entry.
        seeds: the number of runs that it should have.
        values: results of the leading metric, in percent if it is a share, one for each run that
            succeeded; the mean over the folds if a run is a cross-validation.
        measured_on: ``test`` after a final evaluation, ``folds`` or ``validation`` otherwise.
        seconds: device-seconds of all its runs.
        openings: how often the test set was opened, over all runs.
        failed: why runs have no result.
        of_folds: the 95 % t-interval of a single cross-validation.
        at_chance: how many of its values are not shown to be better than a constant answer.
        measure: the leading metric.
    """

    entry: Entry
    seeds: int
    values: tuple[float, ...]
    measured_on: str
    seconds: float
    openings: int
    failed: tuple[str, ...] = field(default=())
    of_folds: tuple[float, float] | None = None
    at_chance: int = 0
    measure: Measure = ACCURACY

    @property
    def mean(self) -> float | None:
        """The mean result in its unit, or ``None``."""
        return mean_of_means([self.values]) if self.values else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % bootstrap interval over the seeds; with one seed, that over its folds."""
        if len(self.values) > 1:
            return bootstrap_interval([[value] for value in self.values])
        return self.of_folds


def entry_results(plan: Plan, progress: Progress, out: Path) -> list[EntryResult]:
    """Return the result of each entry, in the order of the entries.

    Args:
        plan: the study.
        progress: its runs.
        out: the study's folder.
    """
    records = {record.run: record for record in read_records(out)[0]}
    steps, found = plan.steps, []
    for entry in plan.study.entries.values():
        own = [step for step in steps if step.entry is entry]
        runs = {step.seed: progress.done[step] for step in own if step in progress.done}
        failed = [f"seed {s.seed}: {progress.failed[s]}" for s in own if s in progress.failed]
        of_runs = _cross_validated if entry.over(plan.study.defaults).get("folds") else _measured
        found.append(of_runs(entry, len(own), runs, records, failed))
    return found


def _measured(
    entry: Entry,
    seeds: int,
    runs: Mapping[int, Path],
    records: Mapping[str, Record],
    failed: Sequence[str],
) -> EntryResult:
    """Return the result of an entry.

    Args:
        entry: the entry.
        seeds: the number of runs that it should have.
        runs: the run folders that are done, by seed.
        records: all records by the name of their run.
        failed: why other runs have no result.
    """
    if entry.verb in ("retrain", "train"):
        found = [records[path.name] for path in runs.values() if path.name in records]
        lost = _lost("record", {seed: p for seed, p in runs.items() if p.name not in records})
        found, mixed = _of_one_metric(found)
        measure = found[0].measure if found else ACCURACY
        values = tuple(measure.scale * record.result for record in found)
        seconds = sum(record.retrain_seconds for record in found)
        openings = sum(record.test_openings for record in found)
        low = sum(record_at_chance(record) for record in found)
        gone = (*failed, *lost, *mixed)
        return EntryResult(
            entry, seeds, values, TEST, seconds, openings, gone, at_chance=low, measure=measure
        )
    measure = next((of_run(RunFolder(path).info) for path in runs.values()), ACCURACY)
    results: dict[int, float | None] = {}
    spent = []
    for seed, path in runs.items():
        run = RunFolder(path)
        results[seed] = run.validated(measure.name)
        spent.append(number(table(run.info.get("cost")).get("device_seconds")) or 0.0)
    lost = _lost(measure.words, {s: p for s, p in runs.items() if results[s] is None})
    values = tuple(measure.scale * value for value in results.values() if value is not None)
    low = sum(
        at_chance(value, _validation_classes(RunFolder(runs[seed]).info))
        for seed, value in results.items()
        if value is not None and measure == ACCURACY
    )
    gone = (*failed, *lost)
    return EntryResult(
        entry, seeds, values, VALIDATION, sum(spent), 0, gone, at_chance=low, measure=measure
    )


def _of_one_metric(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """Return the records of the first one's metric, and why the others are left out."""
    kept = [record for record in records if record.measure == records[0].measure]
    others = [record for record in records if record.measure != records[0].measure]
    return kept, [
        f"seed {one.search_seed}: {one.run} was tested by {one.measure.words}, "
        f"not by {records[0].measure.words}"
        for one in others
    ]


def _validation_classes(info: Mapping[str, Any]) -> list[float]:
    """Return the number of validation images of each class of a run, empty if it is unknown."""
    classes, config = table(info.get("provenance")).get("classes"), table(info.get("config"))
    if not isinstance(classes, list):
        return []
    counts = [max(number(count) or 0.0, 0.0) for count in classes]
    whole = sum(counts)
    share = (number(config.get("val_fraction")) or 0.0) / (whole or 1.0)
    return [count * share * (number(config.get("limit_train")) or whole) for count in counts]


def _cross_validated(
    entry: Entry,
    seeds: int,
    runs: Mapping[int, Path],
    records: Mapping[str, Record],
    failed: Sequence[str],
) -> EntryResult:
    """Return the result of an entry whose runs are cross-validations."""
    every, lost = [], {}
    for seed, path in runs.items():
        name = RunFolder(path).info.get("folds")
        try:
            every.append(read_folds(path.parents[1] / "folds" / str(name)))
        except UserError:
            lost[seed] = path
    measure = every[0].measure if every else ACCURACY
    values = tuple(measure.scale * found.mean for found in every)
    seconds = sum(fold.seconds for found in every for fold in found.folds)
    low_high = tuple(measure.scale * end for end in every[0].interval) if len(every) == 1 else None
    interval = None if low_high is None else (low_high[0], low_high[1])
    gone = (*failed, *_lost("file of folds", lost))
    low = sum(at_chance(found.mean, found.classes) for found in every if measure == ACCURACY)
    return EntryResult(entry, seeds, values, FOLDS, seconds, 0, gone, interval, low, measure)


def _lost(what: str, runs: Mapping[int, Path]) -> Iterable[str]:
    """Yield why runs that are done have no result."""
    for seed, path in runs.items():
        yield (
            f"seed {seed}: the {what} of {path.name} is missing or unreadable; "
            "delete that folder to run it again"
        )
