"""Graphs as source text of the DOT language, operations coloured by family."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from nasbench.graph import Edge, Graph


@dataclass(frozen=True)
class Family:
    """How a family of operations looks: fill and text colour, and its words in the legend."""

    fill: str
    text: str
    words: str


FAMILIES: dict[str, Family] = {
    "conv": Family("#0072B2", "#FFFFFF", "convolution"),
    "separable": Family("#56B4E9", "#000000", "separable convolution"),
    "dilated": Family("#009E73", "#000000", "dilated convolution"),
    "pool": Family("#E69F00", "#000000", "pooling"),
    "skip": Family("#F0E442", "#000000", "skip connection"),
    "none": Family("#FFFFFF", "#555555", "no connection"),
    "other": Family("#CC79A7", "#000000", "other"),
}
"""Okabe and Ito's palette, which stays apart under the common kinds of colour blindness."""

# The first match counts: "dil_sep_conv" is dilated, and every name here may hold "conv".
_SIGNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dilated", ("dil",)),
    ("separable", ("sep", "depthwise", "dw_", "mbconv", "mobile", "inverted")),
    ("pool", ("pool",)),
    ("skip", ("skip", "identity", "shortcut", "residual")),
    ("none", ("none", "zero")),
    ("conv", ("conv",)),
)
_INVERTED = re.compile(r"k\d+_?e\d+|mb\d+_k\d+")  # "k3e6", "mb6_k3": an inverted bottleneck


def kind_of(op_name: str) -> str:
    """Return the family of an operation's name: a key of :data:`FAMILIES`.

    ``"sep_conv_3x3"`` is separable, ``"dil_conv_5x5"`` dilated, ``"max_pool_3x3"`` pool,
    ``"skip_connect"`` and ``"identity"`` skip, ``"conv3"`` conv; a stranger is ``"other"``.
    """
    name = op_name.lower()
    if _INVERTED.match(name):
        return "separable"
    for kind, signs in _SIGNS:
        if any(sign in name for sign in signs):
            return kind
    return "other"


_ROW = 6  # operations per line of a long chain, so that a deep network still fits a page
_SUBSCRIPT = re.compile(r"^(\w+)_\{([^{}]+)\}$")  # c_{k-2}

_HEADER = """digraph architecture {
  graph [rankdir=LR, bgcolor=white, fontname="Helvetica", fontsize=16, nodesep=0.2,
         ranksep=0.35, labeljust=l, pad=0.2];
  node [fontname="Helvetica", fontsize=12, penwidth=1.2];
  edge [color="#555555", arrowsize=0.7];"""


def dot_source(graphs: Sequence[Graph]) -> str:
    """Return DOT text: one titled cluster per graph, left to right, and a legend.

    Operations are boxes on their edges, coloured by family; the legend holds just the
    families that occur.
    """
    lines = [_HEADER]
    # dot stacks clusters from the bottom up, so the first graph is written last.
    for number, graph in reversed(list(enumerate(graphs))):
        lines += _cluster(number, graph)
    return "\n".join((*lines, *_legend(graphs), "}")) + "\n"


def quoted(text: str) -> str:
    """Return ``text`` as a DOT string that shows it literally."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{safe}"'


def _cluster(number: int, graph: Graph) -> Iterator[str]:
    """Yield a graph's statements; dot stacks from the bottom up, hence what is reversed."""
    identity = {name: f"g{number}_n{place}" for place, name in enumerate(graph.nodes)}
    yield f"  subgraph cluster_{number} {{"
    yield f'    label={quoted(graph.title)}; color="#BBBBBB"; style=rounded; margin=14;'
    if len(graph.inputs) > 1:
        yield f"    {{ rank=same; {' '.join(identity[name] + ';' for name in graph.inputs)} }}"
    for name in reversed(graph.nodes):
        yield f"    {identity[name]} [{_node_style(name, graph)}];"
    lines = _line_starts(graph)
    for place, edge in reversed(list(enumerate(graph.edges))):
        source = f"g{number}_line{place}" if place in lines else identity[edge.source]
        yield from _edge(f"g{number}_e{place}", (source, identity[edge.target]), edge)
    if lines:
        yield from _lines(number, graph, lines, identity[graph.edges[0].source])
    yield "  }"


