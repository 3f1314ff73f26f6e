"""Networks as plain torch: the file computes what the network computes, with BN and without."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nasbench import catalog
from nasbench.errors import UserError
from nasbench.export.folding import folded
from nasbench.export.plain import source, tensor_at
from nasbench.interop import zoo
from nasbench.space import DataSpec, SearchSpace
from search_spaces.darts_cells import DartsCells

CIFAR, MNIST, GAIT = DataSpec(3, 16, 16, 10), DataSpec(1, 28, 28, 10), DataSpec(4, 32, 32, 7)
SMALL = {
    "darts": {"channels": 4, "layers": 3},
    "nas-bench-201": {"channels": 4, "cells": 1},
    **{name: {"width": 0.25} for name in ("mobilenet-full", "mobilenet-ops", "mobilenet-v3")},
    "proxyless": {"width": 0.25},
}
NAMES = [name for name in catalog.SPACES if name != "darts-cells"]
NAMES += ["small-cnn", "mnist-optim", "ev-gait", "resnet18", "senet18"]
LARGE = ["googlenet", "densenet121", "shufflenetg2", "dpn92"]
# Of the same blocks as others.
ALIKE = ["proxyless", "mobilenet-ops", "senet18"]


def _network(name):
    spec = MNIST if name.startswith("mnist") else GAIT if "gait" in name else CIFAR
    space, arguments = catalog.resolve("space", name), SMALL.get(name, {})
    arch = space.describe(spec, **arguments).sample(np.random.default_rng(1))
    return _used(space.freeze(arch, spec, **arguments))


def _used(network):
    """Return the network with statistics as after a training."""
    torch.manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return network.eval()


def _outputs(network, words="words"):
    """Return what the network computes, and what the file that is written of it computes."""
    text, name, state = source(network, words)
    assert "nasbench" not in text
    found: dict = {}
    exec(compile(text, name, "exec"), found)
    alone = found[name]().eval()
    alone.load_state_dict({new: tensor_at(network, old) for new, old in state.items()})
    images = torch.randn(2, network.spec.channels, network.spec.height, network.spec.width)
    with torch.no_grad():
        return network(images), alone(images), text


@pytest.mark.parametrize(
    "name",
    [
        *(name for name in NAMES if name not in ALIKE),
        *(pytest.param(name, marks=pytest.mark.slow) for name in [*ALIKE, *LARGE]),
    ],
)
def test_the_file_computes_the_same(name):
    ours, theirs, _ = _outputs(_network(name))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    "name",
    ["darts", "mnist-optim"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("resnet18", "nas-bench-201")],
)
def test_bn_that_is_folded_changes_nothing(name):
    network = _network(name)
    less = folded(network)
    ours, theirs, text = _outputs(less)
    assert torch.equal(ours, theirs)
    x = torch.randn(2, *(network.spec.channels, network.spec.height, network.spec.width))
    with torch.no_grad():
        assert torch.allclose(network(x), less(x), atol=1e-5)
    bn = [sum(isinstance(m, nn.BatchNorm2d) for m in n.modules()) for n in (network, less)]
    assert bn[1] < bn[0]
    if name == "mnist-optim":  # nothing is left of BN inside a sequence
        assert "Identity" not in text


def test_a_network_of_twenty_cells_is_short_to_read():
    text = zoo.published("DARTS_V2").genotype
    (arch,) = DartsCells.describe(CIFAR, genotype=text).enumerate()
    network = DartsCells.freeze(arch, CIFAR, genotype=text, channels=36, layers=20).eval()
    written = source(network, 'cells of "others"\\')[0]
    assert len(written.splitlines()) < 250
    assert written.count("class SepConv") == 1
    assert sum(p.numel() for p in network.parameters()) == 3_349_342
    compile(written, "network.py", "exec")


class _Loop(SearchSpace):
    """A forward that depends on the values."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(x) if x.sum() > 0 else x


class _Scale(nn.Module):
    """A layer scale."""

    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.rand(width))

    def forward(self, x):
        return x * self.gamma


class _Inner(SearchSpace):
    """Reaches into a module for which a class will be written."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.scale = _Scale(28)

    def forward(self, x):
        return x * self.scale.gamma


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (_Loop, "_Loop: its forward cannot be followed"),
        (_Inner, "_Inner: uses the tensor scale.gamma, which is inside of _Scale; use it there"),
    ],
)
def test_what_cannot_be_written_is_named(space, words):
    with pytest.raises(UserError, match=words):
        source(space(MNIST).eval(), "")


class _Tokens(SearchSpace):
    """A small vision transformer's own tensors: class token, positions, layer scales, buffers."""

    def __init__(self, spec: DataSpec, width: int = 8, depth: int = 3) -> None:
        super().__init__(spec)
        patches = (spec.height // 4) * (spec.width // 4)
        self.patches = nn.Conv2d(spec.channels, width, 4, stride=4)
        self.class_token = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, patches + 1, width))
        self.register_buffer("order", torch.randperm(patches + 1))
        self.register_buffer("shift", torch.randn(width), persistent=False)
        self.temperature = nn.Parameter(torch.tensor(0.7))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(depth))
        self.mixes = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.scales = nn.ModuleList(_Scale(width) for _ in range(depth))
        self.gains = nn.ParameterList(nn.Parameter(torch.rand(1)) for _ in range(depth))
        self.tied = nn.Linear(width, width)
        self.mask = torch.ones(width)  # neither a parameter nor a buffer
        self.head = nn.Linear(width, spec.classes)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1)
        x = x[:, self.order] + self.positions
        x = x + self.shift * self.mask
        for norm, mix, scale, gain in zip(
            self.norms, self.mixes, self.scales, self.gains, strict=True
        ):
            x = x + gain * scale(mix(norm(x)))
        x = torch.nn.functional.linear(self.tied(x), self.tied.weight)
        scaled = torch.nn.functional.gelu(x[:, 0]) / self.temperature.exp()
        return self.head(scaled)


def test_a_network_with_parameters_and_buffers_of_its_own():
    network = _used(_Tokens(MNIST))
    ours, theirs, text = _outputs(network)
    assert torch.equal(ours, theirs)
    for line in (
        "self.class_token = nn.Parameter(torch.empty((1, 1, 8)))",
        "self.positions = nn.Parameter(torch.empty((1, 50, 8)))",
        "self.order = nn.Buffer(torch.empty((50,), dtype=torch.int64))",
        "self.shift = nn.Buffer(torch.empty((8,)))",
        "self.temperature = nn.Parameter(torch.empty(()))",
        "self.gains_2 = nn.Parameter(torch.empty((1,)))",
        "self.gamma = nn.Parameter(torch.empty((8,)))",
    ):
        assert line in text
    assert text.count("class _Scale") == 1
    assert text.count("nn.Linear(8, 8)") == 4  # the tied one is written once


def test_scales_of_several_widths_share_a_class():
    class Widths(SearchSpace):
        def __init__(self, spec):
            super().__init__(spec)
            self.first, self.second = _Scale(spec.width), _Scale(1)

        def forward(self, x):
            return self.second(self.first(x)).mean((1, 2))

    ours, theirs, text = _outputs(Widths(MNIST).eval())
    assert torch.equal(ours, theirs)
    assert "def __init__(self, size: int) -> None:" in text
    assert "nn.Parameter(torch.empty((size,)))" in text
