"""Weights of a supernet in a plain network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.space import DataSpec, LayerChoice, SearchSpace
from nasbench.supernet.inherit import inherit
from nasbench.supernet.paths import Paths
from nasbench.testing.supernets import SPEC, PlainSupernets
from search_spaces.darts import Darts


def trained(supernets):
    """Return a supernet whose weights and statistics are no fresh ones."""
    network = supernets()
    with torch.no_grad():
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.uniform_(0.1, 0.5)
    return network


def test_statistics_come_along_and_affine_parameters_do_nothing():
    supernets = PlainSupernets.named("nas-bench-201")
    network = trained(supernets)
    domains = supernets.space.describe(SPEC, **supernets.arguments)
    arch = domains.sample(np.random.default_rng(1))
    alone = supernets.space.freeze(arch, SPEC, **supernets.arguments)
    inherit(alone, network)
    theirs, extra = network.state_dict(), []
    for name, value in alone.state_dict().items():
        if name in theirs:
            assert torch.equal(value, theirs[name]), name
        else:
            extra.append(name)
            assert torch.equal(value, torch.full_like(value, float(name.endswith("weight"))))
    assert extra
    supernet = Paths(network, domains)
    supernet.arch = arch
    x = torch.randn(4, *SPEC.shape)
    torch.testing.assert_close(alone.eval()(x), supernet.eval()(x))


def test_the_supernets_own_weights_are_copied_and_not_shared():
    supernets = PlainSupernets.named("nas-bench-macro")
    network = trained(supernets)
    domains = supernets.space.describe(SPEC)
    alone = supernets.space.freeze(domains.sample(np.random.default_rng(0)), SPEC)
    inherit(alone, network)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        for parameter in alone.parameters():
            parameter.zero_()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


class Other(SearchSpace):
    """A plain network that has a layer more than its supernet."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.layer = LayerChoice({"a": lambda: nn.Linear(3, 3)}, label="layer")
        if self.frozen:
            self.more = nn.Linear(3, 3)

    def forward(self, x):
        return self.layer(x)


def test_what_the_supernet_lacks_is_named():
    alone = Other.freeze(Other.describe(SPEC).completed({}), SPEC)
    with pytest.raises(UserError, match=r"the supernet has no 'more.weight'") as told:
        inherit(alone, Other.supernet(SPEC))
    assert "\n" not in str(told.value)


def test_darts_must_be_built_as_in_the_supernet():
    arguments = {"channels": 4, "layers": 3, "nodes": 2}
    network = Darts.supernet(SPEC, **arguments)
    arch = Darts.describe(SPEC, **arguments).sample(np.random.default_rng(0))
    inherit(Darts.freeze(arch, SPEC, rendition="supernet", **arguments), network)
