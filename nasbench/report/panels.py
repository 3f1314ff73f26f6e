"""Results of several methods on several problems, one panel for each: curves, or dots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nasbench.optional import require
from nasbench.report.plots import COLOURS, Curve, framed, in_lines, rendered
from nasbench.store.atomic import write

_DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)))
_COLUMNS = 3


def draw_panels(
    panels: Mapping[str, Sequence[Curve]], path: Path, *, xlabel: str, ylabel: str
) -> Path:
    """Draw the panels with one legend, write them to a file, and return its path.

    Both axes are logarithmic; heights that are not positive leave gaps. A method has the same
    color in all panels, and the legend lists the methods by their mean rank at the curves' ends.

    Args:
        panels: title to curves, at least one with a curve.
        path: the file; its suffix, ``.svg`` or ``.png``, is its format.
        xlabel: what ``x`` is, with its unit.
        ylabel: what the curves show, with its unit; low is good.

    Raises:
        UserError: matplotlib is missing, or the file cannot be written.
    """
    names = _by_mean_rank(panels)
    labels = ["\n".join(in_lines(name)) for name in names]
    columns = min(_COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)

    def fill(figure: Any) -> None:
        ticker = require("matplotlib.ticker", "drawing")
        grid = figure.subplots(rows, columns, squeeze=False).ravel()
        lines: dict[str, Any] = {}
        for axes, (title, curves) in zip(grid, panels.items(), strict=False):
            framed(axes)
            for curve in curves:
                number = names.index(curve.name)
                look = {
                    "color": COLOURS[number % len(COLOURS)],
                    "linestyle": _DASHES[number // len(COLOURS) % len(_DASHES)],
                }
                low, mean, high = (_positive(v) for v in (curve.low, curve.mean, curve.high))
                axes.fill_between(curve.x, low, high, color=look["color"], alpha=0.12, linewidth=0)
                (line,) = axes.plot(
                    curve.x, mean, linewidth=1.4, marker="o" if len(mean) == 1 else "", **look
                )
                lines.setdefault(curve.name, line)
            axes.set(title=title, xscale="log", yscale="log")
            low, high = axes.get_ylim()
            steps = (1.0, 2.0, 5.0) if high < 300 * low else (1.0,)  # labels that fit
            axes.yaxis.set_major_locator(ticker.LogLocator(subs=steps))
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter("{x:,.10g}")
                axis.set_minor_formatter(ticker.NullFormatter())
        for axes in grid[len(panels) :]:
            axes.set_visible(False)
        figure.supxlabel(xlabel, fontsize=10)
        figure.supylabel(ylabel, fontsize=10)
        legend = figure.legend(
            [lines[name] for name in names], ["-"] * len(names), frameon=False,
            loc="outside right upper",
        )  # fmt: skip
        for text, label in zip(legend.get_texts(), labels, strict=True):
            text.set_text(label)  # a name that begins with an underscore would be left out above
        below = 0.6 + 0.23 * sum(label.count("\n") + 1 for label in labels)
        figure.set_figheight(max(figure.get_figheight(), below))

    kind = path.suffix.lower().removeprefix(".")
    made = rendered(fill, kind, (1.8 + 3.0 * columns, 0.4 + 2.7 * rows), "drawing", dpi=120)
    write(path, lambda file: file.write(made))
    return path


class Dot(NamedTuple):
    """A value with its interval, and whose it is."""

    name: str
    mean: float
    low: float
    high: float


def draw_dots(panels: Mapping[str, Sequence[Dot]], path: Path, *, xlabel: str) -> Path:
    """Draw values with their intervals in rows, write them to a file, and return its path.

    Args:
        panels: title to the dots, the first one on top; all panels have the same names.
        path: the file; its suffix, ``.svg`` or ``.png``, is its format.
        xlabel: what the values are.

    Raises:
        UserError: matplotlib is missing, or the file cannot be written.
    """
    names = ["\n".join(in_lines(one.name)) for one in next(iter(panels.values()))]
    rows = sum(name.count("\n") + 1 for name in names)

    def fill(figure: Any) -> None:
        grid = figure.subplots(1, len(panels), squeeze=False, sharey=True).ravel()
        places = range(len(names) - 1, -1, -1)
        for axes, (title, found) in zip(grid, panels.items(), strict=True):
            framed(axes)
            axes.hlines(
                places, [one.low for one in found], [one.high for one in found],
                color=COLOURS[0], linewidth=2,
            )  # fmt: skip
            axes.plot([one.mean for one in found], places, "o", color=COLOURS[0], markersize=5)
            axes.set_title(title)
        grid[0].set_yticks(places, names)
        figure.supxlabel(xlabel, fontsize=10)

    kind = path.suffix.lower().removeprefix(".")
    size = (1.4 + 2.6 * len(panels), 1.1 + 0.24 * rows)
    made = rendered(fill, kind, size, "drawing", dpi=120)
    write(path, lambda file: file.write(made))
    return path


def _positive(values: Any) -> Any:
    return np.where(values > 0, values, np.nan)


def _by_mean_rank(panels: Mapping[str, Sequence[Curve]]) -> list[str]:
    """Return the names of all curves, the lowest at the end first."""
    places: dict[str, list[int]] = {}
    for curves in panels.values():
        for place, curve in enumerate(sorted(curves, key=lambda one: float(one.mean[-1]))):
            places.setdefault(curve.name, []).append(place)
    return sorted(places, key=lambda name: sum(places[name]) / len(places[name]))
