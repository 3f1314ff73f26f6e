"""Weights of a supernet in a plain network, and BN statistics of one path."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.space import DataSpec, LayerChoice, SearchSpace
from nasbench.supernet.inherited_weights import inherit_weights, recalibrate_bn
from nasbench.supernet.single_path import SinglePath
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
    inherit_weights(alone, network)
    theirs, extra = network.state_dict(), []
    for name, value in alone.state_dict().items():
        if name in theirs:
            assert torch.equal(value, theirs[name]), name
        else:
            extra.append(name)
            assert torch.equal(value, torch.full_like(value, float(name.endswith("weight"))))
    assert extra
    supernet = SinglePath(network, domains)
    supernet.arch = arch
    x = torch.randn(4, *SPEC.shape)
    torch.testing.assert_close(alone.eval()(x), supernet.eval()(x))


def test_the_supernets_own_weights_are_copied_and_not_shared():
    supernets = PlainSupernets.named("nas-bench-macro")
    network = trained(supernets)
    domains = supernets.space.describe(SPEC)
    alone = supernets.space.freeze(domains.sample(np.random.default_rng(0)), SPEC)
    inherit_weights(alone, network)
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
        inherit_weights(alone, Other.supernet(SPEC))
    assert "\n" not in str(told.value)


def test_darts_must_be_built_as_in_the_supernet():
    arguments = {"channels": 4, "layers": 3, "nodes": 2}
    network = Darts.supernet(SPEC, **arguments)
    arch = Darts.describe(SPEC, **arguments).sample(np.random.default_rng(0))
    inherit_weights(Darts.freeze(arch, SPEC, rendition="supernet", **arguments), network)


def normalized():
    torch.manual_seed(0)
    made = nn.Sequential(
        nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Dropout(0.5), nn.BatchNorm2d(3, affine=False)
    ).double()
    for norm in (made[1], made[3]):
        norm.running_mean.fill_(7.0)  # of other paths
        norm.running_var.fill_(9.0)
    return made.train()


def batches(n=3):
    return [(i + 1) * torch.randn(8, 2, 6, 6, dtype=torch.float64) for i in range(n)]


def test_statistics_are_the_mean_over_the_batches():
    made, images = normalized(), batches()
    recalibrate_bn(made, images)
    features = [made[0](x) for x in images]
    means = torch.stack([f.mean((0, 2, 3)) for f in features]).mean(0)
    variances = torch.stack([f.var((0, 2, 3)) for f in features]).mean(0)
    torch.testing.assert_close(made[1].running_mean, means)
    torch.testing.assert_close(made[1].running_var, variances)
    # Behind the first BN, without dropout, every batch is normal by its own statistics.
    torch.testing.assert_close(made[3].running_mean, torch.zeros(3, dtype=torch.float64))


def test_the_order_of_the_batches_does_not_matter_and_the_past_neither():
    images, (first, second) = batches(), (normalized(), normalized())
    recalibrate_bn(first, images)
    recalibrate_bn(second, batches(1))
    recalibrate_bn(second, images[::-1])
    for ours, theirs in zip(first.buffers(), second.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_weights_stay_and_the_network_is_in_evaluation_mode():
    made = normalized()
    before = [p.clone() for p in made.parameters()]
    recalibrate_bn(made, batches())
    assert all(torch.equal(p, old) for p, old in zip(made.parameters(), before, strict=True))
    assert not any(module.training for module in made.modules())
    assert [made[1].momentum, made[3].momentum] == [0.1, 0.1]
    statistics = made[1].running_mean.clone()
    made(batches()[0])
    assert torch.equal(made[1].running_mean, statistics)
