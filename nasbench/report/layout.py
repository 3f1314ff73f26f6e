"""Small tables as aligned text that fits a terminal: no frame, no cell on two lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from nasbench.errors import printable

_GAP = "  "
_DOTS = "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Field:
    """A column.

    Attributes:
        heading: its heading.
        numeric: whether it is aligned to the right.
        least: the width down to which its cells may be cut, ``None`` if they never are.
        rank: a narrow terminal omits the columns of the highest rank first; 0 is always shown.
    """

    heading: str
    numeric: bool = False
    least: int | None = None
    rank: int = 0


def aligned(
    columns: Sequence[Field], rows: Sequence[Sequence[str]], width: int | None
) -> list[str]:
    """Return a line of headings and a line for each row.

    Args:
        columns: the columns.
        rows: a cell for each column; control characters are escaped.
        width: of the terminal, in characters; ``None`` for a pipe, in which nothing is cut.
    """
    table = [[column.heading for column in columns]]
    table += [[printable(cell) for cell in row] for row in rows]
    kept = list(range(len(columns)))
    widths = [max(cell_len(row[i]) for row in table) for i in kept]
    if width is not None:
        kept = _shown(columns, widths, width)
        _narrow(columns, widths, kept, width)
    return [
        _GAP.join(_cell(row[i], widths[i], columns[i].numeric) for i in kept).rstrip()
        for row in table
    ]


def _shown(columns: Sequence[Field], widths: Sequence[int], width: int) -> list[int]:
    """Return the columns that fit if those that may be cut are cut."""
    kept = list(range(len(columns)))
    for rank in sorted({column.rank for column in columns} - {0}, reverse=True):
        least = [
            w if (at_least := columns[i].least) is None else min(w, at_least)
            for i, w in enumerate(widths)
        ]
        if _total(least, kept) <= width:
            break
        kept = [i for i in kept if columns[i].rank != rank]
    return kept


def _narrow(columns: Sequence[Field], widths: list[int], kept: list[int], width: int) -> None:
    """Cut the widest column that may be cut until all fit."""
    while _total(widths, kept) > width:
        wide = [i for i in kept if widths[i] > (columns[i].least or widths[i])]
        if not wide:
            return
        widths[max(wide, key=lambda i: widths[i])] -= 1


def _total(widths: Sequence[int], kept: Sequence[int]) -> int:
    return sum(widths[i] for i in kept) + len(_GAP) * (len(kept) - 1)


def _cell(text: str, width: int, numeric: bool) -> str:
    if cell_len(text) > width:
        text = set_cell_size(text, width - 1) + _DOTS
    space = " " * (width - cell_len(text))
    return space + text if numeric else text + space
