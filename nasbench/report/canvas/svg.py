"""Scenes as SVG: text stays text, and colors follow a dark page."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from nasbench.report.canvas.scene import Circle, Line, Mark, Rect, Scene, Text, head, shaft
from nasbench.report.canvas.styles import colour

_FONTS = "Arimo, 'Liberation Sans', Arial, Helvetica, sans-serif"


def svg(scene: Scene, style: str) -> bytes:
    """Return a scene as SVG.

    Colors are attributes, for programs without style sheets; a style sheet changes them on a
    dark page.
    """
    used = dict.fromkeys(name for mark in scene.marks for name in _colours(mark))
    names = {name: f"c{number}" for number, name in enumerate(used)}
    size = f"{_n(scene.width)} {_n(scene.height)}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(scene.width)}pt" '
        f'height="{_n(scene.height)}pt" viewBox="0 0 {size}" font-family="{_FONTS}">'
    ]
    if style == "color":
        lines.append(_dark(names))
    lines += [_mark(mark, names, style) for mark in scene.marks]
    return ("\n".join((*lines, "</svg>")) + "\n").encode()


def _dark(names: dict[str, str]) -> str:
    rules = [
        f".f{key}{{fill:{colour(name, dark=True)}}}.s{key}{{stroke:{colour(name, dark=True)}}}"
        for name, key in names.items()
        if name != "none"
    ]
    return f"<style>@media (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"


def _colours(mark: Mark) -> Iterable[str]:
    if isinstance(mark, Line):
        return (mark.edge,)
    return (mark.fill,) if isinstance(mark, Text) else (mark.fill, mark.edge)


def _mark(mark: Mark, names: dict[str, str], style: str) -> str:
    def paint(fill: str, edge: str = "none", line: float = 0.0, dashed: bool = False) -> str:
        classes = [f"f{names[fill]}"] if fill != "none" else []
        text = f'fill="{colour(fill, style)}"'
        if edge != "none":
            classes.append(f"s{names[edge]}")
            text += f' stroke="{colour(edge, style)}" stroke-width="{_n(line)}"'
            text += ' stroke-dasharray="2 1.5"' if dashed else ""
        return f'class="{" ".join(classes)}" {text}'

    if isinstance(mark, Rect):
        look = paint(mark.fill, mark.edge, mark.line, mark.dashed)
        shape = (
            f'x="{_n(mark.x)}" y="{_n(mark.y)}" width="{_n(mark.width)}" '
            f'height="{_n(mark.height)}" rx="{_n(mark.radius)}" {look}'
        )
        if not mark.words:
            return f"<rect {shape}/>"
        return f"<rect {shape}><title>{_escaped(mark.words)}</title></rect>"
    if isinstance(mark, Circle):
        look = paint(mark.fill, mark.edge, mark.line)
        return f'<circle cx="{_n(mark.x)}" cy="{_n(mark.y)}" r="{_n(mark.radius)}" {look}/>'
    if isinstance(mark, Text):
        weight = ' font-weight="bold"' if mark.bold else ""
        return (
            f'<text x="{_n(mark.x)}" y="{_n(mark.y)}" font-size="{_n(mark.size)}" '
            f'text-anchor="{mark.anchor}"{weight} {paint(mark.fill)}>{_escaped(mark.text)}</text>'
        )
    drawn = f'<path d="{_path(mark)}" {paint("none", mark.edge, mark.line, mark.dashed)}/>'
    if mark.arrow:
        corners = " ".join(f"{_n(x)},{_n(y)}" for x, y in head(mark))
        drawn += f'<polygon points="{corners}" {paint(mark.edge)}/>'
    return drawn


def _path(line: Line) -> str:
    points = [f"{_n(x)} {_n(y)}" for x, y in shaft(line)]
    return f"M{points[0]}{'C' if line.curved else 'L'}{' '.join(points[1:])}"


def _escaped(text: str) -> str:
    """Return text for XML, which has no place for control characters."""
    return escape(
        "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    )


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") or "0"
