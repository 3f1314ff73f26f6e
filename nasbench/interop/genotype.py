"""A normal and a reduction cell, called a genotype in DARTS and its successors.

Inputs 0 and 1 are the two cells before, node 2 is the first of the cell's own. In the DARTS space
a node is one decision for its two inputs and one for the operation of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from nasbench.errors import UserError

Pair = tuple[str, int]  # an operation and the state that it reads
KINDS = ("normal", "reduce")
INPUTS = 2
MOST_NODES = 100  # of a cell; published ones have five at most
MOST_EDGES = 1000


def switch_label(kind: str, node: int) -> str:
    """Return the label of the choice of the two inputs of ``node``; 2 is the first node."""
    return f"{kind}/n{node}/switch"


def edge_label(kind: str, node: int, source: int) -> str:
    """Return the label of the operation on an edge.

    Args:
        kind: ``"normal"`` or ``"reduce"``.
        node: the edge's end, from 2.
        source: its start, a state below ``node``.
    """
    return f"{kind}/n{node}/p{source}"


class Cell(NamedTuple):
    """The inputs of each node, and the states that form the output."""

    nodes: tuple[tuple[Pair, ...], ...]
    concat: tuple[int, ...]

    @classmethod
    def of(cls, pairs: Iterable[Pair], concat: Iterable[int] | None = None) -> Cell:
        """Return the cell whose entries 2k and 2k+1 feed node k+2.

        Args:
            pairs: two for each node.
            concat: the concatenated states; every node by default.

        Raises:
            UserError: the number of pairs is odd, or a state that does not exist is read.
        """
        flat = tuple(pairs)
        if len(flat) % 2:
            raise UserError(f"{len(flat)} pairs in a cell: two for each node are needed")
        nodes = tuple(flat[at : at + 2] for at in range(0, len(flat), 2))
        every = range(INPUTS, INPUTS + len(nodes))
        return cls(nodes, tuple(every if concat is None else concat)).checked()

    def pruned(self) -> Cell:
        """Return the cell without nodes that have no input, as FairDARTS builds it.

        Such a node is left out of the output, and edges that read it are left out, too. The other
        nodes keep their numbers.
        """
        nodes: list[tuple[Pair, ...]] = []
        empty: set[int] = set()
        for number, node in enumerate(self.nodes, INPUTS):
            nodes.append(tuple(pair for pair in node if pair[1] not in empty))
            if not nodes[-1]:
                empty.add(number)
        while nodes and not nodes[-1]:
            nodes.pop()
        return Cell(tuple(nodes), tuple(state for state in self.concat if state not in empty))

    def checked(self) -> Cell:
        """Return the cell.

        Raises:
            UserError: it is empty or too large, or reads a state that does not exist or has no
                input.
        """
        edges = sum(map(len, self.nodes))
        if max(len(self.nodes), len(self.concat)) > MOST_NODES or edges > MOST_EDGES:
            raise UserError(
                f"a cell of {len(self.nodes)} nodes, {edges} edges and {len(self.concat)} "
                f"concatenated states: {MOST_NODES}, {MOST_EDGES} and {MOST_NODES} are the most"
            )
        known = set(range(INPUTS))
        for number, node in enumerate(self.nodes, INPUTS):
            for op, source in node:
                if source not in known:
                    raise UserError(f"node {number} reads {source} ({op}): there is no such state")
            if node:
                known.add(number)
        lost = [number for number in self.concat if number not in known]
        if lost or not self.concat or not self.nodes:
            raise UserError(
                f"the cell's output is {list(self.concat)}: some of {sorted(known)} is allowed"
            )
        return self

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """All edges, node by node."""
        return tuple(pair for node in self.nodes for pair in node)

    @property
    def triples(self) -> tuple[tuple[str, int, int], ...]:
        """All edges as ``(op, node, input)``."""
        nodes = enumerate(self.nodes, INPUTS)
        return tuple((op, number, source) for number, node in nodes for op, source in node)

    @property
    def even(self) -> bool:
        """Whether every node has two edges, as the plain form of a genotype needs."""
        return all(len(node) == 2 for node in self.nodes)


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell."""

    normal: Cell
    reduce: Cell

    def cell(self, kind: str) -> Cell:
        """Return a cell, ``kind`` being ``"normal"`` or ``"reduce"``."""
        return self.normal if kind == "normal" else self.reduce

    def text(self, edges: Callable[[Cell], Iterable[object]]) -> str:
        """Return ``normal=[...], normal_concat=[...], reduce=..., ...`` with a cell's edges so."""
        cells = [(kind, self.cell(kind)) for kind in KINDS]
        return ", ".join(
            f"{kind}={list(edges(cell))}, {kind}_concat={list(cell.concat)}"
            for kind, cell in cells
        )

    def __str__(self) -> str:
        return f"Genotype({self.text(lambda cell: cell.pairs if cell.even else cell.triples)})"


def from_choices(choices: Mapping[str, object]) -> Genotype:
    """Return the genotype of an architecture of the DARTS space."""
    cells: list[Cell] = []
    for kind in KINDS:
        pairs: list[Pair] = []
        node = INPUTS
        while (inputs := choices.get(switch_label(kind, node))) is not None:
            assert isinstance(inputs, tuple | list)
            pairs += [(str(choices[edge_label(kind, node, i)]), i) for i in inputs]
            node += 1
        nodes = tuple(tuple(pairs[at : at + 2]) for at in range(0, len(pairs), 2))
        # A network of few cells may have only one kind, and no choices of the other.
        cells.append(Cell(nodes, tuple(range(INPUTS, INPUTS + len(nodes)))))
    return Genotype(*cells)


def fits_darts(genotype: Genotype) -> bool:
    """Return whether the DARTS space holds it.

    Every node must have two different inputs and be part of the output.
    """
    cells = [genotype.cell(kind) for kind in KINDS]
    return len(cells[0].nodes) == len(cells[1].nodes) and all(
        cell.even
        and cell.concat == tuple(range(INPUTS, INPUTS + len(cell.nodes)))
        and all(one[1] != other[1] for one, other in cell.nodes)
        for cell in cells
    )


def to_choices(genotype: Genotype) -> dict[str, object]:
    """Return label to value for the DARTS space, to be checked by ``Domains.arch``."""
    choices: dict[str, object] = {}
    for kind in KINDS:
        for number, node in enumerate(genotype.cell(kind).nodes, INPUTS):
            choices[switch_label(kind, number)] = sorted(source for _, source in node)
            choices |= {edge_label(kind, number, source): op for op, source in node}
    return choices
