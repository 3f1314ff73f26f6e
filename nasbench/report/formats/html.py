"""The leaderboard as one HTML page without external resources."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from nasbench.optional import available
from nasbench.report.anytime import inline_svg
from nasbench.report.formats.cells import PLAIN, Listing, View, columns, standings, unfinished
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
th, td { padding: .35rem .6rem; border-bottom: 1px solid var(--line); text-align: left;
         vertical-align: top; }
th { background: var(--head); font-weight: 600; }
td.number, th.number { text-align: right; }
td.number { white-space: nowrap; }
figure { margin: 1rem 0; max-width: 50rem; background: #ffffff; border-radius: .3rem; }
figure svg { display: block; width: 100%; height: auto; }
ul, .missing { color: var(--soft); }
ul {; padding-left: 1.2rem; }
"""


def html(board: Leaderboard, view: View = PLAIN) -> str:
    """Return a standalone page with everything, light or dark as the reader's system prefers.

    The anytime curves are drawn in the page if matplotlib is installed.
    """
    sections = [f"<p>{escape(remark)}</p>" for remark in board.remarks]
    for number, one in enumerate(board.tables):
        shown = columns(one.measure, view.columns)
        rows = [[column.text(row) for column in shown] for row in one.rows]
        headings = [column.heading for column in shown]
        table = _table(headings, rows, [column.numeric for column in shown])
        sections += [f"<h2>{escape(one.heading)}</h2>", table]
        sections.append(f"<p>{escape(' '.join(one.words))}</p>")
        if course := standings(one.rows):
            sections += _listed(course, "h3")
            if available("matplotlib"):
                drawn = inline_svg(one, f"curves{number}")
                sections.append(f"<figure>{drawn}</figure>")
            else:
                sections.append(
                    '<p class="missing">The curves are not drawn: matplotlib is missing; '
                    "install it with: pip install matplotlib</p>"
                )
    if runs := unfinished(board):
        sections += _listed(runs, "h2")
    if board.notes:
        items = "\n".join(f"<li>{escape(note)}</li>" for note in board.notes)
        opened = " open" if view.notes or not board.rows else ""
        sections.append(
            f"<details{opened}><summary>Notes ({len(board.notes)})</summary>\n"
            f"<ul>\n{items}\n</ul></details>"
        )
    body = "\n".join(sections)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>nasbench leaderboard</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<h1>Leaderboard</h1>\n{body}\n</body>\n</html>\n"
    )


def _listed(listing: Listing, level: str) -> list[str]:
    return [
        f"<{level}>{escape(listing.title)}</{level}>",
        _table(listing.headings, listing.lines, listing.numeric),
    ]


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
