"""Two measurements of the same things against each other, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nasbench.report.figure import drawn
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

    def fill(figure: Any) -> None:
        axes = figure.subplots()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color="#E5E5E5", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.scatter(*zip(*points, strict=True), s=14, alpha=0.6, color=_SAMPLE, linewidths=0)
        if marked is not None:
            axes.scatter(*marked, s=60, marker="*", color=_MARKED, label=mark)
            axes.legend(frameon=False, loc="best")
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)

    made = drawn(fill, "svg", (5.6, 4.6), "drawing")
    write(path, lambda file: file.write(made))
    return path
