"""``nasbench.leaderboard``: methods compared in one table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench import catalog
from nasbench.api import html
from nasbench.api.calling import spelled
from nasbench.errors import UserError, unknown
from nasbench.report.formats import FORMATS, render
from nasbench.report.formats.cells import columns
from nasbench.report.leaderboard import Leaderboard, build, unfinished_runs
from nasbench.store import studies
from nasbench.store.records import Record, read_records
from nasbench.tasks import sources

if TYPE_CHECKING:
    from nasbench.api.results import Trained


class Board:
    """A leaderboard: ``nb.leaderboard`` returns it.

    Args:
        board: the rows, the runs without a result, and the notes.
        problems: records that could not be read, in lines.

    Attributes:
        board: the rows, the runs without a result, and the notes.
        problems: records that could not be read, in lines.
    """

    def __init__(self, board: Leaderboard, problems: Iterable[str] = ()) -> None:
        self.board = board
        self.problems = tuple(problems)

    @property
    def rows(self) -> Any:
        """A row of each method on each task, as a pandas frame or a list of dictionaries."""
        import csv
        import io

        from nasbench.api.results import table

        lines = csv.DictReader(io.StringIO(self.text("csv")))
        return table([{k: _number(v) for k, v in line.items()} for line in lines])

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be known to read the rows, one line each."""
        return self.board.notes

    def text(self, format: str = "table") -> str:
        """Return the leaderboard as text.

        Args:
            format: ``table``, ``md``, ``csv``, ``json`` or ``html``.

        Raises:
            UserError: the format is unknown.
        """
        return render(self.board, format)

    def write(self, path: str | Path, format: str | None = None) -> Path:
        """Write the leaderboard to a file and return its path.

        Args:
            path: the file.
            format: see :meth:`text`; by default that of the file's suffix.

        Raises:
            UserError: the format is unknown, or the file cannot be written.
        """
        from nasbench.store.atomic import write_text

        target = Path(path)
        chosen = format or target.suffix.removeprefix(".")
        if chosen not in FORMATS:
            chosen = "table" if format is None and chosen == "txt" else chosen
        write_text(target, self.text(chosen))
        return target

    def __len__(self) -> int:
        return len(self.board.rows)

    def __repr__(self) -> str:
        return self.text("table").rstrip("\n")

    def _repr_html_(self) -> str:
        blocks = []
        for table in self.board.tables:
            shown = columns(table.measure)
            rows = [[column.text(row) for column in shown] for row in table.rows]
            headings = [column.heading for column in shown]
            blocks += [html.heading(table.title), html.listing(headings, rows)]
        if self.board.unfinished:
            lines = [(one.run, one.method, one.status, one.error) for one in self.board.unfinished]
            blocks.append(html.listing(("run", "method", "status", "error"), lines))
        notes = "".join(f"<li>{html.text(note)}</li>" for note in self.board.notes)
        return "\n".join([*blocks, f"<ul>{notes}</ul>" if notes else ""])


def leaderboard(
    runs: Iterable[Trained | str | Path] | None = None,
    *,
    task: Any = None,
    results: str | Path = "results",
) -> Board:
    """Compare methods in one table, with intervals and costs, as ``nasbench leaderboard`` does.

    Args:
        runs: retrainings to compare: what :func:`nasbench.retrain` returned, lists of it, or run
            folders; by default all of the results folder.
        task: show one task only.
        results: the folder with runs and records.

    Raises:
        UserError: the task is unknown, or a run has no record.

    Example:
        >>> found = nb.search("darts", task="digits", seeds=3)
        >>> nb.leaderboard([one.retrain() for one in found])
    """
    with spelled("leaderboard"):
        name = None if task is None else sources.short(str(getattr(task, "source", task)))
        if runs is None:
            return of_folder(Path(results), name)
        return Board(build(_records(runs), [], name))


def of_folder(results: Path, task: str | None) -> Board:
    """Return the leaderboard of a results folder.

    Args:
        results: the folder.
        task: show one task only.

    Raises:
        UserError: the task is neither a known one nor that of a record.
    """
    records, problems = read_records(results)
    tasks = dict.fromkeys([*catalog.TASKS, *(record.task for record in records)])
    if task is not None and task not in tasks:
        task = sources.short(task)  # of a place such as images/, whose records have its name alone
    if task is not None and task not in tasks and ":" not in task:
        raise unknown("task", task, tasks)
    board = build(records, unfinished_runs(results), task)
    if known := studies.note(results):
        board = replace(board, notes=(known, *board.notes))
    return Board(board, problems)


def _records(runs: Any) -> list[Record]:
    """Return the records of runs, of which some may be lists of seeds.

    Raises:
        UserError: one is no retraining.
    """
    from nasbench.api.results import Run, of

    if isinstance(runs, str | Path):
        runs = of(Path(runs))
    if isinstance(runs, Run):
        record = getattr(runs, "record", None)
        if not isinstance(record, Record):
            raise UserError(
                f"{runs.folder}: the leaderboard compares retrainings: retrain it first"
            )
        return [record]
    try:
        return [record for run in runs for record in _records(run)]
    except TypeError:
        raise UserError(
            f"runs: {type(runs).__name__}: allowed: what nb.retrain returned, and run folders"
        ) from None


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return {"True": True, "False": False, "": None}.get(text, text)
