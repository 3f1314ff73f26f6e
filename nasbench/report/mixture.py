"""Lays a supernet out: all candidates of each edge, as lines as wide as their weights.

A cell becomes a triangle: a row for each state that is read, a column for each that is computed,
and states on the diagonal, so that no two lines cross but at a right angle. Any other supernet is
a sequence of its decisions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nasbench.graph import Edge, Graph
from nasbench.report.canvas.scene import Line, Rect, Scene, Text, shortened, text_width
from nasbench.report.canvas.styles import kind_of
from nasbench.report.cell import draw_node

FONT, TITLE, ROW, EDGE = 5.6, 8.0, 6.6, 1.5
STRAND, GAP, HEADING = 14.0, 11.0, 8.0
LONGEST_NAME = 70.0
_SHORT = (
    (r"^nor_conv", "conv"),
    (r"^(sep|dil|max|avg)(_sep)?_(conv|pool)", r"\1"),
    (r"^skip_connect$", "skip"),
    (r"[_ ]?(\d+)x(\d+)$", r" \1×\2"),
)


def is_mixture(graph: Graph) -> bool:
    """Return whether a graph is of a supernet, whose edges have weights in a mixture."""
    return any(edge.share is not None for edge in graph.edges)


def mixture_scene(graph: Graph, width: float) -> Scene:
    """Return the picture of a supernet.

    Args:
        graph: whose edges between the same two nodes are the candidates of a decision.
        width: of the page in points; where it is too narrow, names are shortened.
    """
    panels = _panels(graph)
    following = (
        list(panels) == list(zip(graph.nodes, graph.nodes[1:], strict=False))[: len(panels)]
    )
    if following:
        return _sequence(graph, panels, width)
    wide = _triangle(graph, panels, _Sizes.of(panels, short=False))
    if wide.width <= width:
        return wide
    return _triangle(graph, panels, _Sizes.of(panels, short=True))


Panels = dict[tuple[str, str], list[Edge]]


def _panels(graph: Graph) -> Panels:
    found: Panels = {}
    for edge in graph.edges:
        if edge.label:
            found.setdefault((edge.source, edge.target), []).append(edge)
    return found


@dataclass(frozen=True)
class _Sizes:
    """Of panels: their width, that of names, whether these are short, and the most rows."""

    width: float
    name: float
    short: bool
    rows: int

    @classmethod
    def of(cls, panels: Panels, short: bool) -> _Sizes:
        names = [_name(edge.label, short) for edges in panels.values() for edge in edges]
        name = min(max((text_width(n, FONT, True) for n in names), default=0.0), LONGEST_NAME)
        share = 0.0 if short else text_width("0.00", FONT) + 3
        rows = max((len(edges) for edges in panels.values()), default=1)
        return cls(STRAND + name + share + 6, name, short, rows)

    @property
    def height(self) -> float:
        return self.rows * ROW + 3


def _name(label: str, short: bool) -> str:
    if short:
        for sign, words in _SHORT:
            label = re.sub(sign, words, label)
    return label


def _panel(scene: Scene, edges: Sequence[Edge], x: float, y: float, sizes: _Sizes) -> None:
    """Add the candidates of one decision; what was chosen is bold, in a strong frame."""
    kept = any(not edge.ghost for edge in edges)
    height = len(edges) * ROW + 3
    frame, line = ("ink", 0.9) if kept else ("pale", 0.5)
    scene.add(Rect(x, y, sizes.width, height, "page", frame, line, 1.5))
    for place, edge in enumerate(edges):
        middle = y + 1.5 + (place + 0.5) * ROW
        kind = edge.kind or kind_of(edge.label)
        share = min(max(edge.share or 0.0, 0.0), 1.0)
        strand = ((x + 1.5, middle), (x + STRAND, middle))
        scene.add(Line(strand, f"edge:{kind}", 0.25 + 5.5 * share))
        chosen, ink = not edge.ghost, "faint" if edge.ghost else "ink"
        name = shortened(_name(edge.label, sizes.short), FONT, sizes.name)
        left = x + STRAND + 3
        scene.add(Text(left, middle + 2, name, FONT, "start", chosen, ink))
        if not sizes.short:
            right = x + sizes.width - 2
            scene.add(Text(right, middle + 2, f"{share:.2f}", FONT, "end", chosen, ink))


def _triangle(graph: Graph, panels: Panels, sizes: _Sizes) -> Scene:
    """Return a cell's supernet, states on the diagonal."""
    rows = [name for name in graph.nodes if any(name == source for source, _ in panels)]
    columns = [name for name in graph.nodes if any(name == target for _, target in panels)]
    joined = [edge.source for edge in graph.edges if not edge.label]
    scene, top = _titled(graph.title)
    left = EDGE + 30
    across = {name: left + n * (sizes.width + GAP) for n, name in enumerate(columns)}
    down = {name: top + n * (sizes.height + GAP) for n, name in enumerate(rows)}
    bottom = top + len(rows) * (sizes.height + GAP) + 8
    right = left + len(columns) * (sizes.width + GAP) + 10

    def centre(name: str) -> tuple[float, float]:
        x = across[name] + sizes.width / 2 if name in across else EDGE + 12
        return x, down[name] + sizes.height / 2 if name in down else bottom

    for name in rows:
        x, y = centre(name)
        last = max(across[target] for source, target in panels if source == name)
        end = right if name in joined else last + sizes.width / 2
        scene.add(Line(((x, y), (end, y)), "line" if name not in joined else "pale", 0.8))
        scene.add(Line(((x, y), (last + 1, y)), "line", 0.8))
    for name in columns:
        x, y = centre(name)
        first = min(down[source] for source, target in panels if target == name)
        scene.add(Line(((x, first + sizes.height / 2), (x, y - 7)), "line", 0.8, True))
        if name in joined and name not in down:
            scene.add(Line(((x, y), (right, y)), "pale", 0.8))
    for (source, target), edges in panels.items():
        y = down[source] + (sizes.height - len(edges) * ROW - 3) / 2
        _panel(scene, edges, across[target], y, sizes)
    if joined:
        highest = min(centre(name)[1] for name in joined)
        ends = ((right, highest), (right, bottom + 9), (right, bottom + 14))
        scene.add(Line(ends, "pale", 0.8, True))
        draw_node(scene, graph.output, right, bottom + 21, True)
    for name in dict.fromkeys((*rows, *columns)):
        draw_node(scene, name, *centre(name), name in (*graph.inputs, graph.output))
    scene.width = max(scene.width, right + (14 if joined else -GAP - 10) + EDGE)
    scene.height = bottom + (29 if joined else 8) + EDGE
    return scene


