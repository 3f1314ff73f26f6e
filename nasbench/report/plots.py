"""Plots with matplotlib: curves with intervals, scatter plots, event images."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import unknown
from nasbench.optional import require
from nasbench.store.atomic import write

METADATA: dict[str, dict[str, None]] = {
    "svg": {"Creator": None, "Date": None},
    "png": {"Software": None},
}
STYLE = {
    "svg.hashsalt": "nasbench",  # ids that do not change from one drawing to the next
    "svg.fonttype": "none",  # text stays text that can be searched, copied and read aloud
    "font.family": ["sans-serif"],
    "font.size": 10.0,
    "text.parse_math": False,  # a dollar in a name is a dollar
    "text.usetex": False,
}


def check_format(format: str) -> None:
    """Raise unless pictures can have the format.

    Raises:
        UserError: it is neither ``svg`` nor ``png``.
    """
    if format not in METADATA:
        raise unknown("picture format", format, METADATA)


def rendered(
    fill: Callable[[Any], None],
    format: str,
    size: tuple[float, float],
    what: str,
    dpi: float | None = None,
) -> bytes:
    """Return a picture; the same drawing gives the same bytes with one version of matplotlib.

    Matplotlib's settings are unchanged.

    Args:
        fill: draws into the empty figure.
        format: ``svg`` or ``png``.
        size: width and height in inches.
        what: the purpose of the picture, for the error.
        dpi: dots per inch, matplotlib's own by default.

    Raises:
        UserError: matplotlib is missing.
    """
    matplotlib = require("matplotlib", what)
    figures = require("matplotlib.figure", what)
    with matplotlib.rc_context(STYLE):
        figure = figures.Figure(figsize=size, layout="constrained", facecolor="white")
        fill(figure)
        made = io.BytesIO()
        figure.savefig(made, format=format, dpi=dpi or "figure", metadata=METADATA[format])
    return made.getvalue()


def framed(axes: Any) -> None:
    """Give axes a light grid behind the data and a frame on two sides."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)


def in_lines(name: str) -> list[str]:
    """Return a method's name in lines that fit beside a picture."""
    return wrap(name, _LABEL)


