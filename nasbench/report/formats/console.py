"""The leaderboard as tables on a console."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from nasbench.errors import printable
from nasbench.report.formats.cells import Column, Listing, columns, standings, unfinished
from nasbench.report.leaderboard import Leaderboard, Row
from nasbench.report.leaderboard import Table as Rows

_EXPENDABLE = (
    *("retrain cost", "latency", "MACs", "evaluations", "parameters"),
    *("space", "search cost"),
)
"""Columns that a narrow console omits, in this order."""

_WHOLE = 12  # cells up to this long are never broken over lines
_WIDE = 240  # columns of the text form, which no terminal cuts


def table(board: Leaderboard) -> str:
    """Return what :func:`print_table` prints, without colours, for a file or a pipe."""
    file = io.StringIO()  # in a notebook, too
    console = Console(file=file, width=_WIDE, color_system=None, force_jupyter=False)
    with console.capture() as captured:
        print_table(board, console)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def print_table(board: Leaderboard, console: Console) -> None:
    """Print one table per task and metric, its anytime results, the unfinished runs and the notes.

    A console too narrow for every column omits some and names them.
    """
    for one in board.tables:
        console.print(_fitting(one, console.width))
        if course := standings(one.rows):
            console.print(listed(course))
    if runs := unfinished(board):
        console.print(listed(runs))
    for note in board.notes:
        console.print(_cell(f"note: {note}"), style="yellow")


def _fitting(table: Rows, space: int) -> Table:
    """Return the table with as many columns as ``space`` characters hold unbroken."""
    rows, kept, dropped = table.rows, list(columns(table.measure)), list[str]()
    for heading in _EXPENDABLE:
        if _spare(kept, rows, space) >= 0:
            break
        kept = [column for column in kept if column.heading != heading]
        dropped.append(heading)
    caption = f"too narrow for: {', '.join(dropped)}" if dropped else None
    drawn = Table(title=_cell(table.title), caption=caption, title_justify="left")
    # Rich itself narrows all columns alike, including those of short numbers. Here spare
    # characters are handed out from the left.
    spare = _spare(kept, rows, space)
    folded = spare < 0  # a name is longer than the console: rich folds it
    for column in kept:
        needed = _needed(column, rows)
        wished = max(map(cell_len, [column.heading, *map(column.text, rows)]))
        extra = min(spare, wished - needed)
        spare -= extra
        justify: JustifyMethod = "right" if column.numeric else "left"
        width = None if folded else needed + extra
        drawn.add_column(column.heading, justify=justify, width=width, overflow="fold")
    for row in rows:
        drawn.add_row(*(_cell(column.text(row)) for column in kept))
    return drawn


def _spare(columns: Sequence[Column], rows: Sequence[Row], space: int) -> int:
    """Return the characters left over when every column is as narrow as it can be."""
    return space - 1 - sum(_needed(column, rows) + 3 for column in columns)  # 3: the frame


def _needed(column: Column, rows: Sequence[Row]) -> int:
    """Return the smallest width at which no word and no short cell is broken."""
    words = column.heading.split()
    for text in map(column.text, rows):
        words += [text] if cell_len(text) <= _WHOLE else text.split()
    return max(map(cell_len, words))


def listed(listing: Listing) -> Table:
    """Return a smaller table."""
    drawn = Table(title=Text(listing.title), title_justify="left")
    for heading, numeric in zip(listing.headings, listing.numeric, strict=True):
        drawn.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for line in listing.lines:
        drawn.add_row(*map(_cell, line))
    return drawn


def _cell(text: str) -> Text:
    """Return the text of a record or a file without control characters."""
    return Text(printable(text))
