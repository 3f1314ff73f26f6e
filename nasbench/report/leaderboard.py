"""The leaderboard: rows of finished retrainings, runs without a result, and notes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from nasbench.measures import ACCURACY, Measure
from nasbench.report.anytime import anytime_notes
from nasbench.report.comparisons import (
    few_seeds,
    kinds_notes,
    random_notes,
    titles,
    with_differences,
)
from nasbench.report.rows import PUBLISHED, Difference, Row, make_rows, with_variants
from nasbench.report.verdict import MARK, verdict
from nasbench.report.wording import unnamed
from nasbench.store.records import Record
from nasbench.store.runs import all_runs

_EQUAL = 1e-9  # of two means: rounding

__all__ = ["Difference", "Leaderboard", "Row", "Table", "Unfinished", "build"]


@dataclass(frozen=True)
class Unfinished:
    """A run that failed or was stopped: shown as such, never counted as a result.

    Attributes:
        run: the run folder's name.
        verb: ``"search"``, ``"retrain"`` or another verb of the command line.
        method: the strategy, tuner or baseline.
        task: the task's name.
        status: how it ended, for example ``"failed"`` or ``"stopped"``.
        error: the reason in one line, or ``""``.
    """

    run: str
    verb: str
    method: str
    task: str
    status: str
    error: str


@dataclass(frozen=True)
class Table:
    """The rows of one task and one metric, best mean first.

    Attributes:
        task: the task's name.
        title: the task, with the metric if the task has rows of several.
        measure: the metric.
        rows: at least one.
    """

    task: str
    title: str
    measure: Measure
    rows: tuple[Row, ...]

    @property
    def heading(self) -> str:
        """The task and what was measured: ``digits, test accuracy``."""
        less = "" if self.measure.larger_is_better else " (less is better)"
        return f"{self.task}, test {self.measure.words}{less}"

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Who is better, and by how much, in one or two sentences."""
        return tuple(verdict(self.rows))


@dataclass(frozen=True)
class Leaderboard:
    """Rows by task and metric, best mean first; runs without a result; and notes.

    Attributes:
        task: the one task asked for, or ``None`` for all.
        rows: sorted by task and metric, then by the mean result, best first.
        unfinished: runs that gave no result.
        notes: what must be known to read the rows closely, one line each.
        remarks: what must be known to read them at all, such as the scale of a study.
    """

    task: str | None
    rows: tuple[Row, ...]
    unfinished: tuple[Unfinished, ...]
    notes: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def tables(self) -> list[Table]:
        """The rows by task and metric, in alphabetical order."""
        return _tables(self.rows)


def _tables(rows: Sequence[Row]) -> list[Table]:
    groups: dict[tuple[str, Measure], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.task, row.measure), []).append(row)
    several, found = Counter(task for task, _ in groups), []
    for (task, measure), own in groups.items():
        less = "" if measure.larger_is_better else " (less is better)"
        title = task if several[task] == 1 else f"{task}, {measure.words}{less}"
        found.append(Table(task, title, measure, tuple(own)))
    return found


def build(
    records: Sequence[Record],
    unfinished: Sequence[Unfinished],
    task: str | None,
    published: Sequence[Record] = (),
) -> Leaderboard:
    """Group records into rows, compare them with random search and NAS with HPO.

    Args:
        records: finished retrainings; a run name that occurs twice counts once.
        unfinished: runs that failed or were stopped.
        task: the task to show, or ``None`` for every task.
        published: records that come with nasbench, in rows of their own; those that are among
            ``records`` are left out.
    """
    unique = {record.run: record for record in records if task in (None, record.task)}
    ours = {record.run: record for record in published if task in (None, record.task)}
    rows = make_rows(unique.values(), [ours[run] for run in ours if run not in unique])
    rows = with_differences(with_variants(rows))
    rows.sort(key=lambda row: (row.task, *_order(row.measure), -row.score, row.label))
    rows = [row for table in _tables(rows) for row in _ranked(table.rows)]
    shown = [run for run in unfinished if task in (None, run.task)]
    return Leaderboard(task, tuple(rows), tuple(shown), tuple(_notes(rows, task)))


