"""First-order DARTS written down plainly, without anything of nasbench.

Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019: equation (2),
algorithm 1 with xi = 0, and the settings of section A.1. As in the usual implementations, every
operation of an edge is computed on its own, the zero operation included, and both backward passes
compute all gradients.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peers.turns import CLASSES, Task, Turns

NODES = 4
EDGES = sum(range(2, 2 + NODES))
CANDIDATES = ("none", "max", "avg", "skip", "sep3", "sep5", "dil3", "dil5")


def batch_norm(c: int) -> nn.BatchNorm2d:
    """Return BN without parameters, as the search has it."""
    return nn.BatchNorm2d(c, affine=False)


def separable(c: int, kernel: int, stride: int, dilation: int = 1) -> nn.Sequential:
    """Return ReLU, a depthwise and a pointwise convolution, and BN."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(c, c, kernel, stride, padding, dilation, groups=c, bias=False),
        nn.Conv2d(c, c, 1, bias=False),
        batch_norm(c),
    )


class Nothing(nn.Module):
    """The zero operation."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Return zeros."""
        return 0.0 * x[:, :, :: self.stride, :: self.stride]


class Halving(nn.Module):
    """Two pointwise convolutions of stride 2, a pixel apart, beside each other."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.even = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(c_in, c_out // 2, 1, 2, bias=False)
        self.norm = batch_norm(c_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C_out, H / 2, W / 2)``."""
        x = F.relu(x)
        out: Tensor = self.norm(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))
        return out


def operation(name: str, c: int, stride: int) -> nn.Module:
    """Return one candidate."""
    if name == "none":
        return Nothing(stride)
    if name == "max":
        return nn.Sequential(nn.MaxPool2d(3, stride, 1), batch_norm(c))
    if name == "avg":
        pool = nn.AvgPool2d(3, stride, 1, count_include_pad=False)
        return nn.Sequential(pool, batch_norm(c))
    if name == "skip":
        return nn.Identity() if stride == 1 else Halving(c, c)
    kernel = int(name[-1])
    if name.startswith("dil"):
        return separable(c, kernel, stride, dilation=2)
    return nn.Sequential(separable(c, kernel, stride), separable(c, kernel, 1))


class Cell(nn.Module):
    """A cell in which every node sums the mixtures of all states before it."""

    def __init__(
        self, c_in: tuple[int, int], c: int, halves: bool, halved: bool, names: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.halves = halves
        squeezed = [
            nn.Sequential(nn.ReLU(), nn.Conv2d(k, c, 1, bias=False), batch_norm(c)) for k in c_in
        ]
        self.inputs = nn.ModuleList([Halving(c_in[0], c) if halved else squeezed[0], squeezed[1]])
        self.edges = nn.ModuleList(
            nn.ModuleList(operation(n, c, 2 if halves and source < 2 else 1) for n in names)
            for node in range(2, 2 + NODES)
            for source in range(node)
        )

    def forward(self, before: Tensor, last: Tensor, weights: Tensor) -> Tensor:
        """Return all nodes beside each other; ``weights`` has shape ``(edges, candidates)``."""
        states, edge = [self.inputs[0](before), self.inputs[1](last)], 0
        for _ in range(NODES):
            mixed = []
            for x in states:
                layers = self.edges[edge]
                assert isinstance(layers, nn.ModuleList)
                pairs = zip(weights[edge], layers, strict=True)
                mixed.append(sum(w * op(x) for w, op in pairs))
                edge += 1
            states.append(sum(mixed))
        return torch.cat(states[2:], dim=1)


class Supernet(nn.Module):
    """The network of the search."""

    def __init__(self, channels: int, cells: int, names: tuple[str, ...]) -> None:
        super().__init__()
        c, wide, halved = channels, (3 * channels, 3 * channels), False
        self.stem = nn.Sequential(
            nn.Conv2d(3, wide[1], 3, padding=1, bias=False), nn.BatchNorm2d(wide[1])
        )
        self.cells = nn.ModuleList()
        for i in range(cells):
            halves = i in (cells // 3, 2 * cells // 3)
            c = 2 * c if halves else c
            self.cells.append(Cell(wide, c, halves, halved, names))
            wide, halved = (wide[1], NODES * c), halves
        self.classifier = nn.Linear(wide[1], CLASSES)
        self.normal = nn.Parameter(1e-3 * torch.randn(EDGES, len(names)))
        self.reduce = nn.Parameter(1e-3 * torch.randn(EDGES, len(names)))

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, 3, H, W)`` to logits ``(B, classes)``."""
        before = last = self.stem(x)
        for cell in self.cells:
            alphas = self.reduce if cell.halves else self.normal
            before, last = last, cell(before, last, alphas.softmax(dim=-1))
        logits: Tensor = self.classifier(F.adaptive_avg_pool2d(last, 1).flatten(1))
        return logits


def run(task: Task, turns: Turns, channels_last: bool) -> None:
    """Take all steps."""
    network = Supernet(task.channels, task.cells, CANDIDATES[-task.candidates :])
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    alphas = [network.normal, network.reduce]
    own = [p for p in network.parameters() if all(p is not alpha for alpha in alphas)]
    adam = torch.optim.Adam(alphas, lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    sgd = torch.optim.SGD(own, lr=0.025, momentum=0.9, weight_decay=3e-4)
    train, validation = (task.images(number, channels_last) for number in (0, 1))

    def step() -> Tensor:
        adam.zero_grad()
        torch.autograd.backward(F.cross_entropy(network(validation[0]), validation[1]))
        adam.step()
        sgd.zero_grad()
        loss = F.cross_entropy(network(train[0]), train[1])
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(own, 5.0)
        sgd.step()
        return loss

    turns.ready(sum(p.numel() for p in own))
    turns.take(task.steps, step)
