"""Pieces of HTML for notebooks: all text is escaped, and pictures are images without scripts.

A run folder may come from elsewhere, and a notebook shows what is in it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from nasbench.errors import printable
from nasbench.store.journal import number

PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
_WIDTH, _HEIGHT, _LEFT, _FOOT = 420, 150, 52, 22
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
_PANELS = 3


def text(value: object) -> str:
    """Return a text with its control characters and HTML's signs escaped."""
    return escape(printable(str(value)))


def heading(words: str) -> str:
    """Return a bold line."""
    return f"<div><b>{text(words)}</b></div>"


def facts(pairs: Mapping[str, str]) -> str:
    """Return names and values as a table of two columns."""
    rows = "".join(
        f'<tr><td style="text-align:left">{text(name)}</td>'
        f'<td style="text-align:left">{text(value)}</td></tr>'
        for name, value in pairs.items()
    )
    return f"<table>{rows}</table>"


def listing(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table with headings."""
    head = "".join(f"<th>{text(one)}</th>" for one in headings)
    body = "".join(f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def picture(content: bytes, words: str, suffix: str = ".svg") -> str:
    """Return a picture as an image, in which an SVG file can neither run code nor load anything.

    Args:
        content: of the file.
        words: what it shows.
        suffix: of :data:`PICTURES`.
    """
    data = base64.b64encode(content).decode()
    return (
        f'<img alt="{text(words)}" style="max-width:100%" '
        f'src="data:{PICTURES[suffix]};base64,{data}">'
    )


def curves(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return small plots of what was measured over the epochs, one for each kind of quantity.

    Args:
        rows: an event of each epoch; ``epoch`` is its number, and ``trial`` or ``fold`` says of
            which training, where there are several.
    """
    names = [name for row in rows for name, value in row.items() if number(value) is not None]
    left_out = ("epoch", "seconds", "trial", "fold", "total_seconds")
    wanted = [name for name in dict.fromkeys(names) if name not in left_out]
    groups: dict[str, list[str]] = {}
    for name in wanted:  # the loss of training and of validation in one plot
        groups.setdefault(name.removeprefix("val_").removeprefix("supernet_val_"), []).append(name)
    drawn = [_plot(rows, group) for group in list(groups.values())[:_PANELS]]
    return "\n".join(filter(None, drawn))


def _plot(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Return one plot with a line for each name and training."""
    lines: dict[tuple[str, object], list[tuple[float, float]]] = {}
    for row in rows:
        at = number(row.get("epoch"))
        for name in names:
            value = number(row.get(name))
            if at is not None and value is not None:
                key = name, row.get("trial", row.get("fold"))
                lines.setdefault(key, []).append((at, value))
    points = [point for line in lines.values() for point in line]
    if len({at for at, _ in points}) < 2:
        return ""
    (x0, x1), (y0, y1) = (
        (min(one[axis] for one in points), max(one[axis] for one in points)) for axis in (0, 1)
    )
    high = _HEIGHT - _FOOT - 8

    def place(at: float, value: float) -> str:
        x = _LEFT + (at - x0) / (x1 - x0) * (_WIDTH - _LEFT - 8)
        y = 8 + (1 - (value - y0) / ((y1 - y0) or 1)) * high
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<polyline fill="none" stroke="{_COLOURS[names.index(name) % len(_COLOURS)]}" '
        f'points="{" ".join(place(*point) for point in line)}"/>'
        for (name, _), line in lines.items()
    ]
    labels = [
        (4, 16, f"{y1:.4g}", "currentColor"),
        (4, 8 + high, f"{y0:.4g}", "currentColor"),
        (_LEFT, _HEIGHT - 6, f"epoch {x0:g} to {x1:g}", "currentColor"),
    ]
    for place_of, name in enumerate(names):
        colour = _COLOURS[place_of % len(_COLOURS)]
        labels.append((_LEFT + 120 + 110 * place_of, _HEIGHT - 6, name.replace("_", " "), colour))
    parts += [
        f'<text x="{x}" y="{y}" font-size="11" fill="{colour}">{text(words)}</text>'
        for x, y, words, colour in labels
    ]
    return (
        f'<svg role="img" width="{_WIDTH}" height="{_HEIGHT}" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}">{"".join(parts)}</svg>'
    )
