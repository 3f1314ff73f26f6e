"""The DARTS search space: a stack of cells (Liu et al., "DARTS", ICLR 2019, section 3 and A.1).

The search finds a normal and a reduction cell. Each has four nodes, which read two of the states
before them. Letters: B batch, C channels, H, W height and width, L layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nasbench.graph import Graph, mixed_cell_graph
from nasbench.interop import genotype
from nasbench.space import Arch, DataSpec, Domains, InputChoice, LayerChoice
from search_spaces.cell_stack import TITLES, CellKind, CellStack, StackedCell, cell_graphs
from search_spaces.darts_operations import OPERATIONS, Rendition, with_drop_path

SEARCH_LAYERS = 8


def edge(kind: CellKind, node: int, source: int, c: int, r: Rendition) -> LayerChoice:
    """Return the choice of operation between state ``source`` and ``node``.

    Args:
        kind: ``"normal"``, or ``"reduce"`` with stride 2 on the edges from the inputs.
        node: the state at which the edge ends, counted from the first input.
        source: the state at which it begins.
        c: channels of both.
        r: the variant of the operations.
    """
    stride = 2 if kind == "reduce" and source < 2 else 1
    return LayerChoice(
        {name: partial(with_drop_path, name, stride, r) for name in OPERATIONS},
        label=genotype.edge_label(kind, node, source),
        relaxed_only=("none",),
        channels=c,
    )


class DartsCell(StackedCell):
    """Two preprocessed inputs, ``nodes`` sums of two edges each, concatenated.

    Args:
        nodes: number of intermediate nodes.
        kind: ``"normal"``, or ``"reduce"`` with stride 2 on the edges from the inputs.
        c_before: channels of the cell before the last, then of the last.
        c: channels inside; the output has ``nodes * c``.
        after_reduction: whether the last cell halved the size.
        r: the variant of the operations.
    """

    def __init__(
        self,
        nodes: int,
        kind: CellKind,
        c_before: tuple[int, int],
        c: int,
        after_reduction: bool,
        r: Rendition,
    ) -> None:
        super().__init__(c_before, c, after_reduction, r)
        self.nodes = nn.ModuleList(
            InputChoice(
                node,
                2,
                label=genotype.switch_label(kind, node),
                edges=[partial(edge, kind, node, source, c, r) for source in range(node)],
            )
            for node in range(2, 2 + nodes)
        )

    def forward(self, s0: Tensor, s1: Tensor) -> Tensor:
        """Map ``(B, C_pp, H, W)`` and ``(B, C_p, H, W)`` to ``(B, nodes * C, H', W')``."""
        states = [self.preprocess0(s0), self.preprocess1(s1)]
        for node in self.nodes:
            states.append(node(states))
        return torch.cat(states[2:], dim=1)


class Darts(CellStack):
    """A stack of DARTS cells.

    Args:
        spec: the shape of the data; height and width at least 8.
        channels: channels C of the first cells, at least 1; doubled at both reductions. The paper
            uses 16 in the search and 36 in the evaluation.
        layers: number of cells, at least 1, and at least 3 in a search, which finds both kinds of
            cell; those at L//3 and 2L//3 are reductions. The paper uses 8 in the search and 20 in
            the evaluation.
        stem_multiplier: the stem has this many times C channels, at least 1.
        nodes: number of intermediate nodes of a cell, at least 1.
        auxiliary: whether to train an auxiliary classifier at 2L//3.
        rendition: variant of the plain network: ``darts`` (affine BN, none after pooling),
            ``nni`` (as in the example of NNI) or ``supernet`` (as in the supernet).

    Raises:
        ValueError: the images are smaller than 8x8, or a number is too small.
    """

    depth_argument: ClassVar[str | None] = "layers"
    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"channels": 16, "layers": SEARCH_LAYERS},
        "quick": {"channels": 8, "layers": 3},
    }

    def __init__(
        self,
        spec: DataSpec,
        *,
        channels: int = 16,
        layers: int = SEARCH_LAYERS,
        stem_multiplier: int = 3,
        nodes: int = 4,
        auxiliary: bool = False,
        rendition: str = "darts",
    ) -> None:
        super().__init__(
            spec,
            partial(DartsCell, nodes),
            {"normal": nodes, "reduce": nodes},
            channels=channels,
            layers=layers,
            stem_multiplier=stem_multiplier,
            auxiliary=auxiliary,
            rendition=rendition,
        )
        if not self.frozen and layers < 3:
            raise ValueError(f"layers={layers}: a search of both kinds of cell needs at least 3")

    @classmethod
    def describe(cls, spec: DataSpec, **arguments: Any) -> Domains:
        """Return the decisions, which are the same at every depth: three layers have them all."""
        layers = arguments.get("layers", SEARCH_LAYERS)
        if cls is Darts and isinstance(layers, int) and layers > 3:
            arguments["layers"] = 3
        return super().describe(spec, **arguments)

    @classmethod
    def text(cls, arch: Arch) -> str:
        """Return the cells as a DARTS ``Genotype``."""
        return str(genotype.from_choices(arch))

    @classmethod
    def graphs(cls, arch: Arch) -> tuple[Graph, ...]:
        """Return the normal and the reduction cell."""
        found = genotype.from_choices(arch)
        return cell_graphs(found)

    @classmethod
    def supernet_graphs(
        cls, weights: Mapping[str, Mapping[str, float]], arch: Arch
    ) -> tuple[Graph, ...]:
        """Return both cells with all operations of each edge, by their weights."""
        return tuple(_mixed(kind, weights, arch) for kind in genotype.KINDS)


def _mixed(kind: str, weights: Mapping[str, Mapping[str, float]], arch: Arch) -> Graph:
    names, node = ["c_{k-2}", "c_{k-1}"], genotype.INPUTS
    edges: dict[tuple[str, str], Mapping[str, float]] = {}
    chosen: dict[tuple[str, str], str] = {}
    while genotype.edge_label(kind, node, 0) in weights:
        names.append(str(node - genotype.INPUTS))
        kept = arch.get(genotype.switch_label(kind, node), ())
        for source in range(node):
            label = genotype.edge_label(kind, node, source)
            edges[names[source], names[node]] = weights[label]
            if isinstance(kept, tuple) and source in kept:
                chosen[names[source], names[node]] = str(arch.get(label, ""))
        node += 1
    title = f"{TITLES[kind]}, supernet"
    return mixed_cell_graph(title, (("c_{k-2}", "c_{k-1}"), "c_{k}"), edges, chosen, names[2:])
