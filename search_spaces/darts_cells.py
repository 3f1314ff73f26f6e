"""Networks of given cells: any genotype, including those outside the DARTS space.

NASNet and AmoebaNet have five nodes, further operations, and only unused nodes in the output;
FairDARTS has any number of edges per node. Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from nasbench.errors import unknown
from nasbench.graph import Graph
from nasbench.interop.genotype import INPUTS, Cell
from nasbench.interop.genotype_text import parse
from nasbench.space import Arch, DataSpec, ValueChoice
from search_spaces.cell_stack import CellKind, CellStack, StackedCell, cell_graphs
from search_spaces.darts_operations import MORE_OPERATIONS, Rendition, with_drop_path


class GivenCell(StackedCell):
    """Two preprocessed inputs, and the nodes of a genotype's cell.

    Args:
        cells: the cells by their kind.
        kind: which of them; in ``"reduce"`` the edges from the inputs have stride 2.
        c_before: channels of the cell before the last, then of the last.
        c: channels inside; the output has this many for each concatenated state.
        after_reduction: whether the last cell halved the size.
        r: the variant of the operations.
    """

    def __init__(
        self,
        cells: dict[CellKind, Cell],
        kind: CellKind,
        c_before: tuple[int, int],
        c: int,
        after_reduction: bool,
        r: Rendition,
    ) -> None:
        super().__init__(c_before, c, after_reduction, r)
        self.cell = cells[kind]
        self.ops = nn.ModuleList(
            with_drop_path(op, 2 if kind == "reduce" and source < INPUTS else 1, r, c)
            for op, source in self.cell.pairs
        )

    def forward(self, s0: Tensor, s1: Tensor) -> Tensor:
        """Map ``(B, C_pp, H, W)`` and ``(B, C_p, H, W)`` to the output of the cell."""
        states: list[Tensor | None] = [self.preprocess0(s0), self.preprocess1(s1)]
        ops = iter(self.ops)
        for node in self.cell.nodes:
            terms = [next(ops)(states[source]) for _, source in node]
            states.append(sum(terms[1:], terms[0]) if terms else None)
        return torch.cat([s for i in self.cell.concat if (s := states[i]) is not None], dim=1)


class DartsCells(CellStack):
    """A stack of the cells of one genotype: a single architecture.

    Args:
        spec: the shape of the data; height and width at least 8.
        genotype: ``Genotype(normal=[...], ...)`` in any of its forms.
        channels: channels C of the first cells, at least 1; doubled at both reductions.
        layers: number of cells, at least 1; those at L//3 and 2L//3 are reductions.
        stem_multiplier: the stem has this many times C channels, at least 1.
        auxiliary: whether to train an auxiliary classifier at 2L//3.
        rendition: variant of the operations: ``darts``, ``nni`` or ``supernet``, as in
            :class:`search_spaces.darts.Darts`.

    Raises:
        UserError: the text is no genotype, or names an unknown operation.
        ValueError: the images are smaller than 8x8, or a number is below 1.
    """

    def __init__(
        self,
        spec: DataSpec,
        *,
        genotype: str,
        channels: int = 16,
        layers: int = 8,
        stem_multiplier: int = 3,
        auxiliary: bool = False,
        rendition: str = "darts",
    ) -> None:
        found = parse(genotype)
        cells: dict[CellKind, Cell] = {"normal": found.normal, "reduce": found.reduce}
        for op, _ in found.normal.pairs + found.reduce.pairs:
            if op not in MORE_OPERATIONS:
                raise unknown("operation", op, MORE_OPERATIONS)
        super().__init__(
            spec,
            partial(GivenCell, cells),
            {kind: len(cell.concat) for kind, cell in cells.items()},
            channels=channels,
            layers=layers,
            stem_multiplier=stem_multiplier,
            auxiliary=auxiliary,
            rendition=rendition,
        )
        # The only option, so that the architecture contains the genotype.
        self.genotype = ValueChoice([str(found)], label="genotype")

    @classmethod
    def text(cls, arch: Arch) -> str:
        """Return the genotype."""
        return str(arch["genotype"])

    @classmethod
    def graphs(cls, arch: Arch) -> tuple[Graph, ...]:
        """Return the normal and the reduction cell."""
        return cell_graphs(parse(cls.text(arch)))
