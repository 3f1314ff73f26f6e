"""Lays a cell out with Graphviz: inputs first, nodes in order, operations on their edges."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nasbench.graph import Edge, Graph
from nasbench.report.canvas.scene import Line, Rect, Scene, Text, text_width
from nasbench.report.canvas.styles import kind_of

FONT, TITLE, EDGE = 7.0, 8.0, 1.5
_SUBSCRIPT = re.compile(r"^(\w+)_\{([^{}]+)\}$")  # c_{k-2}

Layout = Callable[[str], str]
"""Runs Graphviz: from DOT text to its format ``plain``."""


@dataclass(frozen=True)
class _Place:
    x: float
    y: float
    width: float
    height: float


def cell_scene(graph: Graph, width: float, layout: Layout) -> Scene:
    """Return the picture of a cell, from left to right, or top down where that is too wide.

    Args:
        graph: to draw.
        width: of the page in points.
        layout: runs Graphviz.
    """
    scene = _drawn(graph, layout(layout_source(graph, "LR")), False)
    for straight in (True, False):
        if scene.width <= width:
            return scene
        upright = _drawn(graph, layout(layout_source(graph, "TB", straight)), True)
        scene = min((upright, scene), key=lambda one: one.width)
    return scene


def layout_source(graph: Graph, direction: str, straight: bool = True) -> str:
    """Return DOT text whose nodes have the sizes of what is drawn.

    The nodes of a cell are held in their order by invisible edges, and so are its inputs.

    Args:
        graph: to lay out.
        direction: ``LR`` from left to right, ``TB`` top down.
        straight: whether nodes shall rather be in one line than the picture be small.
    """
    names = {name: f"n{place}" for place, name in enumerate(graph.nodes)}
    lines = [
        f"digraph {{ rankdir={direction}; nodesep={0.1 if direction == 'LR' else 0.08}; "
        "ranksep=0.17; splines=spline;",
        'node [shape=box, fixedsize=true, label=""]; edge [dir=none];',
    ]
    lines += [f"{key} {_sized(*_node_size(name))};" for name, key in names.items()]
    inputs = [names[name] for name in graph.inputs]
    if len(inputs) > 1:
        chain = " -> ".join(inputs if direction == "TB" else reversed(inputs))
        lines.append(f"{{ rank=same; {chain} [style=invis]; }}")
    between = [
        names[name] for name in graph.nodes if name not in graph.inputs and name != graph.output
    ]
    if len(between) > 1:
        lines.append(f"{' -> '.join(between)} [style=invis, weight={12 * straight}];")
    for place, edge in enumerate(graph.edges):
        source, target = names[edge.source], names[edge.target]
        if not edge.label:
            lines.append(f"{source} -> {target} [weight=2];")
            continue
        lines.append(f"e{place} {_sized(_label_width(edge), 11.5)};")
        lines.append(f"{source} -> e{place}; e{place} -> {target} [weight=3];")
    return "\n".join((*lines, "}"))


def _sized(width: float, height: float) -> str:
    return f"[width={width / 72:.4f}, height={height / 72:.4f}]"


def _node_size(name: str) -> tuple[float, float]:
    base, below = parts(name)
    wide = text_width(base, FONT) + text_width(below, FONT * 0.72)
    return max(wide + 9, 15.0), 14.0


def _label_width(edge: Edge) -> float:
    return text_width(edge.label, FONT) + 7


def parts(name: str) -> tuple[str, str]:
    """Return a node's name and its subscript: ``c_{k-2}`` is ``c`` and ``k-2``."""
    found = _SUBSCRIPT.match(name)
    return (found[1], found[2].replace("-", "\N{EN DASH}")) if found else (name, "")


