"""Pictures of the anytime curves: in files, or inside a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

from nasbench.report import anytime
from nasbench.report.curves import draw, picture
from nasbench.report.leaderboard import Leaderboard, Row

_XLABEL = "device-seconds of the search"
_YLABEL = "best validation accuracy so far, %"
_TITLE = "{}: mean over search seeds, 95 % interval"


def write_pictures(board: Leaderboard, folder: Path, suffix: str = "") -> list[Path]:
    """Write ``anytime-<task>.svg`` for each task that has curves and return the paths.

    Args:
        board: the leaderboard.
        folder: where the pictures go.
        suffix: follows the task's name in the title, such as the scale of a study.

    Raises:
        UserError: matplotlib is missing, or a file cannot be written.
    """
    paths = []
    for task in board.tasks:
        if curves := anytime.curves(board.of(task)):
            path = folder / f"anytime-{re.sub(r'[^A-Za-z0-9_.-]+', '_', task)}.svg"
            title = _TITLE.format(f"{task}{suffix}")
            paths.append(draw(curves, path, xlabel=_XLABEL, ylabel=_YLABEL, title=title))
    return paths


def inline_svg(task: str, rows: Sequence[Row], prefix: str) -> str:
    """Return one task's curves as an ``<svg>`` element to stand inside an HTML page.

    Args:
        task: the task's name.
        rows: its rows; at least one has a curve.
        prefix: goes before the element's ids, which must be unique in the page.

    Raises:
        UserError: matplotlib is missing.
    """
    curves, title = anytime.curves(rows), _TITLE.format(task)
    drawn = picture(curves, "svg", xlabel=_XLABEL, ylabel=_YLABEL, title=title).decode()
    element = drawn[drawn.index("<svg") + len("<svg") :].rstrip()
    element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element)  # implied in HTML
    element = re.sub(r'( id="|url\(#|href="#)', rf"\g<1>{prefix}-", element)
    return f'<svg role="img" aria-label="{escape(title)}"{element}'
