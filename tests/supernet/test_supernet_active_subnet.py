"""A supernet restricted to one architecture, against the network that is built alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.space import DataSpec, InputChoice, LayerChoice, SearchSpace
from nasbench.supernet.base import join_partial
from nasbench.supernet.inherited_weights import inherit_weights
from nasbench.supernet.mixture import Mixture
from nasbench.supernet.single_path import SinglePath, active_subnet
from search_spaces.darts import Darts
from search_spaces.nasbench201 import NasBench201

SPEC = DataSpec(1, 8, 8, 3)
SPACES = [
    (Darts, {"channels": 4, "layers": 3, "nodes": 2}),
    (NasBench201, {"channels": 4, "cells": 1}),
]


@pytest.mark.parametrize(("space", "arguments"), SPACES)
@pytest.mark.parametrize("kind", [Mixture, SinglePath])
def test_it_is_the_frozen_network_with_the_same_weights(space, arguments, kind):
    supernet = kind(space.supernet(SPEC, **arguments), space.describe(SPEC, **arguments)).eval()
    built = {**arguments, "rendition": "supernet"} if space is Darts else arguments
    x = torch.randn(4, 1, 8, 8)
    for number in range(3):
        arch = supernet.domains.sample(np.random.default_rng(number))
        alone = space.freeze(arch, SPEC, **built).eval()
        inherit_weights(alone, supernet.network)
        with active_subnet(supernet, arch) as paths, torch.no_grad():
            torch.testing.assert_close(paths(x), alone(x))


def test_afterwards_everything_is_as_before():
    space, arguments = SPACES[0]
    network = space.supernet(SPEC, **arguments)
    supernet = Mixture(network, space.describe(SPEC, **arguments)).eval()
    x = torch.randn(4, 1, 8, 8)
    before = supernet(x)
    arch = supernet.domains.sample(np.random.default_rng(0))
    with active_subnet(supernet, arch) as paths:
        paths.train()
    assert not any(module.training for module in supernet.modules())
    assert torch.equal(supernet(x), before)


class Partial(SearchSpace):
    """One operation on a part of the channels."""

    def __init__(self, spec):
        super().__init__(spec)
        self.stem = nn.Conv2d(1, 8, 1)
        ops = {"conv": lambda c: nn.Conv2d(c, c, 3, padding=1), "skip": lambda c: nn.Identity()}
        self.op = LayerChoice(ops, label="op", channels=8)
        self.join = InputChoice(2, 1, label="join")
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.stem(x)
        return self.head(self.join([x, self.op(x)]).mean((2, 3)))


def test_partial_channels_pass_by():
    supernet = Mixture(Partial.partial_supernet(4, SPEC), Partial.describe(SPEC))
    network, x = supernet.network, torch.randn(2, 1, 8, 8)
    arch = supernet.domains.arch({"op": "conv", "join": (1,)})
    stem = network.stem(x)
    expected = join_partial(stem, 4, network.op.candidates["conv"](stem[:, :2])).mean((2, 3))
    with active_subnet(supernet, arch) as paths:
        torch.testing.assert_close(paths(x), network.head(expected))
