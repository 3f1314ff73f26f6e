"""Networks as plain torch: the file computes what the network computes, with BN and without."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nasbench import catalog
from nasbench.errors import UserError
from nasbench.export.folding import folded
from nasbench.export.plain import source
from nasbench.interop import zoo
from nasbench.space import DataSpec, SearchSpace
from search_spaces.darts_cells import DartsCells

CIFAR, MNIST, GAIT = DataSpec(3, 16, 16, 10), DataSpec(1, 28, 28, 10), DataSpec(4, 32, 32, 7)
SMALL = {"darts": {"channels": 4, "layers": 3}, "nas-bench-201": {"channels": 4, "cells": 1}}
NAMES = [name for name in catalog.SPACES if name != "darts-cells"]
NAMES += ["small-cnn", "mnist-optim", "ev-gait", "resnet18", "senet18"]
LARGE = ["googlenet", "densenet121", "shufflenetg2", "dpn92"]


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
    alone, tensors = found[name]().eval(), network.state_dict()
    alone.load_state_dict({new: tensors[old] for new, old in state.items()})
    images = torch.randn(2, network.spec.channels, network.spec.height, network.spec.width)
    with torch.no_grad():
        return network(images), alone(images), text


@pytest.mark.parametrize(
    "name", [*NAMES, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)]
)
def test_the_file_computes_the_same(name):
    ours, theirs, _ = _outputs(_network(name))
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", ["darts", "resnet18", "nas-bench-201", "mnist-optim"])
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


class _Own(SearchSpace):
    """A tensor of its own."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * self.scale


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (_Loop, "_Loop: its forward cannot be followed"),
        (_Own, "_Own: has the tensor scale of its"),
    ],
)
def test_what_cannot_be_written_is_named(space, words):
    with pytest.raises(UserError, match=words):
        source(space(MNIST).eval(), "")
