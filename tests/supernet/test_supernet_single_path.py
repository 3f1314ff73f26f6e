"""Paths: one architecture is computed, no more, and it is the frozen network's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.space import DataSpec, InputChoice, LayerChoice, Repeat, SearchSpace, ValueChoice
from nasbench.supernet.inherited_weights import inherit_weights
from nasbench.supernet.single_path import SinglePath

SPEC = DataSpec(1, 6, 6, 3)


class Every(SearchSpace):
    """Every primitive whose candidates share weights, one inside another."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)

        def pair() -> nn.Module:
            convs = {"k1": lambda: nn.Conv2d(4, 4, 1), "k3": lambda: nn.Conv2d(4, 4, 3, padding=1)}
            return LayerChoice(convs, label="inner")

        self.stem = nn.Conv2d(spec.channels, 4, 1)
        self.outer = LayerChoice({"id": nn.Identity, "deep": pair}, label="outer")
        self.depth = Repeat(lambda index: nn.Conv2d(4, 4, 1), (0, 2), label="depth")
        edges = [lambda: nn.Conv2d(4, 4, 1), nn.Identity, lambda: nn.BatchNorm2d(4)]
        self.join = InputChoice(3, 2, label="join", edges=edges, reduction="concat")
        self.head = nn.Linear(8, spec.classes)

    def forward(self, x):
        x = self.stem(x)
        y = self.outer(x).relu()
        return self.head(self.join([x, y, self.depth(y)]).mean(dim=(2, 3)))


def paths(space=Every):
    return SinglePath(space.supernet(SPEC), space.describe(SPEC))


def test_every_path_is_the_frozen_network_in_values_and_gradients():
    supernet = paths()
    x = torch.randn(5, 1, 6, 6)
    for arch in supernet.domains.enumerate():
        alone = Every.freeze(arch, SPEC)
        inherit_weights(alone, supernet.network)
        supernet.arch = arch
        ours, theirs = supernet(x), alone(x)
        torch.testing.assert_close(ours, theirs)
        named = dict(supernet.network.named_parameters())
        for name, parameter in alone.named_parameters():
            of_ours, of_theirs = (
                torch.autograd.grad(
                    out.square().sum(), p, retain_graph=True, materialize_grads=True
                )[0]
                for out, p in ((ours, named[name]), (theirs, parameter))
            )
            torch.testing.assert_close(of_ours, of_theirs)


def test_what_is_not_on_the_path_is_not_computed_and_has_no_gradient():
    supernet = paths()
    ran = set()
    for name, module in supernet.network.named_modules():
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            module.register_forward_hook(lambda *_, name=name: ran.add(name))
    for seed in range(8):
        supernet.arch = supernet.domains.sample(np.random.default_rng(seed))
        alone = Every.freeze(supernet.arch, SPEC)
        there = {name for name, _ in alone.named_parameters()}
        ran.clear()
        loss = supernet(torch.randn(5, 1, 6, 6)).sum()
        assert ran <= {name.rpartition(".")[0] for name in there}
        found = torch.autograd.grad(loss, supernet.weight_parameters, allow_unused=True)
        for (name, _), gradient in zip(supernet.network.named_parameters(), found, strict=True):
            assert gradient is None or name in there


class Valued(SearchSpace):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.width = ValueChoice((1, 2), label="width")
        self.layer = nn.Linear(1, self.width.number)

    def forward(self, x):
        return x


def test_a_plain_value_has_no_shared_weights():
    with pytest.raises(UserError, match=r"the choice 'width' is a ValueChoice") as told:
        paths(Valued)
    assert "\n" not in str(told.value)


class Hidden(SearchSpace):
    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.kept = [LayerChoice({"a": nn.Identity, "b": nn.ReLU}, label="hidden")]

    def forward(self, x):
        return self.kept[0](x)


def test_a_decision_outside_of_the_network_is_named():
    with pytest.raises(UserError, match=r"the choice 'hidden' is not part of the network"):
        paths(Hidden)
