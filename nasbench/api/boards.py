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
from nasbench.report.formats import View, render
from nasbench.report.formats.cells import PAPER, chosen, columns
from nasbench.report.leaderboard import Leaderboard, build, unfinished_runs
from nasbench.store import published, studies
from nasbench.store.records import Record, read_records
from nasbench.store.runs import find
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

    def text(
        self,
        format: str = "table",
        *,
        columns: str | Iterable[str] = (),
        notes: bool = False,
        unfinished: bool = False,
        anytime: bool = False,
    ) -> str:
        """Return the leaderboard as text.

        Args:
            format: ``table``, ``md``, ``csv``, ``json``, ``html`` or ``latex``.
            columns: names of the columns, such as ``"rank,method,accuracy"``; ``"all"`` stands
                for every one.
            notes: whether to add the notes.
            unfinished: whether to add the runs without a result.
            anytime: whether to add the results during the search.

        Raises:
            UserError: the format or a column is unknown.
        """
        names = self.columns(columns) if columns else ()
        return render(self.board, format, View(names, notes, unfinished, anytime))

    def columns(self, names: str | Iterable[str]) -> tuple[str, ...]:
        """Return the columns of these names; a metric's name stands for its results.

        Raises:
            UserError: one is unknown.
        """
        return chosen(names, {row.measure.name for row in self.board.rows})

    def write(self, path: str | Path, format: str | None = None, **shown: Any) -> Path:
        """Write the leaderboard to a file and return its path.

        Args:
            path: the file.
            format: see :meth:`text`; by default that of the file's suffix.
            shown: the other arguments of :meth:`text`.

        Raises:
            UserError: the format or a column is unknown, or the file cannot be written.
        """
        from nasbench.store.atomic import write_text

        target = Path(path)
        kind = format or target.suffix.removeprefix(".")
        if format is None:
            kind = {"txt": "table", "tex": "latex"}.get(kind, kind)
        write_text(target, self.text(kind, **shown))
        return target

    def __len__(self) -> int:
        return len(self.board.rows)

    def __repr__(self) -> str:
        return self.text("table").rstrip("\n")

    def _repr_html_(self) -> str:
        blocks = [f"<div>{html.text(remark)}</div>" for remark in self.board.remarks]
        for table in self.board.tables:
            shown = columns(table.measure, PAPER)
            rows = [[column.text(row) for column in shown] for row in table.rows]
            headings = [column.heading for column in shown]
            blocks += [html.heading(table.heading), html.listing(headings, rows)]
            blocks += [f"<div>{html.text(words)}</div>" for words in table.words]
        if self.board.unfinished:
            lines = [(one.run, one.method, one.status, one.error) for one in self.board.unfinished]
            blocks.append(html.listing(("run", "method", "status", "error"), lines))
        if notes := "".join(f"<li>{html.text(note)}</li>" for note in self.board.notes):
            said = f"<summary>Notes ({len(self.board.notes)})</summary><ul>{notes}</ul>"
            blocks.append(f"<details>{said}</details>")
        return "\n".join(blocks)


def leaderboard(
    runs: Iterable[Trained | str | Path] | None = None,
    *,
    task: Any = None,
    results: str | Path = "results",
    with_published: bool = False,
) -> Board:
    """Compare methods in one table, with intervals and costs, as ``nasbench leaderboard`` does.

    Args:
        runs: retrainings to compare: what :func:`nasbench.retrain` returned, lists of it, or the
            names of runs; by default all of the results folder.
        task: show one task only.
        results: the folder with runs and records.
        with_published: whether to show the results that come with nasbench as well, marked.

    Raises:
        UserError: the task is unknown, a run has no record, or the published results are missing.

    Example:
        >>> found = nb.search("darts", task="digits", seeds=3)
        >>> nb.leaderboard([one.retrain() for one in found])
    """
    with spelled("leaderboard"):
        name = None if task is None else sources.short(str(getattr(task, "source", task)))
        if runs is None:
            return of_folder(Path(results), name, with_published)
        ours, problems = _published(with_published)
        return Board(build(_records(runs, Path(results)), [], name, ours), problems)


def of_folder(results: Path, task: str | None, with_published: bool = False) -> Board:
    """Return the leaderboard of a results folder.

    Args:
        results: the folder.
        task: show one task only.
        with_published: whether to show the results that come with nasbench as well.

    Raises:
        UserError: the task is neither a known one nor that of a record, or the published results
            are missing.
    """
    records, problems = read_records(results)
    ours, more = _published(with_published)
    tasks = dict.fromkeys([*catalog.TASKS, *(record.task for record in (*records, *ours))])
    if task is not None and task not in tasks:
        task = sources.short(task)  # of a place such as images/, whose records have its name alone
    if task is not None and task not in tasks and ":" not in task:
        raise unknown("task", task, tasks)
    board = build(records, unfinished_runs(results), task, ours)
    if known := studies.note(results):
        board = replace(board, remarks=(known,))
    return Board(board, [*problems, *more])


def _published(wanted: bool) -> tuple[list[Record], list[str]]:
    """Return the published records if they are wanted, and a line for each unreadable one."""
    return read_records(published.folder()) if wanted else ([], [])


def _records(runs: Any, results: Path) -> list[Record]:
    """Return the records of runs, of which some may be lists of seeds.

    Args:
        runs: results, or names of runs.
        results: the folder with the runs, for names.

    Raises:
        UserError: one is no retraining.
    """
    from nasbench.api.results import Run, of

    if isinstance(runs, str | Path):
        runs = of(find(results, str(runs), "run", ("retrain",), ("done",)).path)
    if isinstance(runs, Run):
        record = getattr(runs, "record", None)
        if not isinstance(record, Record):
            raise UserError(
                f"{runs.folder}: the leaderboard compares retrainings: retrain it first"
            )
        return [record]
    try:
        return [record for run in runs for record in _records(run, results)]
    except TypeError:
        raise UserError(
            f"runs: {type(runs).__name__}: allowed: what nb.retrain returned, and runs"
        ) from None


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return {"True": True, "False": False, "": None}.get(text, text)
