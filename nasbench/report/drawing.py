"""Draws architectures with Graphviz: the program ``dot``, or else pygraphviz."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nasbench.errors import unknown
from nasbench.graph import Edge, Graph, generic_graph
from nasbench.report.dot import dot_source, kind_of
from nasbench.store.atomic import write, write_text

__all__ = [
    "FORMATS",
    "DrawingResult",
    "Edge",
    "Graph",
    "dot_source",
    "draw",
    "generic_graph",
    "kind_of",
    "pictured",
]

FORMATS = ("svg", "png", "pdf", "dot")
"""File formats that a drawing can be written in."""

_LACKING = "Graphviz is missing: pip install pygraphviz, or install the program dot"


@dataclass(frozen=True)
class DrawingResult:
    """The files that were written, and one line for the user if some are missing."""

    paths: tuple[Path, ...]
    note: str | None = None


def draw(
    graphs: Sequence[Graph], path_without_suffix: Path, formats: Sequence[str] = ("svg",)
) -> DrawingResult:
    """Draw the graphs into one picture, a file per format.

    The program ``dot`` draws if it is on the path, else the layout engine in pygraphviz's
    wheel. With neither, the DOT source is written and the note says what to
    install: a missing drawing never stops a search.

    Args:
        graphs: what to draw, from top to bottom.
        path_without_suffix: the files' path; each format adds its suffix.
        formats: from :data:`FORMATS`.

    Raises:
        UserError: the format is unknown.
    """
    for name in formats:
        if name not in FORMATS:
            raise unknown("drawing format", name, FORMATS)
    source = dot_source(graphs)
    path_without_suffix.parent.mkdir(parents=True, exist_ok=True)
    failures = {}
    for name in formats:
        if reason := _write(source, _path(path_without_suffix, name), name):
            failures[name] = reason
    drawn = [_path(path_without_suffix, name) for name in formats if name not in failures]
    if not failures:
        return DrawingResult(tuple(drawn))
    rest = _path(path_without_suffix, "dot")
    write_text(rest, source)
    reasons = "; ".join(dict.fromkeys(failures.values()))
    note = f"no {', '.join(failures)} drawing, only {rest.name}: {reasons}"
    return DrawingResult(tuple(dict.fromkeys((*drawn, rest))), note)


def pictured(source: str, format: str) -> tuple[bytes | None, str]:
    """Return a picture of DOT text in memory; or ``None`` and the reason in one line.

    Args:
        source: DOT text.
        format: from :data:`FORMATS`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drawing"
        reason = _write(source, path, format)
        return (None, reason) if reason else (path.read_bytes(), "")


def _path(stem: Path, format: str) -> Path:
    return stem.with_name(f"{stem.name}.{format}")  # a stem may hold dots: no with_suffix


def _write(source: str, path: Path, format: str) -> str | None:
    """Write one picture, or return why there is none."""
    if format == "dot":
        write_text(path, source)
        return None
    if _with_program(source, path, format):
        return None
    try:
        import pygraphviz
    except ImportError:  # also if its wheel's libraries do not load
        return _LACKING
    try:
        with _without_chatter():
            drawn = pygraphviz.AGraph(string=source).draw(format=format, prog="dot")
    except ValueError as error:  # this build lacks the layout engine or the format
        return f"pygraphviz: {' '.join(str(error).split())}"
    write(path, lambda file: file.write(drawn))
    return None


def _with_program(source: str, path: Path, format: str) -> bool:
    if shutil.which("dot") is None:
        return False
    try:
        import graphviz
    except ImportError:
        return False
    try:
        drawn = graphviz.Source(source).pipe(format=format)
    except graphviz.CalledProcessError:  # this dot lacks the format; the library may have it
        return False
    write(path, lambda file: file.write(drawn))
    return True


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