def _sequence(graph: Graph, panels: Panels, width: float) -> Scene:
    """Return the decisions of any supernet, row by row."""
    sizes = _Sizes.of(panels, short=False)
    scene, y = _titled(graph.title)
    fitting = max(1, int((width - 2 * EDGE + GAP) // (sizes.width + GAP)))
    every = list(panels.items())
    for start in range(0, len(every), fitting):
        row = every[start : start + fitting]
        tallest = max(len(edges) for _, edges in row) * ROW + 3
        for place, ((_, target), edges) in enumerate(row):
            x = EDGE + place * (sizes.width + GAP)
            title = shortened(target, FONT + 0.6, sizes.width)
            scene.add(Text(x, y + 6, title, FONT + 0.6, "start", True))
            middle = y + HEADING + ROW
            if start + place + 1 < len(every):
                ahead = x + sizes.width
                scene.add(Line(((ahead, middle), (ahead + GAP, middle)), arrow=True))
            _panel(scene, edges, x, y + HEADING, sizes)
            scene.width = max(scene.width, x + sizes.width + EDGE)
        y += HEADING + tallest + GAP
    if len(every) > fitting:
        scene.width += GAP  # the arrow that leads to the next row
    scene.height = y - GAP + EDGE
    return scene


def _titled(title: str) -> tuple[Scene, float]:
    """Return a scene with a title, and where the rest begins."""
    scene = Scene()
    if not title:
        return scene, EDGE
    scene.add(Text(EDGE, EDGE + TITLE, title, TITLE, "start", True))
    scene.width = 2 * EDGE + text_width(title, TITLE, True)
    return scene, EDGE + TITLE + 5
