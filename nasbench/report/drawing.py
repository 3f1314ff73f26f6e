"""Draws architectures with Graphviz: the program ``dot``, or else pygraphviz."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

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
        UserError: the format is unknown, or a file cannot be written.
    """
    for name in formats:
        if name not in FORMATS:
            raise unknown("drawing format", name, FORMATS)
    source = dot_source(graphs)
    drawn, failures = list[Path](), {}
    for name in formats:
        picture, reason = pictured(source, name)
        if picture is None:
            failures[name] = reason
            continue
        drawn.append(_path(path_without_suffix, name))
        write(drawn[-1], partial(_fill, picture))
    if not failures:
        return DrawingResult(tuple(drawn))
    rest = _path(path_without_suffix, "dot")
    write_text(rest, source)
    reasons = "; ".join(dict.fromkeys(failures.values()))
    note = f"no {', '.join(failures)} drawing, only {rest.name}: {reasons}"
    return DrawingResult(tuple(dict.fromkeys((*drawn, rest))), note)


def pictured(source: str, format: str) -> tuple[bytes | None, str]:
    """Return a picture of DOT text; or ``None`` and the reason in one line.

    Args:
        source: DOT text.
        format: from :data:`FORMATS`.
    """
    if format == "dot":
        return source.encode(), ""
    if (picture := _with_program(source, format)) is not None:
        return picture, ""
    try:
        import pygraphviz
    except ImportError:  # also if its wheel's libraries do not load
        return None, _LACKING
    try:
        with _without_chatter():
            # In memory: the library tells nothing of a full disk.
            return pygraphviz.AGraph(string=source).draw(None, format=format, prog="dot"), ""
    except ValueError as error:  # this build lacks the layout engine or the format
        return None, f"pygraphviz: {' '.join(str(error).split())}"


def _path(stem: Path, format: str) -> Path:
    return stem.with_name(f"{stem.name}.{format}")  # a stem may hold dots: no with_suffix


def _fill(picture: bytes, file: IO[bytes]) -> None:
    file.write(picture)


def _with_program(source: str, format: str) -> bytes | None:
    if shutil.which("dot") is None:
        return None
    try:
        import graphviz
    except ImportError:
        return None
    try:
        picture: bytes = graphviz.Source(source).pipe(format=format)
    except graphviz.CalledProcessError:  # this dot lacks the format; the library may have it
        return None
    return picture


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
