"""``nasbench.runs``: the runs of a results folder, as a list that can be looked at and deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from nasbench.api import html
from nasbench.api.calling import spelled
from nasbench.api.results import Run, of, table
from nasbench.errors import UserError, unknown
from nasbench.report import run_rows
from nasbench.report.run_rows import RunRow
from nasbench.store.atomic import telling_what_failed
from nasbench.store.records import folder as records_of
from nasbench.store.runs import STATUSES, RunFolder, every_run, find, remove
from nasbench.tasks import sources


class Runs(Sequence[Run]):
    """Runs, the newest first: ``nb.runs`` returns them.

    Args:
        rows: what is known of each.
        results: the results folder.

    Attributes:
        rows: what is known of each.
        results: the results folder.
    """

    def __init__(self, rows: Sequence[RunRow], results: Path) -> None:
        self.rows = tuple(rows)
        self.results = results

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Runs: ...
    def __getitem__(self, index: int | slice) -> Run | Runs:
        if isinstance(index, slice):
            return Runs(self.rows[index], self.results)
        return of(Path(self.rows[index].folder))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def table(self) -> Any:
        """A row for each run: a pandas frame, or a list of dictionaries without pandas."""
        return table([row.to_json() for row in self.rows])

    @property
    def size(self) -> int:
        """The bytes on the disk of all of them."""
        return sum(row.size for row in self.rows)

    def lines(self, width: int | None = None) -> list[str]:
        """Return the runs as aligned text.

        Args:
            width: of the terminal, in characters; by default whole names, and nothing is cut.
        """
        every = [path.name for path in every_run(self.results)]
        return run_rows.text(self.rows, every or [row.name for row in self.rows], width)

    def remove(self, records: bool = False) -> None:
        """Delete the folders of these runs.

        Args:
            records: whether the records of retrainings are deleted as well, so that they leave
                the leaderboard.

        Raises:
            UserError: one of them is running, in which case all stay; or one cannot be deleted.
        """
        if running := [row.name for row in self.rows if row.state == "running"]:
            raise UserError(f"{', '.join(running)}: running: stop it first; nothing was deleted")
        for row in self.rows:
            remove(RunFolder(Path(row.folder)))
            if records:
                path = record(row)
                with telling_what_failed(path):
                    path.unlink(missing_ok=True)

    def __repr__(self) -> str:
        return "\n".join(self.lines(100)) if self.rows else f"no runs under {self.results}"

    def _repr_html_(self) -> str:
        headings = [field.heading for field in run_rows.COLUMNS]
        return html.listing(headings, [run_rows.cells(row, row.name) for row in self.rows])


def record(row: RunRow) -> Path:
    """Return where the record of a retraining is, which may be missing."""
    return records_of(Path(row.folder).parent.parent) / f"{row.name}.json"


def runs(
    *, task: Any = None, state: str | Collection[str] = (), results: str | Path = "results"
) -> Runs:
    """Return the runs of a results folder and of its studies, as ``nasbench runs`` lists them.

    Args:
        task: of one task only.
        state: ``running``, ``done``, ``stopped`` or ``failed``, or several of them.
        results: the folder with the runs.

    Raises:
        UserError: a state is unknown.

    Example:
        >>> nb.runs(task="digits", state="failed").remove()
    """
    with spelled("runs"):
        return listed((), task, [state] if isinstance(state, str) else state, Path(results))


def listed(given: Sequence[str], task: Any, states: Collection[str], results: Path) -> Runs:
    """Return some runs, or all of a task and of these states.

    Args:
        given: what names them; empty for all.
        task: of one task only; ``None`` for any.
        states: of the runs; empty for any.
        results: the results folder.

    Raises:
        UserError: one of them is not there, or a state is unknown.
    """
    for state in states:
        if state not in STATUSES:
            raise unknown("--state", state, STATUSES)
    name = None if task is None else sources.short(str(getattr(task, "source", task)))
    if not given:
        return Runs(run_rows.rows(results, name, states), results)
    found = {run.path.resolve(): run for run in _named(given, results)}
    rows = (run_rows.row(run) for run in found.values())
    kept = [r for r in rows if name in (None, r.task) and (not states or r.state in states)]
    return Runs(kept, results)


def _named(given: Sequence[str], results: Path) -> Iterator[RunFolder]:
    for one in given:
        yield find(results, one, "RUN")