def _ranked(rows: Sequence[Row]) -> list[Row]:
    """Return a table's rows with their places; equal means share one."""
    places = [1 + sum(other.score > row.score + _EQUAL for other in rows) for row in rows]
    return [replace(row, rank=place) for row, place in zip(rows, places, strict=True)]


def _order(measure: Measure) -> tuple[str, bool, bool]:
    return measure.name, measure.larger_is_better, measure.is_share


def _notes(rows: Sequence[Row], task: str | None) -> list[str]:
    found = [] if rows else [f"no finished retraining{f' for task {task}' if task else ''} yet"]
    for one in _tables(rows):
        name, of_task = one.title, one.rows
        found += _reading(one)
        found += kinds_notes(name, of_task)
        found += random_notes(name, of_task)
        found += anytime_notes(name, of_task)
        found += _chance_notes(name, of_task)
        if (sets := len({row.identity.data for row in of_task})) > 1:
            found.append(
                f"task {name}: its rows are of {sets} data sets, or of unknown ones, and are "
                "compared only within one"
            )
        found += [f"task {name}: {note}" for note in _row_notes(of_task)]
    if any(row.interval for row in rows):
        found.append(
            "\N{PLUS-MINUS SIGN}: half the width of the 95 % bootstrap interval over the search "
            "seeds; a row without it is a single run"
        )
    if any(row.versus_random for row in rows):
        found.append(
            "\N{GREEK CAPITAL LETTER DELTA} random: the difference from random search, of shares "
            f"in percentage points; {MARK} marks those that are shown"
        )
    if any(row.published for row in rows):
        found.append(f"{PUBLISHED}: published with nasbench, see results/published/README.md")
    found += few_seeds(rows)
    devices = sorted({row.device for row in rows if row.device})
    if len(devices) == 1:
        return [*found, f"latency of one example on {devices[0]}"]
    named = {
        device: dict.fromkeys(r.title for r in rows if r.device == device) for device in devices
    }
    found += [f"latency of one example of {', '.join(n)}: on {d}" for d, n in named.items()]
    return found


def _reading(table: Table) -> list[str]:
    """Return how the cells and the names of a table are read."""
    groups: dict[str, list[Row]] = {}
    for row in table.rows:
        groups.setdefault(row.on_space, []).append(row)
    found = []
    for name, rows in groups.items():
        if len(rows) > 1 and (more := unnamed([row.identity for row in rows])):
            found.append(
                f"task {table.title}: the rows of {name} also differ in {', '.join(more)}"
            )
    return found


def _row_notes(rows: Sequence[Row]) -> list[str]:
    """Return what must be known about single rows, those of one note together."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        said = []
        if row.reopened:
            said.append(
                "opened the test set more than once in one run (marked !): the test "
                f"{row.measure.words} may flatter it"
            )
        if row.repeats:
            runs = "1 run repeats" if row.repeats == 1 else f"{row.repeats} runs repeat"
            said.append(f"{runs} the seeds of another, averaged with it")
        if len(row.torch) > 1:
            said.append(
                f"runs of torch {' and '.join(row.torch)}, whose results differ by rounding and "
                "what follows from it"
            )
        for note in said:
            found.setdefault(note, []).append(row)
    return [f"{titles(of_them)}: {note}" for note, of_them in found.items()]


def _chance_notes(task: str, rows: Sequence[Row]) -> list[str]:
    """Return what is meant by chance level, for each result of a constant answer."""
    found = []
    for value in sorted({row.chance for row in rows if row.at_chance and row.chance is not None}):
        measure = rows[0].measure
        if measure == ACCURACY:
            share = measure.digits(value)
            what = f"above the {share} % that always answering the largest class gives"
        else:
            unit = f" {measure.unit}" if measure.unit else ""
            what = (
                f"better than always giving one answer, whose {measure.words} is "
                f"{measure.digits(value)}{unit}"
            )
        found.append(f"task {task}: at chance level: not shown to be {what}")
    return found


def unfinished_runs(results: Path) -> list[Unfinished]:
    """Return every run under ``results/runs`` that is not done."""
    return [
        Unfinished(
            run=run.name,
            verb=str(run.info.get("verb", "")),
            method=str(run.info.get("name", "")),
            task=str(run.info.get("task", "")),
            status=run.status,
            error=str(run.info.get("error") or ""),
        )
        for run in all_runs(results)
        if run.status != "done"
    ]
