"""The network around cells (DARTS, section A.1): stem, normal and reduction cells, classifier.

Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from nasbench.errors import unknown
from nasbench.graph import Edge, Graph
from nasbench.interop.genotype import INPUTS, Cell, Genotype
from nasbench.space import DataSpec, SearchSpace
from search_spaces.darts_operations import RENDITIONS, Rendition
from search_spaces.operations import FactorizedReduce, ReLUConvBN

CellKind = Literal["normal", "reduce"]
TITLES: Mapping[str, str] = {"normal": "normal cell", "reduce": "reduction cell"}
# Arguments: kind of the cell, channels of the two cells before it, own channels, whether the last
# cell halved the size, variant of the operations.
MakeCell = Callable[[CellKind, tuple[int, int], int, bool, Rendition], "StackedCell"]


class AuxiliaryHead(nn.Sequential):
    """An auxiliary classifier at two thirds of the depth, for training only."""

    def __init__(self, c: int, classes: int, size: tuple[int, int]) -> None:
        # The paper's pooling for 8x8, the size of 32x32 images at this depth; otherwise to 2x2.
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


class StackedCell(nn.Module):
    """Base class of cells: brings both inputs to one size and ``c`` channels.

    Args:
        c_before: channels of the cell before the last, then of the last.
        c: channels inside.
        after_reduction: whether the last cell halved the size.
        r: the variant of the operations.

    Attributes:
        drawn_as: what drawings of a network call the cell.
    """

    def __init__(
        self, c_before: tuple[int, int], c: int, after_reduction: bool, r: Rendition
    ) -> None:
        super().__init__()
        self.drawn_as = "cell"
        first = FactorizedReduce if after_reduction else ReLUConvBN
        self.preprocess0 = first(c_before[0], c, r.affine)
        self.preprocess1 = ReLUConvBN(c_before[1], c, r.affine)


class CellStack(SearchSpace):
    """Cells, each of which reads the two before it.

    Args:
        spec: the shape of the data; height and width at least 8.
        make: returns a cell.
        widths: kind of cell to the ratio of output channels to inner channels.
        channels: channels C of the first cells, at least 1; doubled at both reductions.
        layers: number of cells, at least 1; those at L//3 and 2L//3 are reductions.
        stem_multiplier: the stem has this many times C channels, at least 1.
        auxiliary: whether to train an auxiliary classifier at 2L//3.
        rendition: variant of the plain network's operations, one of ``RENDITIONS``.

    Raises:
        ValueError: the images are smaller than 8x8, or a number is below 1.
    """

    channels_last: ClassVar[bool] = True
    training_only: ClassVar[tuple[str, ...]] = ("auxiliary",)
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"channels": 36, "layers": 20, "auxiliary": True},
        "quick": {"channels": 8, "layers": 5},
    }
    inside_supernet: ClassVar[Mapping[str, Any]] = {"rendition": "supernet"}

    def __init__(
        self,
        spec: DataSpec,
        make: MakeCell,
        widths: Mapping[CellKind, int],
        *,
        channels: int,
        layers: int,
        stem_multiplier: int,
        auxiliary: bool,
        rendition: str,
    ) -> None:
        super().__init__(spec)
        if min(spec.height, spec.width) < 8:
            raise ValueError(f"images of {spec.height}x{spec.width}: DARTS needs at least 8x8")
        if min(channels, layers, stem_multiplier, *widths.values()) < 1:
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
        c_auxiliary, self.auxiliary_at = 0, 2 * layers // 3
        r = RENDITIONS[rendition if self.frozen else "supernet"]
        for layer in range(layers):
            kind: CellKind = "reduce" if layer in reductions else "normal"
            c = 2 * c if kind == "reduce" else c
            cell = make(kind, c_before, c, reduced, r)
            cell.drawn_as = TITLES[kind]
            self.cells.append(cell)
            c_before, reduced = (c_before[1], widths[kind] * c), kind == "reduce"
            c_auxiliary = c_before[1] if layer == self.auxiliary_at else c_auxiliary
        factor = 2 ** len(reductions)
        size = (-(-spec.height // factor), -(-spec.width // factor))
        self.auxiliary = AuxiliaryHead(c_auxiliary, spec.classes, size) if auxiliary else None
        self.classifier = nn.Linear(c_before[1], spec.classes)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``, and auxiliary ones in training mode."""
        s0 = s1 = self.stem(x)
        extra: Tensor | None = None
        for layer, cell in enumerate(self.cells):
            s0, s1 = s1, cell(s0, s1)
            if self.auxiliary is not None and self.training and layer == self.auxiliary_at:
                extra = self.auxiliary(s1)
        logits: Tensor = self.classifier(s1.mean(dim=(2, 3)))
        return logits if extra is None else (logits, extra)


def cell_graphs(found: Genotype) -> tuple[Graph, ...]:
    """Return the drawings of the normal and the reduction cell."""
    return _cell_graph(TITLES["normal"], found.normal), _cell_graph(TITLES["reduce"], found.reduce)


def _cell_graph(title: str, cell: Cell) -> Graph:
    names = ["c_{k-2}", "c_{k-1}", *(str(i) for i in range(len(cell.nodes)))]
    edges = [
        Edge(names[source], names[number], op)
        for number, node in enumerate(cell.nodes, INPUTS)
        for op, source in node
    ]
    edges += [Edge(names[state], "c_{k}", "") for state in cell.concat]
    return Graph(title, (names[0], names[1]), "c_{k}", tuple(edges))
