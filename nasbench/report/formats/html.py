"""The leaderboard as one HTML page that needs nothing from the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from nasbench.report.formats.cells import COLUMNS, UNFINISHED
from nasbench.report.leaderboard import Leaderboard

_STYLE = """
:root { color-scheme: light dark; --text: #1b1f24; --page: #ffffff; --line: #d0d7de;
        --soft: #57606a; --head: #f3f5f7; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e8eb; --page: #14171a; --line: #363c44; --soft: #a3acb7; --head: #1e2328; }
}
body { color: var(--text); background: var(--page); margin: 2rem auto; padding: 0 1rem;
       max-width: 100rem; font: 15px/1.5 system-ui, sans-serif; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .35rem .7rem; border-bottom: 1px solid var(--line); text-align: left;
         vertical-align: top; }
th { background: var(--head); font-weight: 600; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
ul { color: var(--soft); padding-left: 1.2rem; }
"""


def html(board: Leaderboard) -> str:
    """Return a standalone page, light or dark as the reader's system prefers."""
    sections = [section for task in board.tasks for section in _task(board, task)]
    if board.unfinished:
        runs = [[getattr(run, name) for name in UNFINISHED] for run in board.unfinished]
        sections += ["<h2>Not finished (no results)</h2>", _table(UNFINISHED, runs, [False] * 6)]
    if board.notes:
        items = "\n".join(f"<li>{escape(note)}</li>" for note in board.notes)
        sections += ["<h2>Notes</h2>", f"<ul>\n{items}\n</ul>"]
    return _page("\n".join(sections))


def _task(board: Leaderboard, task: str) -> list[str]:
    headings = [column.heading for column in COLUMNS]
    rows = [[column.text(row) for column in COLUMNS] for row in board.of(task)]
    table = _table(headings, rows, [column.numeric for column in COLUMNS])
    return [f"<h2>{escape(task)}</h2>", table]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool]) -> str:
    head = _line("th", headings, numeric)
    body = "\n".join(_line("td", row, numeric) for row in rows)
    return (
        f'<div class="wide"><table>\n<thead>\n{head}\n</thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _line(tag: str, cells: Sequence[str], numeric: Sequence[bool]) -> str:
    marks = [' class="number"' if right else "" for right in numeric]
    filled = zip(marks, cells, strict=True)
    return f"<tr>{''.join(f'<{tag}{mark}>{escape(cell)}</{tag}>' for mark, cell in filled)}</tr>"


def _page(body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>nasbench leaderboard</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>Leaderboard</h1>\n{body}\n</body>\n</html>\n"
    )
