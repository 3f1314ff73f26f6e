"""Draws architectures: cells, networks and supernets, as SVG, PDF, PNG or DOT.

Graphviz, the program ``dot`` or pygraphviz, lays cells out; all else needs nothing but Pillow.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from nasbench.errors import UserError, unknown
from nasbench.graph import Edge, Figure, Graph, Network, generic_graph
from nasbench.report.canvas.pdf import pdf
from nasbench.report.canvas.png import png
from nasbench.report.canvas.scene import Rect, Scene, Text, scaled, text_width
from nasbench.report.canvas.styles import FAMILIES, STYLES, kind_of
from nasbench.report.canvas.svg import svg
from nasbench.report.cell import cell_scene
from nasbench.report.dot import dot_source
from nasbench.report.mixture import is_mixture, mixture_scene
from nasbench.report.network import network_scene
from nasbench.store.atomic import write, write_text

__all__ = [
    "FORMATS",
    "STYLES",
    "DrawingResult",
    "Edge",
    "Graph",
    "check",
    "dot_source",
    "draw",
    "generic_graph",
    "kind_of",
    "pictured",
    "scene_of",
]

FORMATS = ("svg", "png", "pdf", "dot")
"""File formats that a drawing can be written in."""

WIDTH = 17.5  # centimetres: two columns of a journal; one has 8.5
WIDTHS = (4.0, 100.0)
_POINTS = 72 / 2.54  # a centimetre
_LACKING = "Graphviz is missing: pip install pygraphviz, or install the program dot"
_BETWEEN = 14.0  # figures, in points
_LARGEST_CELL = 400  # edges, beyond which Graphviz would take minutes


@dataclass(frozen=True)
class DrawingResult:
    """The files that were written, and one line for the user if some are missing."""

    paths: tuple[Path, ...]
    note: str | None = None


def check(formats: Sequence[str], style: str, width: float) -> None:
    """Raise unless the options of a drawing are valid.

    Raises:
        UserError: a format or the style is unknown, or the width is out of its range.
    """
    for name in formats:
        if name not in FORMATS:
            raise unknown("drawing format", name, FORMATS)
    if style not in STYLES:
        raise unknown("drawing style", style, STYLES)
    low, high = WIDTHS
    if not low <= width <= high:
        raise UserError(f"--width {width:g}: must be from {low:g} to {high:g} centimetres")


def draw(
    figures: Sequence[Figure],
    path_without_suffix: Path,
    formats: Sequence[str] = ("svg",),
    style: str = "color",
    width: float = WIDTH,
) -> DrawingResult:
    """Draw figures into one picture, a file per format.

    Without Graphviz, the DOT source of the cells is written, and the note says what to install: a
    missing drawing never stops a search.

    Args:
        figures: what to draw, from top to bottom.
        path_without_suffix: the files' path; each format adds its suffix.
        formats: from :data:`FORMATS`.
        style: ``color``, or ``paper`` for black and white.
        width: the most that the picture may have, in centimetres.

    Raises:
        UserError: an option is not allowed, or a file cannot be written.
    """
    check(formats, style, width)
    drawn, reason = list[Path](), ""
    for name in formats:
        picture, reason = pictured(figures, name, style, width)
        if picture is not None:
            drawn.append(_path(path_without_suffix, name))
            write(drawn[-1], partial(_fill, picture))
    if not reason:
        return DrawingResult(tuple(drawn))
    rest = _path(path_without_suffix, "dot")
    write_text(rest, dot_source(figures))
    what = "no drawing" if not drawn else "no cell in the drawing"
    return DrawingResult(
        tuple(dict.fromkeys((*drawn, rest))), f"{what}, only {rest.name}: {reason}"
    )


def pictured(
    figures: Sequence[Figure],
    format: str,
    style: str = "color",
    width: float = WIDTH,
    dpi: float = 300,
) -> tuple[bytes | None, str]:
    """Return a picture, or ``None`` if nothing can be drawn; and the reason if a part is missing.

    Args:
        figures: what to draw.
        format: from :data:`FORMATS`.
        style: ``color``, or ``paper`` for black and white.
        width: the most that the picture may have, in centimetres.
        dpi: pixels per inch of a PNG.
    """
    if format == "dot":
        return dot_source(figures).encode(), ""
    scene, reason = scene_of(figures, style, width)
    if not scene.marks:
        return None, reason
    if format == "png":
        return png(scene, style, dpi), reason
    return {"svg": svg, "pdf": pdf}[format](scene, style), reason


def scene_of(
    figures: Sequence[Figure], style: str = "color", width: float = WIDTH
) -> tuple[Scene, str]:
    """Return what a picture shows, and why a part of it is missing, ``""`` if none is.

    Args:
        figures: from top to bottom, side by side where they fit.
        style: ``color``, or ``paper`` for black and white.
        width: the most that the picture may have, in centimetres.
    """
    page = width * _POINTS
    scenes, reason = list[Scene](), ""
    for figure in figures:
        try:
            scene = _scene(figure, page)
        except _NoLayoutError as error:
            reason = str(error)
            continue
        scenes.append(scaled(scene, page / scene.width) if scene.width > page else scene)
    return _arranged(scenes, page, _legend(figures, page) if style == "color" else None), reason


class _NoLayoutError(Exception):
    """Graphviz is missing, or cannot lay a cell out; the text says why."""


def _scene(figure: Figure, width: float) -> Scene:
    if isinstance(figure, Network):
        return network_scene(figure, width)
    if is_mixture(figure):
        return mixture_scene(figure, width)
    if len(figure.edges) > _LARGEST_CELL:
        raise _NoLayoutError(f"a cell of more than {_LARGEST_CELL} edges")
    return cell_scene(figure, width, _laid_out)


def _arranged(scenes: Sequence[Scene], page: float, legend: Scene | None) -> Scene:
    """Return scenes in rows as wide as the page, and the legend below."""
    whole, x, y, tallest = Scene(), 0.0, 0.0, 0.0
    for scene in scenes:
        if x > 0 and x + scene.width > page:
            x, y, tallest = 0.0, y + tallest + _BETWEEN, 0.0
        whole.place(scene, x, y)
        x, tallest = x + scene.width + _BETWEEN, max(tallest, scene.height)
    if legend is not None and legend.marks and scenes:
        whole.place(legend, 0.0, whole.height + 6)
    return whole


def _legend(figures: Sequence[Figure], page: float) -> Scene:
    """Return samples of the families in cells; the boxes of a network say it themselves."""
    present = {
        edge.kind or kind_of(edge.label)
        for figure in figures
        if isinstance(figure, Graph) and not is_mixture(figure)
        for edge in figure.edges
        if edge.label and not edge.ghost
    }
    scene, x, y, size = Scene(), 1.5, 0.0, 6.2
    for kind, family in FAMILIES.items():
        if kind not in present:
            continue
        needed = 13 + text_width(family.words, size)
        if x > 1.5 and x + needed > page:
            x, y = 1.5, y + 10
        scene.add(Rect(x, y + 1, 9, 6.5, f"fill:{kind}", f"edge:{kind}", 0.6, 1.2))
        scene.add(Text(x + 12, y + 6.4, family.words, size, "start", fill="faint"))
        scene.width = max(scene.width, x + needed)
        x += needed + 9
    scene.height = y + 9
    return scene


def _path(stem: Path, format: str) -> Path:
    return stem.with_name(f"{stem.name}.{format}")  # a stem may hold dots: no with_suffix


def _fill(picture: bytes, file: IO[bytes]) -> None:
    file.write(picture)


def _laid_out(source: str) -> str:
    """Return places in Graphviz's format ``plain``, by the program or by the library."""
    program = shutil.which("dot")
    if program is not None:
        done = subprocess.run([program, "-Tplain"], input=source.encode(), capture_output=True)
        if done.returncode == 0 and done.stdout.startswith(b"graph"):
            return done.stdout.decode()
    try:
        import pygraphviz
    except ImportError:  # also if its wheel's libraries do not load
        raise _NoLayoutError(_LACKING) from None
    try:
        with _without_chatter():
            drawn: bytes = pygraphviz.AGraph(string=source).draw(None, format="plain", prog="dot")
    except ValueError as error:  # this build lacks the layout engine or the format
        raise _NoLayoutError(f"pygraphviz: {' '.join(str(error).split())}") from error
    return drawn.decode()


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Suppress what the C libraries write to standard error.

    The wheel's fontconfig warns about every newer element in the system's font settings.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
