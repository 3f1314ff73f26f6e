"""The leaderboard as LaTeX tables for a paper, with the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from nasbench.errors import printable
from nasbench.report.formats.cells import PAPER, PLAIN, View, columns
from nasbench.report.leaderboard import Leaderboard, Table

_SIGNS = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"},
    **{"`": r"\textasciigrave{}", "'": r"\textquotesingle{}"},
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MINUS SIGN}": "$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{GREEK CAPITAL LETTER DELTA}": r"$\Delta$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{DAGGER}": r"$\dagger$",
    "\N{EN DASH}": "--",
    "\N{NO-BREAK SPACE}": "~",
}
_SPECIAL = re.compile("|".join(map(re.escape, _SIGNS)))
_UNIT = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|k|M|G|T|%)\b)|(?<=\d) (?=%)")


def latex(board: Leaderboard, view: View = PLAIN) -> str:
    """Return a table for each task and metric, with its words as the caption."""
    blocks = [r"% \usepackage{booktabs,textcomp}", *(_comment(line) for line in board.remarks)]
    blocks += [_table(one, view) for one in board.tables]
    if view.notes or not board.rows:
        blocks += [_comment(note) for note in board.notes]
    return "\n".join(blocks) + "\n"


def _table(one: Table, view: View) -> str:
    shown = columns(one.measure, view.columns or PAPER)
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{_caption(one)}}}",
        rf"  \begin{{tabular}}{{{''.join('r' if column.numeric else 'l' for column in shown)}}}",
        r"    \toprule",
        f"    {_line([column.heading for column in shown])}",
        r"    \midrule",
        *(f"    {_line([column.text(row) for column in shown])}" for row in one.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _caption(one: Table) -> str:
    said = [f"{one.heading}."]
    if any(row.interval for row in one.rows):
        said.append("\N{PLUS-MINUS SIGN}: half of the 95 % interval over the search seeds.")
    said += [words for words in one.words if "`" not in words]  # those name a command
    return escape(" ".join(said))


def _line(cells: Sequence[str]) -> str:
    return " & ".join(map(escape, cells)) + r" \\"


def _comment(text: str) -> str:
    return f"% {printable(' '.join(text.split()))}"


def escape(text: str) -> str:
    """Return a text that LaTeX prints as it is; a number and its unit stay together."""
    flat = printable(" ".join(text.split()))
    escaped = _SPECIAL.sub(lambda found: _SIGNS[found[0]], _UNIT.sub("\N{NO-BREAK SPACE}", flat))
    return escaped
