"""Small searches for tests of one-shot strategies: spaces by name, random images, a few steps."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import nasbench.nn as elastic
from nasbench import catalog
from nasbench.space import (
    DataSpec,
    Domains,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    ValueChoice,
)
from nasbench.strategies.oneshot.base import Batch, OneShotContext, OneShotStrategy
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig

SPEC = DataSpec(channels=1, height=8, width=8, classes=3)
BATCH = 8

# Space to the arguments that make it small.
SMALL: dict[str, dict[str, Any]] = {
    "darts": {"channels": 4, "layers": 3, "nodes": 2},
    "nas-bench-201": {"channels": 4, "cells": 1},
    "mobilenet-skip": {"width": 0.125},
    "mobilenet-ops": {"width": 0.125},
    "nas-bench-macro": {},
    "gait-ops": {"width": 0.125, "hidden_size": 8, "dropout_rate": 0.0},
    "nasbench.testing.supernets:Small": {},
    "nasbench.testing.supernets:Slices": {},
}


class Small(SearchSpace):
    """A space as a user writes it, with a choice of two layers and a shortcut."""

    channels_last = True

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.stem = nn.Conv2d(spec.channels, 8, 3, padding=1)
        layers = {
            "conv3": lambda: nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()),
            "conv1": lambda: nn.Sequential(nn.Conv2d(8, 8, 1), nn.ReLU()),
            "pool": lambda: nn.AvgPool2d(3, 1, 1),
        }
        self.first = LayerChoice(layers, label="first")
        self.second = LayerChoice(layers, label="second")
        self.shortcut = InputChoice(2, 1, label="shortcut")
        self.head = nn.Linear(8, spec.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        x = self.first(self.stem(x))
        y = self.second(x)
        joined: torch.Tensor = self.shortcut([y, x + y])
        logits: torch.Tensor = self.head(joined.mean(dim=(2, 3)))
        return logits


class Slices(SearchSpace):
    """A space of layers that slice: width, expansion, kernel, depth, and heads of attention."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        width = ValueChoice([4, 8], label="width")
        # Biases in front of BN would have no gradient where the depth can no longer be 0.
        self.stem = elastic.Conv2d(spec.channels, width, 3, stride=2, padding=1, bias=False)
        self.blocks = Repeat(lambda index: self.block(width, index), (0, 2), label="depth")
        heads = ValueChoice([1, 2], label="heads")
        self.attention = elastic.MultiheadAttention(width, heads, batch_first=True)
        self.norm = elastic.LayerNorm(width)
        self.head = elastic.Linear(width, spec.classes)

    def block(self, width: ValueChoice, index: int) -> nn.Module:
        """Return an inverted bottleneck."""
        hidden = width * ValueChoice([1, 2], label=f"expansion{index}")
        kernel = ValueChoice([3, 5], label=f"kernel{index}")
        return nn.Sequential(
            elastic.Conv2d(width, hidden, 1, bias=False),
            elastic.BatchNorm2d(hidden),
            nn.ReLU(),
            elastic.Conv2d(hidden, hidden, kernel, padding=kernel // 2, groups=hidden, bias=False),
            elastic.Conv2d(hidden, width, 1, bias=False),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        x = self.blocks(self.stem(x)).flatten(2).transpose(1, 2)
        x = self.norm(x + self.attention(x, x, x, need_weights=False)[0])
        logits: torch.Tensor = self.head(x.mean(dim=1))
        return logits


class PlainNumber(SearchSpace):
    """A space without a supernet: it reads a ``ValueChoice`` as a number."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.width = ValueChoice([4, 8], label="width")
        channels = int(self.width.value)
        self.layers = nn.Sequential(
            nn.Conv2d(spec.channels, channels, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, spec.classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        logits: torch.Tensor = self.layers(x)
        return logits


@dataclass(frozen=True)
class PlainSupernets:
    """Makes the supernets of a space on the CPU."""

    space: type[SearchSpace]
    arguments: Mapping[str, Any]
    spec: DataSpec = SPEC

    @classmethod
    def named(cls, name: str, **arguments: Any) -> PlainSupernets:
        """Return the maker for a space of the catalog, a small one by default."""
        return cls(catalog.resolve("space", name), {**SMALL.get(name, {}), **arguments})

    def __call__(self, partial: int = 1, **arguments: Any) -> SearchSpace:
        """Return a supernet with every choice open."""
        every = {**self.arguments, **arguments}
        return self.space.partial_supernet(partial, self.spec, **every)


_DESCRIBED: dict[tuple[type[SearchSpace], DataSpec, str], Domains] = {}


def described(space: type[SearchSpace], spec: DataSpec, arguments: Mapping[str, Any]) -> Domains:
    """Return the decisions of a space, whose network is constructed once for all calls.

    Args:
        space: the search space.
        spec: the shape of the data.
        arguments: keyword arguments of the space.
    """
    key = (space, spec, repr(sorted(arguments.items())))
    if key not in _DESCRIBED:
        _DESCRIBED[key] = space.describe(spec, **arguments)
    return _DESCRIBED[key]


def make(
    kind: type[OneShotStrategy],
    supernets: PlainSupernets,
    options: Mapping[str, Any],
    seed: int = 0,
    **setting: Any,
) -> OneShotStrategy:
    """Return a strategy that is ready for its first step.

    Args:
        kind: the strategy.
        supernets: makes its supernets.
        options: its options.
        seed: of torch and of the context.
        **setting: attributes of the context that replace the defaults.
    """
    torch.manual_seed(seed)
    # Clipped at 5, the gradients of the small MobileNets, whose norm is 10,000, would be lost in
    # the rounding of some parameters.
    weights = OptimizerConfig(
        lr=0.05, momentum=0.0, weight_decay=0.0, schedule="constant", grad_clip=50.0
    )
    given = {"total_steps": 100, "seed": seed, "epochs": 2, **setting}
    domains = described(supernets.space, supernets.spec, supernets.arguments)
    made = kind(
        supernets, domains, kind.Options(**options), OneShotContext(weights, Objective(), **given)
    )
    return made.train()


def batch(number: int, spec: DataSpec = SPEC, size: int = BATCH) -> Batch:
    """Return random images and labels, the same for the same number.

    Args:
        number: the seed of the draws.
        spec: the shape of an image and the number of classes.
        size: the number of images.
    """
    stream = torch.Generator().manual_seed(number)
    images = torch.randn(size, *spec.shape, generator=stream)
    return images, torch.randint(0, spec.classes, (size,), generator=stream)


def advance(strategy: OneShotStrategy, start: int, steps: int) -> None:
    """Take ``steps`` steps of a search.

    Args:
        strategy: the strategy under test.
        start: the number of the first step, which determines its batches.
        steps: the number of steps.
    """
    for number in range(start, start + steps):
        strategy.step(batch(2 * number), batch(2 * number + 1))


class RandomData:
    """The two halves of a search's images, drawn at random."""

    def __init__(self, spec: DataSpec = SPEC) -> None:
        self.spec = spec

    def validation(self) -> Iterator[Batch]:
        """Yield two batches, the same every time."""
        return (batch(number, self.spec) for number in (1001, 1002))

    def training(self, name: str, steps: int) -> Iterator[tuple[Batch, Batch]]:
        """Yield batches of both halves, the same for the same name."""
        first = sum(name.encode()) * 100
        return ((batch(first + i, self.spec), batch(first - i, self.spec)) for i in range(steps))

    def tick(self, done: int, total: int) -> None:
        """Do nothing."""


def digest(module: torch.nn.Module) -> str:
    """Return a hash of the ``state_dict``, equal only for states that agree bit for bit."""
    state = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        state.update(name.encode())
        if isinstance(value, torch.Tensor):
            state.update(value.detach().contiguous().numpy().tobytes())
        else:
            state.update(repr(value).encode())
    return state.hexdigest()
