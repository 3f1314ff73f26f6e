"""An architecture as nodes and labelled edges: what a search space hands to the drawing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """An operation between two nodes.

    Attributes:
        source: the node it reads.
        target: the node it feeds.
        label: the operation's name; empty for plain wiring.
        weight: from 0 to 1, the thickness; below 1 for a supernet's weaker alternatives.
    """

    source: str
    target: str
    label: str
    weight: float = 1.0


@dataclass(frozen=True)
class Graph:
    """One cell or network.

    Attributes:
        title: what stands above it.
        inputs: nodes without an incoming edge, left.
        output: the node on the right.
        edges: the operations.
    """

    title: str
    inputs: tuple[str, ...]
    output: str
    edges: tuple[Edge, ...]


def generic_graph(title: str, choices: Mapping[str, str]) -> Graph:
    """Return a chain with one step per decision, for spaces that offer no better picture."""
    nodes = ["input", *(f"{label}" for label in choices)]
    steps = zip(nodes, [*nodes[1:], "output"], [*choices.values(), ""], strict=True)
    edges = tuple(Edge(source, target, label) for source, target, label in steps)
    return Graph(title, ("input",), "output", edges)