def _drawn(graph: Graph, plain: str, down: bool) -> Scene:
    """Return the picture at the places that Graphviz gave."""
    nodes, edges, size = _parsed(plain)
    names = {name: f"n{place}" for place, name in enumerate(graph.nodes)}
    flip = len(graph.inputs) > 1 and (
        not down and nodes[names[graph.inputs[0]]].y > nodes[names[graph.inputs[1]]].y
    )
    mirror = len(graph.inputs) > 1 and (
        down and nodes[names[graph.inputs[0]]].x > nodes[names[graph.inputs[1]]].x
    )
    top = EDGE + TITLE + 5 if graph.title else EDGE

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            EDGE + (size[0] - x if mirror else x),
            top + (size[1] - y if flip else y),
        )

    scene = Scene(size[0] + 2 * EDGE, size[1] + top + EDGE)
    if graph.title:
        scene.add(Text(EDGE, EDGE + TITLE, graph.title, TITLE, "start", True))
        scene.width = max(scene.width, 2 * EDGE + text_width(graph.title, TITLE, True))
    for place, edge in enumerate(graph.edges):
        for line in _lines(place, edge, names, edges):
            scene.add(_line(edge, tuple(at(x, y) for x, y in line[1]), line[0]))
    for place, edge in enumerate(graph.edges):
        if edge.label:
            where = nodes[f"e{place}"]
            _operation(scene, edge, *at(where.x, where.y), where)
    for name, key in names.items():
        where = nodes[key]
        draw_node(scene, name, *at(where.x, where.y), name in (*graph.inputs, graph.output))
    return scene


def _parsed(
    plain: str,
) -> tuple[
    dict[str, _Place], dict[tuple[str, str], list[list[tuple[float, float]]]], tuple[float, float]
]:
    """Return places, curves and the size in Graphviz's format ``plain``, y downwards, points."""
    nodes: dict[str, _Place] = {}
    edges: dict[tuple[str, str], list[list[tuple[float, float]]]] = {}
    width = height = 0.0
    for words in (line.split() for line in plain.replace("\\\n", "").splitlines()):
        if words[:1] == ["graph"]:
            width, height = float(words[2]) * 72, float(words[3]) * 72
        elif words[:1] == ["node"]:
            x, y, wide, high = (float(word) * 72 for word in words[2:6])
            nodes[words[1]] = _Place(x, height - y, wide, high)
        elif words[:1] == ["edge"] and "invis" not in words:
            numbers = [float(word) * 72 for word in words[4 : 4 + 2 * int(words[3])]]
            curve = [(x, height - y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)]
            edges.setdefault((words[1], words[2]), []).append(curve)
    return nodes, edges, (width, height)


def _lines(
    place: int,
    edge: Edge,
    names: dict[str, str],
    edges: dict[tuple[str, str], list[list[tuple[float, float]]]],
) -> Iterator[tuple[bool, list[tuple[float, float]]]]:
    """Yield an edge's curves, each with whether it ends in an arrow."""
    source, target = names[edge.source], names[edge.target]
    if not edge.label:
        yield True, edges[source, target].pop()
        return
    yield False, edges[source, f"e{place}"][0]
    yield True, edges[f"e{place}", target][0]


def _line(edge: Edge, points: tuple[tuple[float, float], ...], arrow: bool) -> Line:
    colour = "pale" if edge.ghost or not edge.label else "line"
    width = min(max(0.8 * edge.weight, 0.4), 4.0) if edge.label else 0.7
    return Line(points, colour, width, arrow, curved=True, dashed=edge.ghost)


def _operation(scene: Scene, edge: Edge, x: float, y: float, where: _Place) -> None:
    kind = edge.kind or kind_of(edge.label)
    box = (x - where.width / 2, y - where.height / 2, where.width, where.height)
    fill, edges = ("page", "pale") if edge.ghost else (f"fill:{kind}", f"edge:{kind}")
    scene.add(Rect(*box, fill, edges, 0.7, 2.0, edge.ghost or kind in ("skip", "none")))
    scene.add(Text(x, y + 2.4, edge.label, FONT, fill="faint" if edge.ghost else "ink"))


def draw_node(scene: Scene, name: str, x: float, y: float, end: bool) -> None:
    """Add a node around a point: dark for inputs and output, pale for states between them."""
    width, height = _node_size(name)
    fill, ink = ("end", "endtext") if end else ("node", "ink")
    scene.add(Rect(x - width / 2, y - height / 2, width, height, fill, "end", 0.7, 3.5))
    base, below = parts(name)
    small = FONT * 0.72
    left = x - (text_width(base, FONT) + text_width(below, small)) / 2
    lift = 1.0 if below else 0.0
    scene.add(Text(left, y + 2.4 - lift, base, FONT, "start", fill=ink))
    if below:
        at = left + text_width(base, FONT)
        scene.add(Text(at, y + 3.9 - lift, below, small, "start", fill=ink))
