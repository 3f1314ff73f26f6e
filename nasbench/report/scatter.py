"""Two measurements of the same things against each other, as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from nasbench.optional import require
from nasbench.report.curves import METADATA, STYLE
from nasbench.store.atomic import write

_SAMPLE, _MARKED = "#0072B2", "#D55E00"


def draw_scatter(
    points: Sequence[tuple[float, float]],
    path: Path,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    marked: tuple[float, float] | None = None,
    mark: str = "",
) -> Path:
    """Draw points into an SVG file and return its path.

    Args:
        points: horizontal and vertical place of each.
        path: the file to write.
        xlabel: what is shown from left to right, with its unit.
        ylabel: what is shown upwards.
        title: stands above the picture.
        marked: one point more that stands out.
        mark: its name in the legend.

    Raises:
        UserError: matplotlib is missing, or the file cannot be written.
    """
    matplotlib = require("matplotlib", "drawing")
    figures = require("matplotlib.figure", "drawing")
    with matplotlib.rc_context(STYLE):
        figure = figures.Figure(figsize=(5.6, 4.6), layout="constrained", facecolor="white")
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#E5E5E5", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.scatter(*zip(*points, strict=True), s=14, alpha=0.6, color=_SAMPLE, linewidths=0)
        if marked is not None:
            axes.scatter(*marked, s=60, marker="*", color=_MARKED, label=mark)
            axes.legend(frameon=False, loc="best")
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata=METADATA["svg"])
    write(path, lambda file: file.write(drawn.getvalue()))
    return path
