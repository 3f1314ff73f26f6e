"""The cell of NAS-Bench-201 (Dong and Yang, ICLR 2020) and its network.

A cell has four nodes. Each is the sum of one operation applied to every earlier node. All cells of
a network are equal. Letters: B batch, C channels, H, W height and width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from torch import Tensor, nn

from nasbench.graph import Edge, Graph, mixed_cell_graph
from nasbench.interop.nasbench201 import EDGES, NODES, edge_label, to_text
from nasbench.space import Arch, DataSpec, Domains, LayerChoice, SearchSpace
from search_spaces.operations import Pool, Zero, conv_bn

OPERATIONS: dict[str, Callable[[bool, int], nn.Module]] = {
    "none": lambda affine, c: Zero(1),
    "skip_connect": lambda affine, c: nn.Identity(),
    "nor_conv_1x1": lambda affine, c: nn.Sequential(*conv_bn(c, c, 1, affine=affine)),
    "nor_conv_3x3": lambda affine, c: nn.Sequential(*conv_bn(c, c, 3, affine=affine)),
    "avg_pool_3x3": lambda affine, c: Pool("avg", c, 1, batch_norm=False),
}


class Cell(nn.Module):
    """Four nodes; node 0 is the input and node 3 the output.

    BN inside the operations is affine in plain networks only, as in the training of the benchmark
    and in the one-shot searches of its authors.
    """

    def __init__(self, c: int, affine: bool) -> None:
        super().__init__()
        self.drawn_as = "cell"  # in drawings of the network
        self.edges = nn.ModuleDict()
        for edge in EDGES:
            label = edge_label(*edge)
            ops = {name: partial(make, affine) for name, make in OPERATIONS.items()}
            self.edges[label] = LayerChoice(ops, label=label, channels=c)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to the same shape."""
        states = [x]
        for node in range(1, NODES):
            terms = [self.edges[edge_label(node, i)](state) for i, state in enumerate(states)]
            states.append(sum(terms[1:], terms[0]))
        return states[-1]


class Reduction(nn.Module):
    """The residual block of stride 2 between two stages: it doubles the channels."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*conv_bn(c_in, c_out, 3, 2), *conv_bn(c_out, c_out, 3))
        # Like the convolution of stride 2, the pooling rounds an odd size up.
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(c_in, c_out, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H / 2), ceil(W / 2))``."""
        out: Tensor = self.shortcut(x) + self.layers(x)
        return out


class NasBench201(SearchSpace):
    """Three stages of equal cells: 5^6 = 15,625 architectures.

    With 16 channels, 5 cells per stage and CIFAR-10, this is the network of the benchmark. It has
    73,306 parameters, plus 28,000 for each 1x1 and 243,040 for each 3x3 convolution in the cell,
    even if nothing reads the output of the convolution. The ``flops`` of the benchmark are our
    multiply-adds plus the ten additions of the bias of the classifier.

    Args:
        spec: the shape of the data.
        channels: channels of the first stage, doubled twice; at least 1.
        cells: number of cells in each of the three stages, at least 1.

    Raises:
        ValueError: a number is below 1.
    """

    channels_last: ClassVar[bool] = True
    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"channels": 8, "cells": 1}
    }
    retrain_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"channels": 16, "cells": 5}
    }

    def __init__(self, spec: DataSpec, *, channels: int = 16, cells: int = 5) -> None:
        super().__init__(spec)
        if min(channels, cells) < 1:
            raise ValueError(f"channels={channels}, cells={cells}: both must be at least 1")
        self.stem = nn.Sequential(
            nn.Conv2d(spec.channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        self.stages = nn.Sequential()
        for stage in range(3):
            c = channels * 2**stage
            self.stages.extend([Reduction(c // 2, c)] if stage else [])
            self.stages.extend(Cell(c, affine=self.frozen) for _ in range(cells))
        c = 4 * channels
        self.last = nn.Sequential(nn.BatchNorm2d(c), nn.ReLU())
        self.classifier = nn.Linear(c, spec.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        x = self.last(self.stages(self.stem(x)))
        logits: Tensor = self.classifier(x.mean(dim=(2, 3)))
        return logits

    @classmethod
    def describe(cls, spec: DataSpec, **arguments: Any) -> Domains:
        """Return the decisions, which one cell has as well as many."""
        cells = arguments.get("cells", 5)
        if cls is NasBench201 and isinstance(cells, int) and cells > 1:
            arguments["cells"] = 1
        return super().describe(spec, **arguments)

    @classmethod
    def text(cls, arch: Arch) -> str:
        """Return the cell in the notation of the benchmark."""
        return to_text(arch)

    @classmethod
    def graphs(cls, arch: Arch) -> tuple[Graph, ...]:
        """Return the drawing of the cell."""
        edges = tuple(
            Edge(str(source), str(node), str(arch[edge_label(node, source)]))
            for node, source in EDGES
        )
        return (Graph("cell", ("0",), str(NODES - 1), edges),)

    @classmethod
    def supernet_graphs(
        cls, weights: Mapping[str, Mapping[str, float]], arch: Arch
    ) -> tuple[Graph, ...]:
        """Return the cell with all operations of each edge, by their weights."""
        edges, chosen = {}, {}
        for node, source in EDGES:
            label, at = edge_label(node, source), (str(source), str(node))
            edges[at], chosen[at] = weights[label], str(arch.get(label, ""))
        ends = (("0",), str(NODES - 1))
        return (mixed_cell_graph("cell, supernet", ends, edges, chosen),)