def _line_starts(graph: Graph) -> list[int]:
    """Return the edges at which a long chain goes on in a new line, as text does."""
    if not graph.is_chain:
        return []
    return list(range(_ROW, len(graph.edges) - 1, _ROW))


def _lines(number: int, graph: Graph, places: Sequence[int], first: str) -> Iterator[str]:
    """Yield a repeat of a line's last node to begin the next one, all below one another."""
    starts = [f"g{number}_line{place}" for place in places]
    for start, place in zip(starts, places, strict=True):
        yield f"    {start} [{_node_style(graph.edges[place].source, graph)}];"
    column = " -> ".join((*reversed(starts), first))
    yield f"    {{ rank=same; {column} [style=invis]; }}"


def _node_style(name: str, graph: Graph) -> str:
    """Return a node's attributes: ends of the graph are dark, states between are pale."""
    ends = name in graph.inputs or name == graph.output
    colours = ("#333333", "#FFFFFF") if ends else ("#EEEEEE", "#000000")
    return (
        f'label={_label(name)}, shape=box, style="rounded,filled", height=0.35, width=0.4, '
        f'margin="0.1,0.05", color="#333333", fillcolor="{colours[0]}", fontcolor="{colours[1]}"'
    )


def _edge(box: str, ends: tuple[str, str], edge: Edge) -> Iterator[str]:
    """Yield an edge, in two halves around the box of its operation where it has one."""
    source, target = ends
    width = f"penwidth={_width(edge.weight):.2f}"
    if not edge.label:
        yield f'    {source} -> {target} [{width}, color="#AAAAAA"];'
        return
    if edge.ghost:
        width += ', style=dashed, color="#BBBBBB"'
    look = _GHOST if edge.ghost else _box_style(FAMILIES[_kind(edge)])
    yield f"    {box} [label={quoted(edge.label)}, {look}];"
    yield f"    {source} -> {box} [{width}, arrowhead=none];"
    yield f"    {box} -> {target} [{width}];"


_GHOST = (
    'shape=box, style="filled,dashed", fillcolor="#FFFFFF", fontcolor="#888888", '
    'color="#BBBBBB", penwidth=0.6, height=0.28, width=0.3, margin="0.09,0.04", fontsize=11'
)


def _kind(edge: Edge) -> str:
    return edge.kind or kind_of(edge.label)


def _box_style(family: Family) -> str:
    return (
        f'shape=box, style=filled, fillcolor="{family.fill}", fontcolor="{family.text}", '
        'color="#333333", penwidth=0.6, height=0.28, width=0.3, margin="0.09,0.04", fontsize=11'
    )


def _width(weight: float) -> float:
    return min(max(1.4 * weight, 0.4), 6.0)


def _label(name: str) -> str:
    """Return a node's label; ``c_{k-2}`` becomes c with a subscript."""
    match = _SUBSCRIPT.match(name)
    if match is None:
        return quoted(name)
    return f"<{escape(match[1])}<SUB>{escape(match[2])}</SUB>>"


def _legend(graphs: Iterable[Graph]) -> list[str]:
    """Return a row of samples as the drawing's caption, nothing where no operation is drawn.

    A caption takes no part in the layout, as sample nodes would.
    """
    present = {
        _kind(edge) for graph in graphs for edge in graph.edges if edge.label and not edge.ghost
    }
    samples = "".join(_sample(look) for kind, look in FAMILIES.items() if kind in present)
    if not samples:
        return []
    table = f'<TABLE BORDER="0" CELLSPACING="8" CELLPADDING="5"><TR>{samples}</TR></TABLE>'
    return [f"  label=<{table}>; labelloc=b; fontsize=12;"]


def _sample(look: Family) -> str:
    words = f'<FONT COLOR="{look.text}">{escape(look.words)}</FONT>'
    return f'<TD BORDER="1" COLOR="#333333" BGCOLOR="{look.fill}">{words}</TD>'
