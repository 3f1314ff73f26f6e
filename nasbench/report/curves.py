"""Curves with their intervals as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.report.figure import check_format, drawn
from nasbench.store.atomic import write

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's palette without the yellow, which is lost on white."""

_DASHES = ("-", "--", "-.", ":")  # for what comes after the last colour
_LEGEND = 30  # characters of a legend's line


@dataclass(frozen=True, eq=False)
class Curve:
    """A line with the band of its interval.

    Attributes:
        name: its words in the legend.
        x: positions, ascending; positive where the axis is logarithmic. Shape ``(n,)``.
        mean: heights of the line; NaN leaves a gap. Shape ``(n,)``.
        low: lower edge of the band, NaN where there is none. Shape ``(n,)``.
        high: upper edge. Shape ``(n,)``.
    """

    name: str
    x: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def draw(
    curves: Sequence[Curve],
    path: Path,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log_x: bool = True,
) -> Path:
    """Draw the curves over one another into a file and return its path.

    Args:
        curves: at least one.
        path: the file to write; its suffix, ``.svg`` or ``.png``, is its format.
        xlabel: what ``x`` is, with its unit.
        ylabel: what the curves show, with its unit.
        title: stands above the picture.
        log_x: whether ``x`` is on a logarithmic axis.

    Raises:
        UserError: the suffix is another one, matplotlib is missing, or the file cannot be
            written.
        ValueError: there is no curve.
    """
    made = picture(
        curves,
        path.suffix.lower().removeprefix("."),
        xlabel=xlabel,
        ylabel=ylabel,
        title=title,
        log_x=log_x,
    )
    write(path, lambda file: file.write(made))
    return path


def picture(
    curves: Sequence[Curve],
    format: str,
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log_x: bool = True,
) -> bytes:
    """Return what :func:`draw` writes.

    The legend stands beside the curves in the order in which they end. The same curves give
    the same bytes with one version of matplotlib, whose settings are left as they are.

    Raises:
        UserError: the format is neither ``svg`` nor ``png``, or matplotlib is missing.
        ValueError: there is no curve.
    """
    check_format(format)
    if not curves:
        raise ValueError("no curve to draw")

    def fill(figure: Any) -> None:
        axes = figure.subplots()
        _lines(axes, curves)
        axes.set(xlabel=xlabel, ylabel=ylabel, title=title)
        if log_x:
            _logarithmic(axes, curves)
        elif all((curve.x == curve.x.round()).all() for curve in curves):
            # There is no epoch 1.5, not even where one is all there is.
            axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        _legend(figure, axes, curves)

    return drawn(fill, format, (8.0, 4.2), "drawing curves", dpi=150)


def _lines(axes: Any, curves: Sequence[Curve]) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E5E5E5", linewidth=0.6)
    axes.set_axisbelow(True)
    for number, curve in enumerate(curves):
        colour = _COLOURS[number % len(_COLOURS)]
        dash = _DASHES[number // len(_COLOURS) % len(_DASHES)]
        marker = "o" if np.isfinite(curve.mean).sum() == 1 else ""  # a line needs two points
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(curve.x, curve.mean, color=colour, linestyle=dash, marker=marker)


def _logarithmic(axes: Any, curves: Sequence[Curve]) -> None:
    """Scale the axis, with numbers written out; between the powers of ten only on a short one."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.10g}")
    first = min(curve.x[0] for curve in curves)
    last = max(curve.x[-1] for curve in curves)
    axes.xaxis.set_minor_formatter("{x:,.10g}" if last < 10 * first else "")


def _legend(figure: Any, axes: Any, curves: Sequence[Curve]) -> None:
    """Name the lines in the order in which they end, and make room for all of them."""
    ends = [_end(curve) for curve in curves]
    order = sorted(range(len(curves)), key=lambda number: -ends[number])
    names = [fill(curves[number].name, _LEGEND) for number in order]
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


def _end(curve: Curve) -> float:
    finite = curve.mean[np.isfinite(curve.mean)]
    return float(finite[-1]) if len(finite) else -np.inf
