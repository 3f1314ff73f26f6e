"""The ``Genotype`` of DARTS: ``Genotype(normal=[(op, input), ...], normal_concat=..., ...)``.

Entries 2k and 2k+1 of a cell feed node k+2; inputs 0 and 1 are the two cells before. Here a node
is one decision for its two inputs and one for the operation of each.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from nasbench.errors import UserError

Pair = tuple[str, int]


def switch_label(kind: str, node: int) -> str:
    """Return the label of the decision which two states feed ``node`` (2 is the first)."""
    return f"{kind}/n{node}/switch"


def edge_label(kind: str, node: int, source: int) -> str:
    """Return the label of the operation on the edge from ``source`` to ``node``."""
    return f"{kind}/n{node}/p{source}"


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell; every node is concatenated into the output."""

    normal: tuple[Pair, ...]
    reduce: tuple[Pair, ...]

    def pairs(self, kind: str) -> tuple[Pair, ...]:
        """Return the cell's pairs, ``kind`` being ``"normal"`` or ``"reduce"``."""
        return self.normal if kind == "normal" else self.reduce

    def __str__(self) -> str:
        cells = []
        for kind in ("normal", "reduce"):
            pairs = self.pairs(kind)
            concat = list(range(2, 2 + len(pairs) // 2))
            cells.append(f"{kind}={list(pairs)}, {kind}_concat={concat}")
        return f"Genotype({', '.join(cells)})"


def from_choices(choices: Mapping[str, object]) -> Genotype:
    """Return the genotype of an architecture of the DARTS space."""
    cells: dict[str, tuple[Pair, ...]] = {}
    for kind in ("normal", "reduce"):
        pairs: list[Pair] = []
        node = 2
        while (inputs := choices.get(switch_label(kind, node))) is not None:
            assert isinstance(inputs, tuple)
            pairs += [(str(choices[edge_label(kind, node, i)]), i) for i in inputs]
            node += 1
        cells[kind] = tuple(pairs)
    return Genotype(**cells)


def to_choices(genotype: Genotype) -> dict[str, object]:
    """Return label to value for the DARTS space, to be checked by ``Domains.arch``."""
    choices: dict[str, object] = {}
    for kind in ("normal", "reduce"):
        pairs = genotype.pairs(kind)
        for k in range(len(pairs) // 2):
            both = pairs[2 * k : 2 * k + 2]
            choices[switch_label(kind, k + 2)] = sorted(source for _, source in both)
            choices |= {edge_label(kind, k + 2, source): op for op, source in both}
    return choices


def parse(text: str) -> Genotype:
    """Read ``Genotype(normal=..., ...)``, with or without ``NAME =`` before it.

    Raises:
        UserError: the text is something else.
    """
    try:
        node = ast.parse(text.strip()).body[0]
        call = getattr(node, "value", None)
        assert isinstance(call, ast.Call)
        fields = {k.arg: k.value for k in call.keywords}
        cells = [_pairs(ast.literal_eval(fields[kind])) for kind in ("normal", "reduce")]
    except (SyntaxError, ValueError, KeyError, AssertionError, IndexError, TypeError) as error:
        raise UserError(
            f"not a DARTS genotype: {text.strip()[:60]!r}: expected "
            "Genotype(normal=[(op, input), ...], normal_concat=..., reduce=[...], ...)"
        ) from error
    return Genotype(cells[0], cells[1])


def _pairs(cell: object) -> tuple[Pair, ...]:
    assert isinstance(cell, list | tuple)
    pairs = tuple((str(op), int(source)) for op, source in cell)
    assert len(pairs) % 2 == 0
    return pairs
