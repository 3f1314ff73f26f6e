"""Drawings as source text of the DOT language, for a layout of one's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from nasbench.graph import Box, Edge, Figure, Graph, Network
from nasbench.report.canvas.styles import FAMILIES, kind_of

_SUBSCRIPT = re.compile(r"^(\w+)_\{([^{}]+)\}$")  # c_{k-2}

_HEADER = """digraph architecture {
  graph [rankdir=LR, fontname="Helvetica", fontsize=16, nodesep=0.2, ranksep=0.35, labeljust=l];
  node [fontname="Helvetica", fontsize=12, shape=box, style="rounded,filled", fillcolor=white];
  edge [color="#555555", arrowsize=0.7];"""


def dot_source(figures: Sequence[Figure]) -> str:
    """Return DOT text: one titled cluster per figure, from left to right.

    The operations of a cell are boxes on its edges, colored by family; so are those of a network,
    with the chosen alternatives below their names.
    """
    lines = [_HEADER]
    # dot stacks clusters from the bottom up, so the first figure is written last.
    for number, figure in reversed(list(enumerate(figures))):
        lines.append(f"  subgraph cluster_{number} {{ label={quoted(figure.title)};")
        lines += _cell(number, figure) if isinstance(figure, Graph) else _blocks(number, figure)
        lines.append("  }")
    return "\n".join((*lines, "}")) + "\n"


def quoted(text: str) -> str:
    """Return ``text`` as a DOT string that shows it literally."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{safe}"'


def _cell(number: int, graph: Graph) -> Iterator[str]:
    identity = {name: f"g{number}_n{place}" for place, name in enumerate(graph.nodes)}
    for name, key in identity.items():
        yield f"    {key} [label={_label(name)}];"
    for place, edge in enumerate(graph.edges):
        yield from _edge(f"g{number}_e{place}", identity[edge.source], identity[edge.target], edge)


def _label(name: str) -> str:
    below = _SUBSCRIPT.match(name)
    return f"<{escape(below[1])}<SUB>{escape(below[2])}</SUB>>" if below else quoted(name)


def _edge(box: str, source: str, target: str, edge: Edge) -> Iterator[str]:
    """Yield an edge, in two halves around the box of its operation if it has one."""
    width = f"penwidth={min(max(1.4 * edge.weight, 0.4), 6.0):.2f}"
    if not edge.label:
        yield f"    {source} -> {target} [{width}];"
        return
    style = "filled,dashed" if edge.ghost else "filled"
    fill = "#FFFFFF" if edge.ghost else FAMILIES[edge.kind or kind_of(edge.label)].fill
    yield f'    {box} [label={quoted(edge.label)}, style="{style}", fillcolor="{fill}"];'
    yield f"    {source} -> {box} [{width}, arrowhead=none];"
    yield f"    {box} -> {target} [{width}];"


def _blocks(number: int, network: Network) -> Iterator[str]:
    """Yield a network's boxes; shortcuts are dashed edges."""
    before = f"g{number}_input"
    yield f"    {before} [label={quoted(f'input {network.input}')}];"
    ends, place = [before], 0
    for group in network.groups:
        for part in group.parts:
            start = ends[-1]
            for offset, box in enumerate(part.boxes):
                key = f"g{number}_b{place}_{offset}"
                times = f" ×{group.times}" if group.times > 1 else ""
                last = [part.chosen] if part.chosen and offset == len(part.boxes) - 1 else []
                text = "\n".join([box.text + times, *box.chosen, *last])
                yield f"    {key} [label={quoted(text)}, {_filled(box)}];"
                if offset or place not in network.cut:
                    yield f"    {before} -> {key};"
                before = key
            if part.skip is not None:
                yield f"    {start} -> {before} [style=dashed, label={quoted(part.skip)}];"
            ends.append(before)
            place += 1
    for arc in network.arcs:
        target = f"g{number}_b{arc.target}_0"
        yield f"    {ends[arc.source + 1]} -> {target} [style=dashed];"


def _filled(box: Box) -> str:
    return f'fillcolor="{FAMILIES[box.kind].fill}"'
