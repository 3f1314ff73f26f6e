"""Renders the leaderboard in one of several formats."""

from __future__ import annotations

from collections.abc import Callable

from nasbench.errors import unknown
from nasbench.report.formats.cells import PLAIN, View
from nasbench.report.formats.console import print_table, table
from nasbench.report.formats.html import html
from nasbench.report.formats.latex import latex
from nasbench.report.formats.markdown import markdown
from nasbench.report.formats.raw import as_csv, as_json
from nasbench.report.leaderboard import Leaderboard

__all__ = ["FORMATS", "View", "print_table", "render"]

FORMATS: dict[str, Callable[[Leaderboard, View], str]] = {
    "table": table,
    "md": markdown,
    "csv": as_csv,
    "json": as_json,
    "html": html,
    "latex": latex,
}
"""Format names and what renders each."""


def render(board: Leaderboard, format: str, view: View = PLAIN) -> str:
    """Return the board as text that ends in a newline.

    Args:
        board: what :func:`nasbench.report.leaderboard.build` returned.
        format: a key of :data:`FORMATS`.
        view: what is shown beside the rows; ``html`` and ``json`` hold everything anyway.

    Raises:
        UserError: the format is unknown.
    """
    if format not in FORMATS:
        raise unknown("format", format, FORMATS)
    return FORMATS[format](board, view)
