"""The leaderboard as aligned text, for a terminal of any width and for a pipe.

Columns that a terminal is too narrow for are left out. Numbers are never broken, and names only
between words.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from nasbench.errors import one_line, printable, shortened
from nasbench.report.formats.cells import (
    CORE,
    PLAIN,
    WIDE,
    Column,
    Listing,
    View,
    columns,
    left_out,
    standings,
)
from nasbench.report.leaderboard import Leaderboard
from nasbench.report.leaderboard import Table as Rows
from nasbench.report.rows import PUBLISHED

_GAP = 2  # spaces between columns
_NAME = 24  # characters of a name below which columns are left out in its favour
_FIRST_TO_GO = ("params", "search", "random")
_FIRST_TO_COME = ("seeds", "macs", "latency", "evaluations", "retrain", "interval", "openings")
_NUMBER = re.compile(r"([+\-\N{MINUS SIGN}]?\d+)(\.\d+)?((?: \N{PLUS-MINUS SIGN}|,| [*!]).*)?")
_USUAL = 80  # characters up to which a terminal shows the columns of a pipe at most
_SHORT = 13  # characters of a heading that stays in one line
_LEAST = 12  # characters of a column of words in a smaller table


@dataclass(frozen=True)
class Line:
    """A line of text.

    Attributes:
        text: without control characters.
        style: of rich, such as ``bold``.
    """

    text: str
    style: str = ""


def table(board: Leaderboard, view: View = PLAIN) -> str:
    """Return the leaderboard as text of any width, as a file or a pipe gets it."""
    return "".join(f"{line.text.rstrip()}\n" for line in lines(board, view, None))


def print_table(board: Leaderboard, console: Console, view: View = PLAIN) -> None:
    """Print the leaderboard as wide as the console is, and as wide as needed into a pipe."""
    _print(lines(board, view, width_of(console)), console)


def width_of(console: Console) -> int | None:
    """Return a console's width, ``None`` for a pipe whose reader has set none."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else None


def _print(found: Iterable[Line], console: Console) -> None:
    for line in found:
        console.print(Text(line.text.rstrip(), line.style), soft_wrap=True)


def lines(board: Leaderboard, view: View, width: int | None) -> Iterator[Line]:
    """Yield the tables with their words, then what the view adds, then what is left out.

    Args:
        board: the leaderboard.
        view: what is shown beside the tables.
        width: characters of a line, ``None`` for as many as are needed.
    """
    for remark in board.remarks:
        yield from _said(remark, width)
    missing = set[str]()
    for number, one in enumerate(board.tables):
        if number or board.remarks:
            yield Line("")
        shown = _fitting(one, view, width)
        yield from _titled(one.heading, shown, one, width)
        for sentence in one.words:
            yield from _said(sentence, width)
        if view.anytime and (course := standings(one.rows)):
            yield from (Line(""), *_listed(course, width))
        names = [column.name for column in shown]
        missing |= {name for name in WIDE if name not in names}
    if view.unfinished and board.unfinished:
        yield from _unfinished(board, width)
    if view.notes and board.notes and board.rows:
        yield Line("")
        for note in board.notes:
            yield from _said(f"- {note}", width, indent="  ")
    if not board.rows:
        for note in board.notes:
            yield from _said(note, width)
    if any(row.published for row in board.rows):
        yield from _said(f"{PUBLISHED} published with nasbench", width)
    hidden = left_out(board, view)
    if missing and not view.columns:
        names = [name for name in WIDE if name in missing]
        hidden.append(f"columns {', '.join(names)} (--columns)")
    if hidden:
        if board.rows:
            yield Line("")
        yield from _said(f"Not shown: {', '.join(hidden)}", width, style="dim")


def _said(text: str, width: int | None, indent: str = "", style: str = "") -> Iterator[Line]:
    """Yield a sentence in as many lines as it needs."""
    for line in _wrapped(one_line(text, 10**4), width, indent):
        yield Line(line, style)