_LABEL = 26  # letters

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette without yellow, which is hard to see on white."""

_DASHES = ("-", "--", "-.", ":")  # for the curves after the last color


@dataclass(frozen=True, eq=False)
class Curve:
    """A line with the band of its interval.

    Attributes:
        name: its text in the legend.
        x: positions, ascending; positive where the axis is logarithmic. Shape ``(n,)``.
        mean: heights of the line; NaN leaves a gap. Shape ``(n,)``.
        low: lower edge of the band, NaN where it is undefined. Shape ``(n,)``.
        high: upper edge. Shape ``(n,)``.
    """

    name: str
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def draw_curves(
    curves: Sequence[Curve],
    path: Path,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log_x: bool = True,
) -> Path:
    """Draw the curves in one plot, write it to a file, and return its path.

    Args:
        curves: at least one.
        path: the file to write; its suffix, ``.svg`` or ``.png``, is its format.
        xlabel: what ``x`` is, with its unit.
        ylabel: what the curves show, with its unit.
        title: of the picture.
        log_x: whether ``x`` is on a logarithmic axis.

    Raises:
        UserError: the suffix is another one, matplotlib is missing, or the file cannot be
            written.
        ValueError: there is no curve.
    """
    made = render_curves(
        curves,
        path.suffix.lower().removeprefix("."),
        xlabel=xlabel,
        ylabel=ylabel,
        title=title,
        log_x=log_x,
    )
    write(path, lambda file: file.write(made))
    return path


def render_curves(
    curves: Sequence[Curve],
    format: str,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log_x: bool = True,
) -> bytes:
    """Return a picture of the curves; :func:`draw_curves` writes it to a file.

    The legend lists the curves by their last value, the highest first. The same curves give the
    same bytes with one version of matplotlib, whose settings are unchanged.

    Args:
        curves: at least one.
        format: ``svg`` or ``png``.
        xlabel: what ``x`` is, with its unit.
        ylabel: what the curves show, with its unit.
        title: of the picture.
        log_x: whether ``x`` is on a logarithmic axis.

    Raises:
        UserError: the format is neither ``svg`` nor ``png``, or matplotlib is missing.
        ValueError: there is no curve.
    """
    check_format(format)
    if not curves:
        raise ValueError("no curve to draw")

    def fill(figure: Any) -> None:
        axes = figure.subplots()
        framed(axes)
        for number, curve in enumerate(curves):
            colour = COLOURS[number % len(COLOURS)]
            dash = _DASHES[number // len(COLOURS) % len(_DASHES)]
            marker = "o" if np.isfinite(curve.mean).sum() == 1 else ""  # a line needs two points
            axes.fill_between(
                curve.x, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0
            )
            axes.plot(curve.x, curve.mean, color=colour, linestyle=dash, marker=marker)
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if log_x:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:,.10g}")
            first, last = min(c.x[0] for c in curves), max(c.x[-1] for c in curves)
            # Numbers between the powers of ten only on a short axis.
            axes.xaxis.set_minor_formatter("{x:,.10g}" if last < 10 * first else "")
        elif all((curve.x == curve.x.round()).all() for curve in curves):
            # Epochs are whole numbers, even if there is only one.
            axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        _legend(figure, axes, curves)

    return rendered(fill, format, (8.0, 4.2), "drawing curves", dpi=150)


def _legend(figure: Any, axes: Any, curves: Sequence[Curve]) -> None:
    """Name the lines in the order in which they end, and make room for all of them."""
    finite = [curve.mean[np.isfinite(curve.mean)] for curve in curves]
    ends = [float(means[-1]) if len(means) else -np.inf for means in finite]
    order = sorted(range(len(curves)), key=lambda number: -ends[number])
    names = ["\n".join(in_lines(curves[number].name)) for number in order]
    shown = figure.legend(
        [axes.lines[number] for number in order],
        ["-"] * len(order),  # a name that begins with an underscore would be left out here
        loc="outside right upper",
        frameon=False,
    )
    for text, name in zip(shown.get_texts(), names, strict=True):
        text.set_text(name)
    rows = sum(name.count("\n") + 1 for name in names)
    figure.set_figheight(max(figure.get_figheight(), 0.5 + 0.23 * rows))


_SAMPLE, _MARKED = COLOURS[:2]


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
    """Draw a scatter plot, write it to an SVG file, and return its path.

    Args:
        points: ``x`` and ``y`` of each point.
        path: the file to write.
        xlabel: what ``x`` is, with its unit.
        ylabel: what ``y`` is, with its unit.
        title: of the picture.
        marked: one more point, highlighted.
        mark: its name in the legend.

    Raises:
        UserError: matplotlib is missing, or the file cannot be written.
    """

    def fill(figure: Any) -> None:
        axes = figure.subplots()
        framed(axes)
        axes.scatter(*zip(*points, strict=True), s=14, alpha=0.6, color=_SAMPLE, linewidths=0)
        if marked is not None:
            axes.scatter(*marked, s=60, marker="*", color=_MARKED, label=mark)
            axes.legend(frameon=False, loc="best")
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)

    made = rendered(fill, "svg", (5.6, 4.6), "drawing")
    write(path, lambda file: file.write(made))
    return path


BLUE, RED = (0.0, 0.447, 0.698), (0.835, 0.369, 0.0)  # of Okabe and Ito's palette
INCHES = 2.4
Pixels = NDArray[np.float32]


def draw_event_images(shown: Sequence[tuple[str, Pixels]], path: Path) -> Path:
    """Draw event images side by side, write them to a file, and return its path.

    The upper row shows event counts: positive ones are orange, negative ones blue, both together
    dark, and higher counts have stronger colors. The lower row shows the time of each pixel's
    last event, from white (early) to black (late).

    Args:
        shown: titles and images, at least one; an image has the shape ``(4, height, width)``,
            with the counts of positive and negative events and the times of the last ones.
        path: the file; ``.svg`` or ``.png``.

    Raises:
        UserError: the suffix is another one, matplotlib is missing, or the file cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    check_format(kind)

    def fill(figure: Any) -> None:
        grid = figure.subplots(2, len(shown), squeeze=False)
        for (words, pixels), (above, below) in zip(shown, grid.T, strict=True):
            above.imshow(count_colours(pixels), interpolation="nearest")
            below.imshow(pixels[2:].max(0), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
            above.set_title(words, fontsize=8)
            for axes in (above, below):
                axes.set(xticks=[], yticks=[])

    size = (INCHES * len(shown), 2 * INCHES + 0.3)
    made = rendered(fill, kind, size, "drawing event images", dpi=100)
    write(path, lambda file: file.write(made))
    return path


def count_colours(pixels: Pixels) -> NDArray[np.float64]:
    """Return the colors of an image's counts, shape ``(height, width, 3)``, in [0, 1].

    A color has its full strength at the 99th percentile of the counts above zero.
    """
    seen = pixels[:2][pixels[:2] > 0]
    full = max(1.0, float(np.quantile(seen, 0.99))) if seen.size else 1.0
    strength = np.log1p(np.minimum(pixels[:2], full).astype(np.float64)) / np.log1p(full)
    colours = np.ones((*pixels.shape[1:], 3))
    for share, colour in zip(strength, (RED, BLUE), strict=True):
        colours *= 1 - share[:, :, None] * (1 - np.array(colour))
    return colours
