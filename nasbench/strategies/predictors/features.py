"""Features of a cell's graph, after GRAF.

Kadlecová et al., "Surprisingly Strong Performance Prediction with Neural Graph Features", ICML
2024: for sets of operations, how often they occur, the shortest way through them, how many of them
lie on one way, and how many of them leave the input and enter the output.

Here an edge counts only if it is live: on a way from an input to the output, without operations
``none``. Cells that compute the same with other dead edges have the same features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from itertools import combinations

import numpy as np
import numpy.typing as npt

from nasbench.graph import Edge, Graph
from nasbench.space import Domains

Floats = npt.NDArray[np.float64]

NOTHING = "none"  # the operation of an absent edge
ALL_SETS = 5  # operations up to which every set of them has features


def operations(domains: Domains) -> tuple[str, ...]:
    """Return the operations that layers can be, without ``none``, in the decisions' order."""
    layers = (domain for domain in domains.values() if domain.kind == "layer")
    found = dict.fromkeys(str(option) for domain in layers for option in domain.options)
    return tuple(name for name in found if name != NOTHING)


def operation_sets(names: Sequence[str]) -> list[frozenset[str]]:
    """Return the sets of operations that have features.

    All sets of up to five operations; of more, those of one, of two, and of all but one.
    """
    count = len(names)
    sizes = range(1, count + 1) if count <= ALL_SETS else (1, 2, count - 1, count)
    return [frozenset(one) for size in sizes for one in combinations(names, size)]


def live_edges(graph: Graph) -> list[Edge]:
    """Return the edges on a way from an input to the output, each after those that it follows."""
    edges = [edge for edge in graph.edges if edge.label != NOTHING and not edge.ghost]
    from_input = _reached(graph.inputs, [(edge.source, edge.target) for edge in edges])
    to_output = _reached((graph.output,), [(edge.target, edge.source) for edge in edges])
    live = [one for one in edges if one.source in from_input and one.target in to_output]
    before: dict[str, list[str]] = {}
    for edge in live:
        before.setdefault(edge.target, []).append(edge.source)
    place = {node: i for i, node in enumerate(TopologicalSorter(before).static_order())}
    return sorted(live, key=lambda edge: (place[edge.target], place[edge.source]))


def _reached(starts: Sequence[str], steps: Sequence[tuple[str, str]]) -> set[str]:
    found, waiting = set(starts), list(starts)
    while waiting:
        here = waiting.pop()
        for source, target in steps:
            if source == here and target not in found:
                found.add(target)
                waiting.append(target)
    return found


class GraphFeatures:
    """The features of cells with these operations.

    An edge with another label, such as the plain flow into a concatenation, belongs to no set and
    may be part of every way.

    Args:
        names: the operations.

    Attributes:
        sets: the sets of operations with features, ``s`` of them.
    """

    KINDS = ("count", "shortest", "most", "from input", "into output")

    def __init__(self, names: Sequence[str]) -> None:
        self.sets = operation_sets(names)
        self._member = {
            name: np.array([name in one for one in self.sets], dtype=np.float64) for name in names
        }
        self._nothing = np.zeros(len(self.sets))

    @property
    def names(self) -> list[str]:
        """The names of the features of a cell, in their order."""
        return [f"{kind} {'+'.join(sorted(one))}" for kind in self.KINDS for one in self.sets]

    def __call__(self, graph: Graph) -> Floats:
        """Return the features of a cell, shape ``(5 s,)``.

        For each set: the number of its live edges; the length of the shortest way that consists of
        them (the number of nodes if there is none); the most of them on one way; how many leave an
        input; how many enter the output.
        """
        nothing, nodes = self._nothing, len(graph.nodes)
        shortest = {name: nothing for name in graph.inputs}
        most = {name: nothing for name in graph.inputs}
        count, first, last = nothing.copy(), nothing.copy(), nothing.copy()
        for edge in live_edges(graph):
            member = self._member.get(edge.label)
            free = member is None
            inside = nothing if member is None else member
            length = shortest[edge.source] + (inside if free else 1.0)
            if not free:
                length = np.where(inside > 0, length, nodes)
            along = most[edge.source] + inside
            if edge.target in most:
                shortest[edge.target] = np.minimum(shortest[edge.target], length)
                most[edge.target] = np.maximum(most[edge.target], along)
            else:
                shortest[edge.target], most[edge.target] = np.minimum(length, nodes), along
            count += inside
            if edge.source in graph.inputs:
                first += inside
            if edge.target == graph.output:
                last += inside
        far = np.full(len(self.sets), float(nodes))
        ends = shortest.get(graph.output, far), most.get(graph.output, nothing)
        return np.concatenate([count, *ends, first, last])


def ways(graph: Graph, identity: Sequence[str] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the operations along each way from an input to the output, over live edges.

    Args:
        graph: the cell.
        identity: operations that are left out, as plain flows are.
    """
    along: dict[str, list[tuple[str, ...]]] = {name: [()] for name in graph.inputs}
    for edge in live_edges(graph):
        step = () if edge.label == "" or edge.label in identity else (edge.label,)
        more = [(*way, *step) for way in along[edge.source]]
        along[edge.target] = along.get(edge.target, []) + more
    yield from along.get(graph.output, [])
