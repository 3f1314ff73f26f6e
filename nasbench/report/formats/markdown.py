"""The leaderboard as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nasbench.report.formats.cells import Listing, columns, standings, unfinished
from nasbench.report.leaderboard import Leaderboard


def markdown(board: Leaderboard) -> str:
    """Return one section per task and metric, then the unfinished runs, then the notes."""
    blocks = ["# Leaderboard"]
    for one in board.tables:
        shown = columns(one.measure)
        rows = [[column.text(row) for column in shown] for row in one.rows]
        headings = [column.heading for column in shown]
        numeric = [column.numeric for column in shown]
        blocks += [f"## {_escape(one.title)}", table(headings, rows, numeric)]
        if course := standings(one.rows):
            blocks += _listed(course, "###")
    if runs := unfinished(board):
        blocks += _listed(runs, "##")
    if board.notes:
        blocks += ["## Notes", "\n".join(f"- {_escape(note)}" for note in board.notes)]
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