def _wrapped(text: str, width: int | None, indent: str = "  ") -> list[str]:
    """Return a text in lines of at most this many characters, broken between words only."""
    if width is None or cell_len(text) <= width:
        return [text]
    room = max(width - len(indent), 1)
    words = " ".join(shortened(word, room) if len(word) > room else word for word in text.split())
    return textwrap.wrap(
        words,
        width,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _fitting(one: Rows, view: View, width: int | None) -> list[Column]:
    """Return the columns of a table that a line of this many characters holds."""
    if view.columns or width is None:
        return list(columns(one.measure, view.columns or CORE))
    names = list(CORE)
    for name in _FIRST_TO_GO:
        if _spare(columns(one.measure, names), one, width) < 0:
            names.remove(name)
    for name in _FIRST_TO_COME if width > _USUAL else ():
        more = [known for known in WIDE if known in (*names, name)]
        if (
            len(names) >= len(CORE)
            and _spare(columns(one.measure, more), one, width, whole=True) >= 0
        ):
            names = more
    return list(columns(one.measure, names))


def _spare(shown: Sequence[Column], one: Rows, width: int, whole: bool = False) -> int:
    """Return the characters that these columns leave free.

    Args:
        shown: the columns.
        one: the table.
        width: characters of a line.
        whole: whether names are to stand in one line each.
    """
    needed = -_GAP
    for column in shown:
        own = _width(column.heading, _texts(column.numeric, map(column.text, one.rows)))
        if not column.numeric and not whole:
            own = min(own, _NAME)
        needed += own + _GAP
    return width - needed


def _width(heading: str, cells: Iterable[str]) -> int:
    """Return the characters of the widest cell, and of a short heading or its longest word."""
    head = [heading] if len(heading) <= _SHORT else heading.split()
    return max(map(cell_len, [*head, *cells]))


def _texts(numeric: bool, cells: Iterable[str]) -> list[str]:
    """Return the cells of a column as they are shown."""
    clean = list(map(_clean, cells))
    return _aligned(clean) if numeric else clean


def _clean(text: str) -> str:
    return printable(" ".join(text.split()))


def _titled(title: str, shown: Sequence[Column], one: Rows, width: int | None) -> Iterator[Line]:
    yield Line(_clean(title), "bold")
    cells = [[column.text(row) for row in one.rows] for column in shown]
    headings = [column.heading for column in shown]
    yield from _grid(headings, cells, [column.numeric for column in shown], width, _NAME)


def _grid(
    headings: Sequence[str],
    cells: Sequence[Sequence[str]],
    numeric: Sequence[bool],
    width: int | None,
    least: int,
) -> Iterator[Line]:
    """Yield aligned columns; those of words are wrapped if a line is too short for them.

    Args:
        headings: one per column.
        cells: of each column, its cells.
        numeric: whether each column holds numbers.
        width: characters of a line, ``None`` for as many as are needed.
        least: characters that a column of words keeps.
    """
    aligned = [_texts(right, column) for column, right in zip(cells, numeric, strict=True)]
    both = list(zip(headings, aligned, strict=True))
    widths = [max(map(cell_len, [heading, *column])) for heading, column in both]
    if width is not None and sum(widths) + _GAP * (len(widths) - 1) > width:
        widths = [_width(heading, column) for heading, column in both]
    if width is not None:
        _narrow(widths, numeric, width, least)
    blocks = [
        [
            textwrap.wrap(head, size, break_long_words=False)
            for head, size in zip(headings, widths, strict=True)
        ]
    ]
    top = max(map(len, blocks[0]))
    blocks[0] = [[""] * (top - len(block)) + block for block in blocks[0]]
    for row in zip(*aligned, strict=True):
        blocks.append(
            [
                [cell] if right else _wrapped(cell, size) or [""]
                for cell, size, right in zip(row, widths, numeric, strict=True)
            ]
        )
    for number, block in enumerate(blocks):
        for place in range(max(map(len, block))):
            parts = [
                _padded(lines[place] if place < len(lines) else "", size, right)
                for lines, size, right in zip(block, widths, numeric, strict=True)
            ]
            yield Line((" " * _GAP).join(parts), "" if number else "dim")


def _narrow(widths: list[int], numeric: Sequence[bool], width: int, least: int) -> None:
    """Take characters from the widest columns of words until a line holds all columns."""
    while sum(widths) + _GAP * (len(widths) - 1) > width:
        wordy = [place for place, right in enumerate(numeric) if not right]
        widest = max(wordy, key=lambda place: widths[place], default=None)
        if widest is None or widths[widest] <= min(least, _LEAST):
            return
        widths[widest] -= 1


def _aligned(cells: list[str]) -> list[str]:
    """Return numbers with their decimal points, and what follows them, below each other."""
    found = [_NUMBER.fullmatch(cell) for cell in cells]
    if not all(match or not cell for match, cell in zip(found, cells, strict=True)):
        return cells
    parts = [match.groups("") if match else ("", "", "") for match in found]
    whole, fraction, rest = (max(map(cell_len, column)) for column in zip(*parts, strict=True))
    return [
        f"{a:>{whole}}{b:<{fraction}}{c:<{rest}}" if cell else ""
        for cell, (a, b, c) in zip(cells, parts, strict=True)
    ]


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def print_listing(listing: Listing, console: Console) -> None:
    """Print a smaller table as wide as the console is, and as wide as needed into a pipe."""
    _print(_listed(listing, width_of(console)), console)


def _listed(listing: Listing, width: int | None) -> Iterator[Line]:
    """Yield a smaller table; if a line is too short for it, one line for each of its cells."""
    yield Line(_clean(listing.title), "bold")
    cells = list(zip(*listing.lines, strict=True)) or [()] * len(listing.headings)
    grid = list(_grid(listing.headings, cells, listing.numeric, width, _LEAST))
    if width is None or max(cell_len(line.text.rstrip()) for line in grid) <= width:
        yield from grid
        return
    for first, *others in listing.lines:
        yield from _said(first, width, indent="  ")
        for heading, cell in zip(listing.headings[1:], others, strict=True):
            yield from (
                Line(f"  {line}") for line in _wrapped(f"{heading}: {_clean(cell)}", width - 2)
            )


def _unfinished(board: Leaderboard, width: int | None) -> Iterator[Line]:
    """Yield the runs that gave no result, with the reason."""
    yield from (Line(""), Line("Not finished (no results)", "bold"))
    for run in board.unfinished:
        reason = f": {run.error}" if run.error else ""
        said = f"{run.run}: {run.verb} {run.method} on {run.task}, {run.status}{reason}"
        yield from _said(said, width, indent="  ")
