"""Expected costs: the frozen network's where the weights decide, a mean where they do not."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import parameter_count
from nasbench.space import DataSpec, Domains, InputChoice, LayerChoice, Repeat, SearchSpace
from nasbench.supernet.expected_cost import ExpectedCost
from nasbench.testing.supernets import SMALL, SPEC, PlainSupernets
from search_spaces.darts import Darts

CPU = torch.device("cpu")


def one_hot(domains: Domains, arch):
    """Return the weights of a supernet that is sure of ``arch``."""
    found = {}
    for label, domain in domains.items():
        value = arch.get(label, domain.options[0])
        chosen = value if isinstance(value, tuple) else (value,)
        found[label] = torch.tensor([float(c in chosen) / len(chosen) for c in domain.candidates])
    return found


def table(space, spec, arguments, count):
    domains = space.describe(spec, **arguments)

    def cost(arch):
        return count(space.freeze(arch, spec, **arguments))

    return domains, cost, ExpectedCost.measured(domains, cost, CPU)


COUNTS = {"params": parameter_count, "macs": lambda network: multiply_adds(network, SPEC.shape)}


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize(
    "name",
    [
        *("nas-bench-201", "nas-bench-macro", "own"),
        pytest.param("mobilenet-ops", marks=pytest.mark.slow),
    ],
)
def test_weights_that_decide_cost_what_the_frozen_network_costs(name, count):
    name = "nasbench.testing.supernets:Small" if name == "own" else name
    space = PlainSupernets.named(name).space
    domains, cost, expected = table(space, SPEC, SMALL[name], COUNTS[count])
    seen = set()
    for seed in range(6):
        arch = domains.sample(np.random.default_rng(seed))
        seen.add(cost(arch))
        assert expected(one_hot(domains, arch)).item() == cost(arch) == expected.of(arch)
    assert len(seen) > 1


class Nested(SearchSpace):
    """A layer that is itself decided, a depth, and two of three inputs with layers."""

    arguments: ClassVar = {}

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)

        def inner() -> nn.Module:
            return LayerChoice(
                {"k3": lambda: nn.Conv2d(4, 4, 3, padding=1), "k1": lambda: nn.Conv2d(4, 4, 1)},
                label="inner",
            )

        self.stem = nn.Conv2d(spec.channels, 4, 1)
        self.outer = LayerChoice(
            {"id": nn.Identity, "wide": lambda: nn.Conv2d(4, 4, 5, padding=2), "deep": inner},
            label="outer",
        )
        self.depth = Repeat(lambda index: nn.Conv2d(4, 4, 1), (0, 2), label="depth")
        sizes = (1, 3, 5)
        self.join = InputChoice(
            3,
            2,
            label="join",
            edges=[lambda k=k: nn.Conv2d(4, 4, k, padding=k // 2) for k in sizes],
        )
        self.head = nn.Linear(4, spec.classes)

    def forward(self, x):
        x = self.stem(x)
        y = self.outer(x)
        return self.head(self.join([x, y, self.depth(y)]).mean(dim=(2, 3)))


def test_every_architecture_of_a_nested_space_costs_its_sum():
    domains, cost, expected = table(Nested, SPEC, {}, parameter_count)
    assert domains.size == 36
    for arch in domains.enumerate():
        assert expected.of(arch) == cost(arch)
        assert expected(one_hot(domains, arch)).item() == pytest.approx(cost(arch), rel=1e-12)


def test_undecided_weights_cost_the_mean_over_independent_draws():
    domains, cost, expected = table(Nested, SPEC, {}, parameter_count)
    weights = {
        "outer": torch.tensor([0.2, 0.3, 0.5]),
        "inner": torch.tensor([0.6, 0.4]),
        "depth": torch.tensor([0.1, 0.7, 0.2]),
    }
    mean = 0.0
    for arch in domains.enumerate():
        p = 1 / 3  # every pair of inputs is as likely: they have no weights of their own
        for label, w in weights.items():
            if label in arch:
                p *= w[domains[label].candidates.index(arch[label])].item()
        mean += p * cost(arch)
    assert expected(weights).item() == pytest.approx(mean, rel=1e-6)


def test_the_gradient_is_what_an_option_costs():
    _, _, expected = table(Nested, SPEC, {}, parameter_count)
    weights = {"depth": torch.tensor([0.2, 0.3, 0.5], requires_grad=True)}
    (gradient,) = torch.autograd.grad(expected(weights), weights["depth"])
    assert gradient.tolist() == [0.0, 20.0, 40.0]  # a 1x1 convolution of 4 channels has 20


def test_a_candidate_that_nobody_may_choose_costs_as_the_cheapest():
    arguments = {"channels": 4, "layers": 3, "nodes": 1}
    domains, _, expected = table(Darts, SPEC, arguments, parameter_count)
    label = "normal/n2/p0"
    uniform = {k: torch.full((len(d.candidates),), 1 / 8) for k, d in domains.items()}
    uniform = {k: w for k, w in uniform.items() if not k.endswith("switch")}
    none = domains[label].candidates.index("none")
    sure = [torch.eye(8)[i] for i in range(8)]
    costs = [expected({**uniform, label: w}).item() for w in sure]
    assert costs[none] == min(costs) < max(costs)


def test_darts_is_a_sum_where_its_pooling_costs_nothing():
    arguments = {"channels": 4, "layers": 3, "nodes": 2}
    domains, cost, expected = table(Darts, SPEC, arguments, parameter_count)
    for seed in range(4):
        arch = domains.sample(np.random.default_rng(seed))
        assert expected.of(arch) == cost(arch)
