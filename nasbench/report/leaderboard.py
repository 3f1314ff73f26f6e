"""The leaderboard: rows of finished retrainings, runs without a result, and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nasbench.report.anytime import anytime_notes
from nasbench.report.comparisons import (
    few_seeds,
    nas_against_hpo_notes,
    random_notes,
    with_differences,
)
from nasbench.report.rows import Difference, Row, make_rows, with_variants
from nasbench.store.records import Record
from nasbench.store.runs import all_runs

__all__ = ["Difference", "Leaderboard", "Row", "Unfinished", "build"]


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
class Leaderboard:
    """Rows by task, best mean first; runs without a result; and notes.

    Attributes:
        task: the one task asked for, or ``None`` for all.
        rows: sorted by task, then by mean accuracy, descending.
        unfinished: runs that gave no result.
        notes: one line each.
    """

    task: str | None
    rows: tuple[Row, ...]
    unfinished: tuple[Unfinished, ...]
    notes: tuple[str, ...]

    @property
    def tasks(self) -> list[str]:
        """The tasks that have rows, in alphabetical order."""
        return sorted({row.task for row in self.rows})

    def of(self, task: str) -> list[Row]:
        """Return one task's rows, best mean first."""
        return [row for row in self.rows if row.task == task]


def build(
    records: Sequence[Record], unfinished: Sequence[Unfinished], task: str | None
) -> Leaderboard:
    """Group records into rows, compare them with random search and NAS with HPO.

    Args:
        records: finished retrainings; a run name that occurs twice counts once.
        unfinished: runs that failed or were stopped.
        task: the task to show, or ``None`` for every task.
    """
    unique = {record.run: record for record in records}.values()
    rows = make_rows(record for record in unique if task in (None, record.task))
    rows = with_differences(with_variants(rows))
    rows.sort(key=lambda row: (row.task, -row.mean, row.name, row.space))
    shown = [run for run in unfinished if task in (None, run.task)]
    return Leaderboard(task, tuple(rows), tuple(shown), tuple(_notes(rows, task)))


def _notes(rows: Sequence[Row], task: str | None) -> list[str]:
    found = [] if rows else [f"no finished retraining{f' for task {task}' if task else ''} yet"]
    for name in sorted({row.task for row in rows}):
        of_task = [row for row in rows if row.task == name]
        found += nas_against_hpo_notes(name, of_task)
        found += random_notes(name, of_task)
        found += anytime_notes(name, of_task)
        found += _chance_notes(name, of_task)
        if (sets := len({row.identity.data for row in of_task})) > 1:
            found.append(
                f"task {name}: its rows are of {sets} data sets, or of unknown ones, and are "
                "compared only within one"
            )
        for row in of_task:
            if row.reopened:
                found.append(
                    f"task {name}: {row.name} opened the test set more than once in one run "
                    "(marked !): its accuracy may flatter it"
                )
            if row.repeats:
                runs = "1 run repeats" if row.repeats == 1 else f"{row.repeats} runs repeat"
                found.append(
                    f"task {name}: {row.name}: {runs} the seeds of another, averaged with it"
                )
            if len(row.torch) > 1:
                found.append(
                    f"task {name}: {row.name} holds runs of torch {' and '.join(row.torch)}, "
                    "whose results differ by rounding and what follows from it"
                )
    found += few_seeds(rows)
    devices = sorted({row.device for row in rows if row.device})
    if len(devices) == 1:
        return [*found, f"latency of one example on {devices[0]}"]
    named = {device: [r.name for r in rows if r.device == device] for device in devices}
    found += [f"latency of one example of {', '.join(n)}: on {d}" for d, n in named.items()]
    return found


def _chance_notes(task: str, rows: Sequence[Row]) -> list[str]:
    """Return what is meant by chance level, for each share of the largest class."""
    shares = sorted({row.chance for row in rows if row.at_chance and row.chance is not None})
    return [
        f"task {task}: at chance level: not shown to be above the {share:.2f} % that always "
        "answering the largest class gives"
        for share in shares
    ]


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
