"""Scene: what a picture consists of, in points (1/72 inch), with y downwards."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from nasbench.optional import available

Anchor = Literal["start", "middle", "end"]
FONTS = {
    bold: Path(__file__).with_name(f"Arimo-{'Bold' if bold else 'Regular'}.ttf")
    for bold in (False, True)
}
"""Arimo has the widths of Arial and Helvetica, so that an SVG looks the same with any of them."""


@dataclass(frozen=True)
class Rect:
    """A rectangle with round corners; ``fill`` and ``edge`` name colors of the style."""

    x: float
    y: float
    width: float
    height: float
    fill: str
    edge: str
    line: float = 0.6
    radius: float = 2.0
    dashed: bool = False
    words: str = ""


@dataclass(frozen=True)
class Line:
    """A line through points: straight, or cubic Bézier curves (one point, then three each).

    An arrow's head lies at the last point.
    """

    points: tuple[tuple[float, float], ...]
    edge: str = "line"
    line: float = 0.6
    arrow: bool = False
    curved: bool = False
    dashed: bool = False


@dataclass(frozen=True)
class Text:
    """A line of text whose baseline is at ``y``."""

    x: float
    y: float
    text: str
    size: float
    anchor: Anchor = "middle"
    bold: bool = False
    fill: str = "ink"

    @property
    def left(self) -> float:
        """Where the text begins."""
        shift = {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]
        return self.x - shift * text_width(self.text, self.size, self.bold)


@dataclass(frozen=True)
class Circle:
    """A circle around a point."""

    x: float
    y: float
    radius: float
    fill: str
    edge: str
    line: float = 0.6


Mark = Rect | Line | Text | Circle


@dataclass
class Scene:
    """A picture: its size and its marks, the first at the bottom."""

    width: float = 0.0
    height: float = 0.0
    marks: list[Mark] = field(default_factory=list)

    def add(self, *marks: Mark) -> None:
        """Put marks on top."""
        self.marks += marks

    def place(self, other: Scene, x: float, y: float) -> None:
        """Put another scene on top, its corner at a point, and grow to hold it."""
        self.marks += [_moved(mark, x, y) for mark in other.marks]
        self.width = max(self.width, x + other.width)
        self.height = max(self.height, y + other.height)


def scaled(scene: Scene, factor: float) -> Scene:
    """Return a scene with everything larger or smaller, lines and text too."""
    marks = [_scaled(mark, factor) for mark in scene.marks]
    return Scene(scene.width * factor, scene.height * factor, marks)


def _scaled(mark: Mark, factor: float) -> Mark:
    if isinstance(mark, Line):
        points = tuple((x * factor, y * factor) for x, y in mark.points)
        return replace(mark, points=points, line=mark.line * factor)
    moved = replace(mark, x=mark.x * factor, y=mark.y * factor)
    names = ("width", "height", "radius", "line", "size")
    sides = {name: getattr(moved, name) * factor for name in names if hasattr(moved, name)}
    return replace(moved, **sides)


def _moved(mark: Mark, x: float, y: float) -> Mark:
    if isinstance(mark, Line):
        return replace(mark, points=tuple((a + x, b + y) for a, b in mark.points))
    return replace(mark, x=mark.x + x, y=mark.y + y)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """Return the width of a text in points."""
    known = "".join(sign for sign in text if ord(sign) < 0x2E80)
    wide = len(text) - len(known)  # Chinese, Japanese, Korean: a square each
    return (_length(known, bold) + wide) * size


def _length(text: str, bold: bool) -> float:
    """Return the width of a text of size 1, without Pillow that of as many average letters."""
    font = _font(bold) if text else None
    return float(font.getlength(text)) / 100 if font is not None else 0.56 * len(text)


@lru_cache(maxsize=2)
def _font(bold: bool) -> Any:
    if not available("PIL.ImageFont"):
        return None
    from PIL import ImageFont

    return ImageFont.truetype(str(FONTS[bold]), 100)


def shortened(text: str, size: float, width: float) -> str:
    """Return the text, cut with ``…`` if it is wider than ``width``."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(f"{text}…", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def head(line: Line) -> tuple[tuple[float, float], ...]:
    """Return the triangle of a line's arrowhead."""
    (x, y), (a, b) = line.points[-1], line.points[-2]
    length = max(((x - a) ** 2 + (y - b) ** 2) ** 0.5, 1e-6)
    u, v = (x - a) / length, (y - b) / length
    long, wide = 3.0 + line.line, 1.5 + 0.5 * line.line
    base = (x - long * u, y - long * v)
    return (
        (x, y),
        (base[0] - wide * v, base[1] + wide * u),
        (base[0] + wide * v, base[1] - wide * u),
    )


def shaft(line: Line) -> tuple[tuple[float, float], ...]:
    """Return a line's points without what its arrowhead covers."""
    if not line.arrow:
        return line.points
    tip, one, other = head(line)
    middle = ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)
    return (*line.points[:-1], (middle[0] * 0.8 + tip[0] * 0.2, middle[1] * 0.8 + tip[1] * 0.2))
