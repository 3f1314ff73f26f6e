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
"""Okabe and Ito's palette, which is safe for the common kinds of colour blindness."""

# The first match counts: "dil_sep_conv" is dilated, and any of these names may contain "conv".
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
    ``"skip_connect"`` and ``"identity"`` skip, ``"conv3"`` conv; an unknown name is ``"other"``.
    """
    name = op_name.lower()
    if _INVERTED.match(name):
        return "separable"
    for kind, signs in _SIGNS:
        if any(sign in name for sign in signs):
            return kind
    return "other"


_ROW = 6  # operations per line of a long chain, so that a deep network fits on a page
_SUBSCRIPT = re.compile(r"^(\w+)_\{([^{}]+)\}$")  # c_{k-2}

_HEADER = """digraph architecture {
  graph [rankdir=LR, bgcolor=white, fontname="Helvetica", fontsize=16, nodesep=0.2,
         ranksep=0.35, labeljust=l, pad=0.2];
  node [fontname="Helvetica", fontsize=12, penwidth=1.2];
  edge [color="#555555", arrowsize=0.7];"""


def dot_source(graphs: Sequence[Graph]) -> str:
    """Return DOT text: one titled cluster per graph, left to right, and a legend.

    Operations are boxes on their edges, coloured by family; the legend lists only the
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
    # A long chain continues in a new line every _ROW edges, as text does.
    lines = list(range(_ROW, len(graph.edges) - 1, _ROW)) if graph.is_chain else []
    for place, edge in reversed(list(enumerate(graph.edges))):
        source = f"g{number}_line{place}" if place in lines else identity[edge.source]
        yield from _edge(f"g{number}_e{place}", (source, identity[edge.target]), edge)
    # The next line begins with the last node of the one above; the starts are a column.
    starts = [f"g{number}_line{place}" for place in lines]
    for start, place in zip(starts, lines, strict=True):
        yield f"    {start} [{_node_style(graph.edges[place].source, graph)}];"
    if starts:
        column = " -> ".join((*reversed(starts), identity[graph.edges[0].source]))
        yield f"    {{ rank=same; {column} [style=invis]; }}"
    yield "  }"


def _node_style(name: str, graph: Graph) -> str:
    """Return a node's attributes: dark for inputs and output, pale for intermediate states."""
    ends = name in graph.inputs or name == graph.output
    colours = ("#333333", "#FFFFFF") if ends else ("#EEEEEE", "#000000")
    subscript = _SUBSCRIPT.match(name)
    label = (
        f"<{escape(subscript[1])}<SUB>{escape(subscript[2])}</SUB>>" if subscript else quoted(name)
    )
    return (
        f'label={label}, shape=box, style="rounded,filled", height=0.35, width=0.4, '
        f'margin="0.1,0.05", color="#333333", fillcolor="{colours[0]}", fontcolor="{colours[1]}"'
    )


def _edge(box: str, ends: tuple[str, str], edge: Edge) -> Iterator[str]:
    """Yield an edge, in two halves around the box of its operation if it has one."""
    source, target = ends
    width = f"penwidth={min(max(1.4 * edge.weight, 0.4), 6.0):.2f}"
    if not edge.label:
        yield f'    {source} -> {target} [{width}, color="#AAAAAA"];'
        return
    if edge.ghost:
        width += ', style=dashed, color="#BBBBBB"'
        look = 'style="filled,dashed", fillcolor="#FFFFFF", fontcolor="#888888", color="#BBBBBB"'
    else:
        family = FAMILIES[_kind(edge)]
        look = f'style=filled, fillcolor="{family.fill}", fontcolor="{family.text}", '
        look += 'color="#333333"'
    yield f"    {box} [label={quoted(edge.label)}, shape=box, {look}, {_BOX}];"
    yield f"    {source} -> {box} [{width}, arrowhead=none];"
    yield f"    {box} -> {target} [{width}];"


_BOX = 'penwidth=0.6, height=0.28, width=0.3, margin="0.09,0.04", fontsize=11'


def _kind(edge: Edge) -> str:
    return edge.kind or kind_of(edge.label)


def _legend(graphs: Iterable[Graph]) -> list[str]:
    """Return a row of samples as the drawing's caption, nothing if no operation is drawn.

    A caption takes no part in the layout, as sample nodes would.
    """
    present = {
        _kind(edge) for graph in graphs for edge in graph.edges if edge.label and not edge.ghost
    }
    samples = "".join(
        f'<TD BORDER="1" COLOR="#333333" BGCOLOR="{look.fill}">'
        f'<FONT COLOR="{look.text}">{escape(look.words)}</FONT></TD>'
        for kind, look in FAMILIES.items()
        if kind in present
    )
    if not samples:
        return []
    table = f'<TABLE BORDER="0" CELLSPACING="8" CELLPADDING="5"><TR>{samples}</TR></TABLE>'
    return [f"  label=<{table}>; labelloc=b; fontsize=12;"]
