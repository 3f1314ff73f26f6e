"""An architecture as nodes and labelled edges, as a search space hands it to the drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """An operation between two nodes.

    Attributes:
        source: name of the node it reads.
        target: name of the node it feeds.
        label: the operation's name; ``""`` for a plain flow of data, as into a concatenation.
        kind: its family, see :mod:`nasbench.report.dot`; ``""`` reads it off the label.
        weight: its strength; 1 is a normal line, more is thicker.
        ghost: whether it is an alternative that was not chosen.
    """

    source: str
    target: str
    label: str
    kind: str = ""
    weight: float = 1.0
    ghost: bool = False


@dataclass(frozen=True)
class Graph:
    """A cell or a network, drawn from left to right.

    Attributes:
        title: heading of the drawing.
        inputs: names of the nodes on the left.
        output: name of the node on the right.
        edges: the operations; nodes are those that they name.
    """

    title: str
    inputs: tuple[str, ...]
    output: str
    edges: tuple[Edge, ...]

    @property
    def nodes(self) -> list[str]:
        """Every node's name once: inputs, then as the edges name them, then the output."""
        between = [name for edge in self.edges for name in (edge.source, edge.target)]
        return list(dict.fromkeys((*self.inputs, *between, self.output)))

    @property
    def is_chain(self) -> bool:
        """Whether each edge starts where the one before it ends."""
        ends = zip(self.edges, self.edges[1:], strict=False)
        return all(one.target == following.source for one, following in ends)


def generic_graph(title: str, choices: Mapping[str, str]) -> Graph:
    """Return a chain of the choices in their order, for a space that offers no cell.

    Args:
        title: heading of the drawing.
        choices: what was chosen, by the choice's label.
    """
    stops = [_unlike("input", choices), *choices, _unlike("output", choices)]
    edges = [
        Edge(source, label, choice)
        for source, (label, choice) in zip(stops, choices.items(), strict=False)
    ]
    last = Edge(stops[-2], stops[-1], "")
    return Graph(title, (stops[0],), stops[-1], (*edges, last))


def mixture_graph(
    title: str, weights: Mapping[str, Mapping[str, float]], choices: Mapping[str, str]
) -> Graph:
    """Return a chain of a supernet's decisions, every candidate beside the others.

    Args:
        title: heading of the drawing.
        weights: of each candidate, in [0, 1], by the decision's label.
        choices: what was chosen, by label; all else is a ghost.
    """
    stops = [_unlike("input", choices), *weights, _unlike("output", choices)]
    edges = [
        Edge(source, label, name, weight=thickness(weight), ghost=choices.get(label) != name)
        for source, (label, candidates) in zip(stops, weights.items(), strict=False)
        for name, weight in candidates.items()
    ]
    last = Edge(stops[-2], stops[-1], "")
    return Graph(title, (stops[0],), stops[-1], (*edges, last))


def thickness(weight: float) -> float:
    """Return how thick the line of a candidate with this share of a mixture is."""
    return 0.3 + 3 * weight


def _unlike(name: str, labels: Mapping[str, str]) -> str:
    """Return ``name``, marked until no label reads the same."""
    while name in labels:
        name += "*"
    return name
