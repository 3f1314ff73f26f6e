"""The leaderboard as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nasbench.report.formats.cells import (
    PAPER,
    PLAIN,
    Listing,
    View,
    columns,
    left_out,
    standings,
    unfinished,
)
from nasbench.report.leaderboard import Leaderboard
from nasbench.report.rows import PUBLISHED


def markdown(board: Leaderboard, view: View = PLAIN) -> str:
    """Return one section per task and metric with its words, then what the view adds."""
    blocks = ["# Leaderboard", *map(_escape, board.remarks)]
    for one in board.tables:
        shown = columns(one.measure, view.columns or PAPER)
        rows = [[column.text(row) for column in shown] for row in one.rows]
        headings = [column.heading for column in shown]
        numeric = [column.numeric for column in shown]
        blocks += [f"## {_escape(one.heading)}", table(headings, rows, numeric)]
        blocks.append(" ".join(map(_escape, one.words)))
        if view.anytime and (course := standings(one.rows)):
            blocks += _listed(course, "###")
    if view.unfinished and (runs := unfinished(board)):
        blocks += _listed(runs, "##")
    if board.notes and (view.notes or not board.rows):
        blocks += ["## Notes", "\n".join(f"- {_escape(note)}" for note in board.notes)]
    if any(row.published for row in board.rows):
        blocks.append(f"{PUBLISHED} published with nasbench")
    if hidden := left_out(board, view):
        blocks.append(f"Not shown: {', '.join(hidden)}.")
    return "\n\n".join(blocks) + "\n"


def _listed(listing: Listing, level: str) -> list[str]:
    return [f"{level} {listing.title}", table(listing.headings, listing.lines, listing.numeric)]


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool]) -> str:
    """Return a Markdown table.

    Args:
        headings: one per column.
        rows: cells per row, escaped here.
        numeric: whether each column holds numbers, which are right-aligned.
    """
    rules = ["---:" if right else "---" for right in numeric]
    lines = [_line(headings), _line(rules, raw=True), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str], raw: bool = False) -> str:
    return f"| {' | '.join(cell if raw else _escape(cell) for cell in cells)} |"


def _escape(text: str) -> str:
    """Keep a name or an error message from ending its cell, its line or becoming HTML."""
    flat = " ".join(text.split())
    for character, safe in (("\\", "\\\\"), ("|", "\\|"), ("<", "&lt;"), ("*", "\\*")):
        flat = flat.replace(character, safe)
    return flat
