"""Scenes as pixels, drawn by Pillow."""

from __future__ import annotations

import io
from functools import lru_cache
from itertools import pairwise
from typing import Any

from nasbench.optional import require
from nasbench.report.canvas.scene import FONTS, Circle, Line, Rect, Scene, Text, head, shaft
from nasbench.report.canvas.styles import colour

MOST_PIXELS = 40_000_000  # of a picture before it is smoothed
_FINER = 2  # drawn so much larger, then reduced: smooth lines
_STEPS = 16  # straight pieces of a curve
_WIDER_FONTS = ("NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc", "msyh.ttc", "PingFang.ttc")


def png(scene: Scene, style: str, dpi: float = 300) -> bytes:
    """Return a scene as a PNG file on white.

    Args:
        scene: the picture.
        style: of :data:`nasbench.report.canvas.styles.STYLES`.
        dpi: pixels per inch; fewer if the picture would be too large.
    """
    image, dpi = pixels(scene, style, dpi)
    file = io.BytesIO()
    image.save(file, "png", optimize=True, dpi=(dpi, dpi))
    return file.getvalue()


def pixels(scene: Scene, style: str, dpi: float) -> tuple[Any, float]:
    """Return a scene as an image of Pillow, and the pixels per inch that it has."""
    pillow, drawing = (
        require("PIL.Image", "a PNG", "pillow"),
        require("PIL.ImageDraw", "a PNG", "pillow"),
    )
    area = max(scene.width * scene.height, 1.0)
    scale = min(dpi / 72 * _FINER, (MOST_PIXELS / area) ** 0.5)
    size = tuple(max(_FINER, round(side * scale)) for side in (scene.width, scene.height))
    image = pillow.new("RGB", size, "#FFFFFF")
    painter = _Painter(drawing.Draw(image), scale, style)
    for mark in scene.marks:
        painter.paint(mark)
    smaller = tuple(max(1, side // _FINER) for side in size)
    return image.resize(smaller, pillow.Resampling.BOX), scale / _FINER * 72


class _Painter:
    """Draws marks; ``scale`` is pixels per point."""

    def __init__(self, draw: Any, scale: float, style: str) -> None:
        self.draw, self.scale, self.style = draw, scale, style

    def paint(self, mark: Rect | Line | Text | Circle) -> None:
        """Draw one mark."""
        if isinstance(mark, Text):
            self._text(mark)
        elif isinstance(mark, Line):
            self._line(mark)
        elif isinstance(mark, Circle):
            r = mark.radius
            box = self._at((mark.x - r, mark.y - r), (mark.x + r, mark.y + r))
            self.draw.ellipse(box, *self._look(mark.fill, mark.edge), self._wide(mark.line))
        else:
            self._rect(mark)

    def _rect(self, mark: Rect) -> None:
        corner = (mark.x + mark.width, mark.y + mark.height)
        half = mark.line / 2  # Pillow draws the edge inside
        box = self._at((mark.x - half, mark.y - half), (corner[0] + half, corner[1] + half))
        fill, edge = self._look(mark.fill, mark.edge)
        radius = mark.radius * self.scale
        if not mark.dashed:
            self.draw.rounded_rectangle(box, radius, fill, edge, self._wide(mark.line))
            return
        self.draw.rounded_rectangle(box, radius, fill)
        (x, y), (right, bottom) = (mark.x, mark.y), corner
        around = ((x, y), (right, y), (right, bottom), (x, bottom), (x, y))
        self._line(Line(around, mark.edge, mark.line, dashed=True))

    def _line(self, mark: Line) -> None:
        points = self._at(*_flat(shaft(mark), mark.curved))
        ink, width = colour(mark.edge, self.style), self._wide(mark.line)
        if mark.dashed:
            for piece in _dashes(points, 2 * self.scale, 1.5 * self.scale):
                self.draw.line(piece, ink, width)
        else:
            self.draw.line(points, ink, width, joint="curve")
        if mark.arrow:
            self.draw.polygon(self._at(*head(mark)), ink)

    def _text(self, mark: Text) -> None:
        font = _font(mark.text, mark.bold, max(1, round(mark.size * self.scale)))
        anchor = {"start": "ls", "middle": "ms", "end": "rs"}[mark.anchor]
        (place,) = self._at((mark.x, mark.y))
        self.draw.text(place, mark.text, colour(mark.fill, self.style), font, anchor)

    def _at(self, *points: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x * self.scale, y * self.scale) for x, y in points]

    def _look(self, fill: str, edge: str) -> tuple[str | None, str | None]:
        both = (colour(fill, self.style), colour(edge, self.style))
        return tuple(None if one == "none" else one for one in both)  # type: ignore[return-value]

    def _wide(self, line: float) -> int:
        return max(1, round(line * self.scale))


def _flat(points: tuple[tuple[float, float], ...], curved: bool) -> list[tuple[float, float]]:
    """Return the corners of a line, of a curve many."""
    if not curved:
        return list(points)
    out = [points[0]]
    for at in range(1, len(points) - 2, 3):
        a, b, c, d = out[-1], *points[at : at + 3]
        for step in range(1, _STEPS + 1):
            t = step / _STEPS
            shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            sides = zip(a, b, c, d, strict=True)
            x, y = (sum(s * p for s, p in zip(shares, side, strict=True)) for side in sides)
            out.append((x, y))
    return out


def _dashes(
    points: list[tuple[float, float]], on: float, off: float
) -> list[list[tuple[float, float]]]:
    """Return the pieces of a dashed line."""
    pieces = []
    for (x, y), (a, b) in pairwise(points):
        length = ((a - x) ** 2 + (b - y) ** 2) ** 0.5
        at = 0.0
        while at < length:
            ends = (at / length, min(at + on, length) / length)
            pieces.append([(x + (a - x) * share, y + (b - y) * share) for share in ends])
            at += on + off
    return pieces


@lru_cache(maxsize=64)
def _truetype(path: str, size: int) -> Any:
    return require("PIL.ImageFont", "a PNG", "pillow").truetype(path, size)


def _font(text: str, bold: bool, size: int) -> Any:
    """Return the font; for signs that ours lacks one of the system, if it has any."""
    ours = _truetype(str(FONTS[bold]), size)
    if text == text.encode("cp1252", "ignore").decode("cp1252"):
        return ours
    for name in _WIDER_FONTS:
        try:
            return _truetype(name, size)
        except OSError:
            continue
    return ours
