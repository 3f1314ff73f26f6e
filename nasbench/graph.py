"""An architecture as nodes and labelled edges, as a search space hands it to the drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """An operation between two nodes.

    Attributes:
        source: name of the node it reads.
        target: name of the node it feeds.
        label: the operation's name; ``""`` for a plain flow of data, as into a concatenation.
        kind: its family, see :mod:`nasbench.report.canvas.styles`; ``""`` reads it off the label.
        weight: its strength; 1 is a normal line, more is thicker.
        ghost: whether it is an alternative that was not chosen.
        share: of its mixture in a supernet, in [0, 1]; ``None`` outside of supernets.
    """

    source: str
    target: str
    label: str
    kind: str = ""
    weight: float = 1.0
    ghost: bool = False
    share: float | None = None


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


@dataclass(frozen=True)
class Box:
    """A layer, or several layers that have one name, in the drawing of a network.

    Attributes:
        name: such as ``conv 3×3`` or ``MBConv6 5×5``.
        kind: its family, see :mod:`nasbench.report.canvas.styles`.
        channels: of its output; 0 if they are not shown.
        size: of its output without channels, such as ``32×32``; ``""`` of a vector.
        stride: how much smaller than its input it is.
        chosen: the decisions that it answers, as ``label: value``.
        contents: what is inside, in few words.
    """

    name: str
    kind: str
    channels: int = 0
    size: str = ""
    stride: int = 1
    chosen: tuple[str, ...] = ()
    contents: str = ""

    @property
    def text(self) -> str:
        """What the drawing says of it: ``conv 3×3, 64, /2``."""
        facts = (str(self.channels) if self.channels else "", self.halved)
        return ", ".join(filter(None, (self.name, *facts)))

    @property
    def halved(self) -> str:
        """The stride as ResNet's paper writes it, ``/2``; ``""`` for 1."""
        return f"/{self.stride}" if self.stride > 1 else ""


@dataclass(frozen=True)
class Part:
    """Boxes that follow each other, with at most one shortcut around all of them.

    Attributes:
        boxes: in their order.
        skip: what the shortcut computes, ``""`` for the identity; ``None`` without a shortcut.
        chosen: the decision for the shortcut, as ``label: value``; ``""`` if it is fixed.
    """

    boxes: tuple[Box, ...]
    skip: str | None = None
    chosen: str = ""


@dataclass(frozen=True)
class Group:
    """Parts that are repeated together ``times`` times."""

    parts: tuple[Part, ...]
    times: int = 1


@dataclass(frozen=True)
class Arc:
    """A connection between parts that do not follow each other.

    Attributes:
        source: number of the part whose output is read, counted over all groups; -1 is the input.
        target: number of the part that reads it.
        chosen: the decision behind it, ``""`` if it is fixed.
    """

    source: int
    target: int
    chosen: str = ""


@dataclass(frozen=True)
class Network:
    """A network as its blocks in order.

    Attributes:
        title: heading of the drawing.
        input: the input's shape, such as ``3×32×32``.
        groups: from the input to the output.
        arcs: connections besides those from each part to the next.
        cut: numbers of parts that do not read the part before them.
        decisions: those that no box shows, as ``label: value``.
    """

    title: str
    input: str
    groups: tuple[Group, ...]
    arcs: tuple[Arc, ...] = ()
    cut: frozenset[int] = frozenset()
    decisions: tuple[str, ...] = ()

    @property
    def parts(self) -> list[Part]:
        """The parts of all groups, each once."""
        return [part for group in self.groups for part in group.parts]

    @property
    def depth(self) -> int:
        """The number of boxes with repetitions."""
        return sum(group.times * len(part.boxes) for group in self.groups for part in group.parts)


Figure = Graph | Network
"""What can be drawn."""


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
        Edge(source, label, name, "", thickness(weight), choices.get(label) != name, weight)
        for source, (label, candidates) in zip(stops, weights.items(), strict=False)
        for name, weight in candidates.items()
    ]
    last = Edge(stops[-2], stops[-1], "")
    return Graph(title, (stops[0],), stops[-1], (*edges, last))


def mixed_cell_graph(
    title: str,
    ends: tuple[tuple[str, ...], str],
    edges: Mapping[tuple[str, str], Mapping[str, float]],
    chosen: Mapping[tuple[str, str], str],
    joined: Sequence[str] = (),
) -> Graph:
    """Return a cell of a supernet, with all candidates of each edge.

    Args:
        title: heading of the drawing.
        ends: names of the inputs, and of the output.
        edges: source and target to each candidate's share of the mixture.
        chosen: source and target to the candidate that the architecture takes.
        joined: nodes that the output concatenates.
    """
    mixed = [
        Edge(*at, name, "", thickness(share), chosen.get(at) != name, share)
        for at, shares in edges.items()
        for name, share in shares.items()
    ]
    return Graph(title, *ends, (*mixed, *(Edge(name, ends[1], "") for name in joined)))


def thickness(weight: float) -> float:
    """Return how thick the line of a candidate with this share of a mixture is."""
    return 0.3 + 3 * weight


def _unlike(name: str, labels: Mapping[str, str]) -> str:
    """Return ``name``, marked until no label reads the same."""
    while name in labels:
        name += "*"
    return name
