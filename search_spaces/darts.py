"""The DARTS search space: a stack of cells (Liu et al., "DARTS", ICLR 2019, section 3 and A.1).

A normal and a reduction cell are searched; each has four nodes that read two of the states before
them. Letters: B batch, C channels, H, W height and width, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from nasbench.errors import unknown
from nasbench.graph import Edge, Graph
from nasbench.interop import genotype
from nasbench.nn.drop_path import DropPath
from nasbench.space import Arch, DataSpec, InputChoice, LayerChoice, SearchSpace
from search_spaces.operations import (
    DilConv,
    FactorizedReduce,
    Pool,
    ReLUConvBN,
    SepConv,
    Zero,
)

CellKind = Literal["normal", "reduce"]

SEARCH_LAYERS = 8


@dataclass(frozen=True)
class Rendition:
    """How a cell's operations are built.

    Attributes:
        affine: whether BN has parameters of its own.
        pool_bn: whether BN follows a pooling.
        drop_skips: whether drop-path covers identities.
    """

    affine: bool
    pool_bn: bool
    drop_skips: bool


RENDITIONS: dict[str, Rendition] = {
    "darts": Rendition(affine=True, pool_bn=False, drop_skips=False),
    "nni": Rendition(affine=False, pool_bn=True, drop_skips=True),
    "supernet": Rendition(affine=False, pool_bn=True, drop_skips=False),
}


def skip_connect(c: int, stride: int, r: Rendition) -> nn.Module:
    """Return the identity, or its stride-2 stand-in."""
    return nn.Identity() if stride == 1 else FactorizedReduce(c, c, r.affine)


OPERATIONS: dict[str, Callable[[int, int, Rendition], nn.Module]] = {
    "none": lambda c, stride, r: Zero(stride),
    "max_pool_3x3": lambda c, stride, r: Pool("max", c, stride, r.pool_bn),
    "avg_pool_3x3": lambda c, stride, r: Pool("avg", c, stride, r.pool_bn),
    "skip_connect": skip_connect,
    "sep_conv_3x3": lambda c, stride, r: SepConv(c, 3, stride, r.affine),
    "sep_conv_5x5": lambda c, stride, r: SepConv(c, 5, stride, r.affine),
    "dil_conv_3x3": lambda c, stride, r: DilConv(c, 3, stride, r.affine),
    "dil_conv_5x5": lambda c, stride, r: DilConv(c, 5, stride, r.affine),
}


def with_drop_path(name: str, stride: int, r: Rendition, c: int) -> nn.Module:
    """Return the operation, with drop-path behind it unless it is an identity."""
    op = OPERATIONS[name](c, stride, r)
    if isinstance(op, nn.Identity) and not r.drop_skips:
        return op
    return nn.Sequential(op, DropPath())


def edge(kind: CellKind, node: int, source: int, c: int, r: Rendition) -> LayerChoice:
    """Return the choice of operation between state ``source`` and ``node``."""
    stride = 2 if kind == "reduce" and source < 2 else 1
    return LayerChoice(
        {name: partial(with_drop_path, name, stride, r) for name in OPERATIONS},
        label=genotype.edge_label(kind, node, source),
        relaxed_only=("none",),
        channels=c,
    )


class DartsCell(nn.Module):
    """Two preprocessed inputs, ``nodes`` sums of two edges each, concatenated.

    Args:
        kind: ``"normal"``, or ``"reduce"`` with stride 2 on the edges from the inputs.
        c_before: channels of the cell before the last, then of the last.
        c: channels inside; the output has ``nodes * c``.
        after_reduction: whether the last cell halved the size.
        nodes: how many intermediate nodes.
        r: how the operations are built.
    """

    def __init__(
        self,
        kind: CellKind,
        c_before: tuple[int, int],
        c: int,
        after_reduction: bool,
        nodes: int,
        r: Rendition,
    ) -> None:
        super().__init__()
        first = FactorizedReduce if after_reduction else ReLUConvBN
        self.preprocess0 = first(c_before[0], c, r.affine)
        self.preprocess1 = ReLUConvBN(c_before[1], c, r.affine)
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


class AuxiliaryHead(nn.Sequential):
    """A second classifier two thirds up the network, for training only."""

    def __init__(self, c: int, classes: int, size: tuple[int, int]) -> None:
        # The paper's pooling at 8x8, which is what 32x32 images have become there; else to 2x2.
        pool = nn.AvgPool2d(5, 3, 0, count_include_pad=False)
        super().__init__(
            nn.ReLU(),
            pool if size == (8, 8) else nn.AdaptiveAvgPool2d(2),
            nn.Conv2d(c, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.BatchNorm2d(768),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(768, classes),
        )


class Darts(SearchSpace):
    """A stack of DARTS cells.

    Args:
        spec: the data's shape; height and width at least 8.
        channels: C of the first cells; doubled at both reductions (16 in the paper's search, 36
            in its evaluation).
        layers: cells (8 in the search, 20 in the evaluation); those at L//3 and 2L//3 reduce.
        stem_multiplier: the stem has this many times C channels.
        nodes: intermediate nodes of a cell.
        auxiliary: whether to train a second classifier at 2L//3.
        rendition: how an architecture's network is built: ``darts`` (affine BN, none after
            pools), ``nni`` (as NNI's example) or ``supernet`` (as inside the supernet).

    Raises:
        ValueError: the images are smaller than 8x8, or a number is below 1.
    """

    channels_last: ClassVar[bool] = True
    training_only: ClassVar[tuple[str, ...]] = ("auxiliary",)
    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"channels": 16, "layers": SEARCH_LAYERS},
        "quick": {"channels": 8, "layers": 3},
    }
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"channels": 36, "layers": 20, "auxiliary": True},
        "quick": {"channels": 8, "layers": 5},
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
        super().__init__(spec)
        if min(spec.height, spec.width) < 8:
            raise ValueError(f"images of {spec.height}x{spec.width}: DARTS needs at least 8x8")
        if min(channels, layers, stem_multiplier, nodes) < 1:
            raise ValueError("channels, layers, stem_multiplier and nodes must be at least 1")
        if rendition not in RENDITIONS:
            raise unknown("rendition", rendition, RENDITIONS)
        c_stem = stem_multiplier * channels
        self.stem = nn.Sequential(
            nn.Conv2d(spec.channels, c_stem, 3, padding=1, bias=False), nn.BatchNorm2d(c_stem)
        )
        reductions = {layers // 3, 2 * layers // 3}
        self.cells = nn.ModuleList()
        c_before, c, reduced = (c_stem, c_stem), channels, False
        r = RENDITIONS[rendition if self.frozen else "supernet"]
        for layer in range(layers):
            kind: CellKind = "reduce" if layer in reductions else "normal"
            c = 2 * c if kind == "reduce" else c
            self.cells.append(DartsCell(kind, c_before, c, reduced, nodes, r))
            c_before, reduced = (c_before[1], nodes * c), kind == "reduce"
        self.auxiliary_at = 2 * layers // 3
        factor = 2 ** len(reductions)
        size = (-(-spec.height // factor), -(-spec.width // factor))
        c_auxiliary = nodes * factor * channels
        self.auxiliary = AuxiliaryHead(c_auxiliary, spec.classes, size) if auxiliary else None
        self.classifier = nn.Linear(c_before[1], spec.classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``, in training with the auxiliary's."""
        s0 = s1 = self.stem(x)
        extra: Tensor | None = None
        for layer, cell in enumerate(self.cells):
            s0, s1 = s1, cell(s0, s1)
            if self.auxiliary is not None and self.training and layer == self.auxiliary_at:
                extra = self.auxiliary(s1)
        logits: Tensor = self.classifier(s1.mean(dim=(2, 3)))
        return logits if extra is None else (logits, extra)

    @classmethod
    def deeper(cls, arguments: Mapping[str, Any], stage: int) -> Mapping[str, Any]:
        """Add 6 cells for each stage of ``p-darts``: 5, 11 and 17, as in its paper.

        Below 5 cells, 6 of 5 as many are added, so that a small search stays small.
        """
        layers = int(arguments.get("layers", SEARCH_LAYERS))
        return {**arguments, "layers": layers + stage * min(6, round(1.2 * layers))}

    @classmethod
    def text(cls, arch: Arch) -> str:
        """Return the cells as a DARTS ``Genotype``."""
        return str(genotype.from_choices(arch))

    @classmethod
    def graphs(cls, arch: Arch) -> tuple[Graph, ...]:
        """Return the normal and the reduction cell."""
        found = genotype.from_choices(arch)
        return tuple(_cell_graph(kind, found.pairs(kind)) for kind in ("normal", "reduce"))


def _cell_graph(kind: str, pairs: tuple[tuple[str, int], ...]) -> Graph:
    """Return the drawing of one cell; ``pairs`` as in a ``Genotype``."""
    names = ["c_{k-2}", "c_{k-1}", *(str(i) for i in range(len(pairs) // 2))]
    edges = [Edge(names[source], names[2 + i // 2], op) for i, (op, source) in enumerate(pairs)]
    edges += [Edge(name, "c_{k}", "") for name in names[2:]]
    title = "normal cell" if kind == "normal" else "reduction cell"
    return Graph(title, (names[0], names[1]), "c_{k}", tuple(edges))
