"""The conformance suite of zero-cost proxies."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nasbench import catalog
from nasbench.testing.fresh_process import in_fresh_process

BATCH, CHANNELS, SIDE, CLASSES = 6, 2, 5, 3


class Small(nn.Module):
    """Two convolutions with BN, one of them with a shortcut, and a linear layer.

    Args:
        classes: number of classes, at least 2.
        dropout: rate of the dropout in front of the last layer, in [0, 1).
    """

    def __init__(self, classes: int = CLASSES, dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Conv2d(CHANNELS, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(4, 4, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, 2, H, W)`` to logits ``(B, classes)``."""
        x = self.bn(self.stem(x))
        x = x + self.bn2(self.conv(self.relu(x)))
        logits: Tensor = self.head(self.dropout(torch.relu(x).mean(dim=(2, 3))))
        return logits


class WithAuxiliaryHead(Small):
    """Returns a second output in training mode."""

    def forward(self, x: Tensor) -> Any:
        """Map ``(B, 2, H, W)`` to logits, and auxiliary logits in training mode."""
        out = super().forward(x)
        return (out, out * 3) if self.training else out


class ProxySuite:
    """Inherit from it to test a proxy.

    Example:
        >>> class TestMine(ProxySuite):
        ...     proxy = "my_package.my_proxy:score"
        ...     reads_labels = False

    Attributes:
        proxy: its name in the catalog, ``file.py:function`` or ``package.module:function``.
        reads_images: whether the score depends on the values of the images.
        reads_labels: whether the score depends on the labels.
        reads_weights: whether the score depends on the weights of the network.
    """

    proxy: ClassVar[str]
    reads_images: ClassVar[bool] = True
    reads_labels: ClassVar[bool] = True
    reads_weights: ClassVar[bool] = True

    def score(self, network: nn.Module, images: Tensor, labels: Tensor) -> float:
        """Return the score of a network on one batch.

        Args:
            network: the untrained network.
            images: shape ``(B, C, H, W)``.
            labels: shape ``(B,)``.
        """
        found: float = catalog.resolve("proxy", self.proxy)(network, images, labels)
        return found

    def test_a_score_is_a_finite_number(self) -> None:
        """In double precision and in single precision."""
        for dtype in (torch.float64, torch.float32):
            images, labels = batch()
            found = self.score(network().to(dtype), images.to(dtype), labels)
            assert isinstance(found, float)
            assert math.isfinite(found)

    def test_network_images_and_random_state_do_not_change(self) -> None:
        """Weights, statistics, modes, gradients and hooks are those from before."""
        made, (images, labels) = network(dropout=0.5), batch()
        made.bn.eval()
        made.conv.weight.requires_grad_(False)
        made.head.weight.grad = torch.ones_like(made.head.weight)
        copy, before, random = images.clone(), _state(made), torch.get_rng_state()
        self.score(made, images, labels)
        assert _same(before, _state(made))
        assert torch.equal(random, torch.get_rng_state())
        assert torch.equal(images, copy)
        assert not images.requires_grad

    def test_a_score_is_a_function_of_its_arguments(self) -> None:
        """Neither mode, random state nor gradient mode matter."""
        made, (images, labels) = network(dropout=0.5), batch()
        first = self.score(made, images, labels)
        torch.manual_seed(99)
        assert self.score(made.eval(), images, labels) == first
        with torch.no_grad():
            assert self.score(made, images, labels) == first

    def test_a_fresh_process_gives_the_same_score(self) -> None:
        """The score does not depend on the process."""
        assert in_fresh_process(_scored, self) == _scored(self)

    def test_it_depends_on_what_it_reads(self) -> None:
        """The score changes with images, labels and weights only as declared."""
        made, (images, labels) = network(), batch()
        first = self.score(made, images, labels)
        stream = torch.Generator().manual_seed(5)
        others = torch.randn(images.shape, generator=stream, dtype=images.dtype)
        assert (self.score(made, others, labels) != first) == self.reads_images
        assert (self.score(made, images, labels.flip(0)) != first) == self.reads_labels
        assert (self.score(network(seed=4), images, labels) != first) == self.reads_weights

    def test_values_that_are_not_finite_rank_last(self) -> None:
        """NaN in what the score depends on gives -inf."""
        images, labels = batch()
        if self.reads_images:
            assert self.score(network(), images * math.nan, labels) == -math.inf
        if self.reads_weights:
            broken = network()
            broken.conv.weight.data.fill_(math.nan)
            broken.stem.weight.data.fill_(math.nan)
            assert self.score(broken, images, labels) == -math.inf

    def test_an_auxiliary_head_does_not_matter(self) -> None:
        """Auxiliary logits of the training mode are left out."""
        other = WithAuxiliaryHead().double()
        other.load_state_dict(network().state_dict())
        assert self.score(other, *batch()) == self.score(network(), *batch())

    def test_unused_layers_are_accepted(self) -> None:
        """Layers without a gradient give a finite score."""
        made = network()
        made.unused = nn.Conv2d(4, 4, 1).double()
        assert math.isfinite(self.score(made, *batch()))


def network(dropout: float = 0.0, seed: int = 3) -> Small:
    """Return an untrained network in double precision, the same for the same seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Small(dropout=dropout).double()


def batch() -> tuple[Tensor, Tensor]:
    """Return the same images and labels every time."""
    stream = torch.Generator().manual_seed(4)
    shape = (BATCH, CHANNELS, SIDE, SIDE)
    images = torch.randn(shape, generator=stream, dtype=torch.float64)
    return images, torch.tensor([0, 1, 2, 0, 1, 0])


def _scored(suite: ProxySuite) -> float:
    return suite.score(network(), *batch())


def _state(module: nn.Module) -> list[Any]:
    """Return everything that a proxy might change."""
    parameters = list(module.parameters())
    parts = list(module.modules())
    return [
        {name: value.clone() for name, value in module.state_dict().items()},
        [part.training for part in parts],
        [p.requires_grad for p in parameters],
        [None if p.grad is None else p.grad.clone() for p in parameters],
        [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in parts],
        ["forward" in vars(part) for part in parts],
    ]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
