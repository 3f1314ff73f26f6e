"""Fair DARTS: independent sigmoids, the zero-one loss, and the threshold."""

from __future__ import annotations

import math

import pytest
import torch

from nasbench.errors import UserError
from nasbench.strategies.oneshot.fairdarts import (
    FairDartsOptions,
    FairDartsStrategy,
    zero_one_loss,
)
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, batch, make

OWN = "nasbench.testing.supernets:Small"


class TestFairDarts(OneShotStrategySuite):
    strategy = FairDartsStrategy


def strategy(space=OWN, **options):
    return make(FairDartsStrategy, PlainSupernets.named(space), options)


def put(made, label, **weights):
    """Give candidates their sigmoids, and all others of the decision one of 0.1."""
    names = [str(c) for c in made.domains[label].candidates]
    with torch.no_grad():
        values = torch.tensor([weights.get(name, 0.1) for name in names])
        made.mixture.alpha(label).copy_(values.logit())


def test_the_output_is_the_sum_weighted_by_sigmoids():
    made = strategy().double()
    mixture, images = made.mixture, batch(0)[0].double()
    with torch.no_grad():
        for alpha in mixture.alphas:
            alpha.normal_()
    w = {
        label: [1 / (1 + math.exp(-a)) for a in alpha.tolist()]
        for label, alpha in zip(mixture.labels, mixture.alphas, strict=True)
    }
    net = mixture.network

    def mix(choice, x):
        pairs = zip(w[choice.label], choice.candidates.values(), strict=True)
        return sum(weight * layer(x) for weight, layer in pairs)

    x = mix(net.first, net.stem(images))
    y = mix(net.second, x)
    joined = w["shortcut"][0] * y + w["shortcut"][1] * (x + y)
    assert torch.allclose(mixture(images), net.head(joined.mean(dim=(2, 3))))


def test_every_sigmoid_begins_at_a_half_and_takes_the_authors_first_step():
    made = strategy(zero_one=0.0)
    config = made.arch.config
    assert (config.lr, config.betas, config.weight_decay) == (3e-3, (0.9, 0.999), 1e-3)
    assert all(set(w.tolist()) == {0.5} for w in made.mixture.mixing_weights().values())
    made.arch_step(batch(0), batch(1))
    moved = torch.cat([alpha.detach().abs() for alpha in made.mixture.alphas])
    assert moved.max() == pytest.approx(3e-3, rel=1e-3)  # Adam's first step has its rate's length


def test_the_zero_one_loss_is_equation_4():
    weights = torch.tensor([0.0, 0.5, 0.9, 1.0], dtype=torch.float64)
    assert float(zero_one_loss(weights)) == pytest.approx(-(0.25 + 0 + 0.16 + 0.25) / 4)


def test_the_regularizer_is_the_loss_over_all_candidates_times_its_weight():
    made = strategy(zero_one=7.0)
    put(made, "first", conv3=0.9)
    put(made, "second", pool=0.5)
    put(made, "shortcut")
    values = [0.9, 0.1, 0.1, 0.1, 0.1, 0.5, 0.1, 0.1]
    expected = -7.0 * sum((v - 0.5) ** 2 for v in values) / 8
    assert float(made.regularizer().detach()) == pytest.approx(expected, rel=1e-5)


def test_the_zero_one_loss_drives_the_sigmoids_apart():
    def spread(zero_one):
        made = strategy(zero_one=zero_one, arch_lr=0.05)
        for number in range(30):
            made.step(batch(number), batch(number + 100))
        weights = torch.cat([w.detach() for w in made.mixture.mixing_weights().values()])
        return float((weights - 0.5).abs().mean())

    assert spread(100.0) > spread(0.0) + 0.05


def test_the_penalty_is_given_shares_that_sum_to_one():
    given = []

    def penalty(weights):
        given.append({k: w.detach() for k, w in weights.items()})
        return 3.0 * weights["first"][0]

    supernets = PlainSupernets.named(OWN)
    made = make(FairDartsStrategy, supernets, {"zero_one": 0.0, "penalty": 2.0}, penalty=penalty)
    put(made, "first", conv3=0.8)
    assert float(made.regularizer().detach()) == pytest.approx(6.0 * 0.8, rel=1e-5)
    assert all(float(w.sum()) == pytest.approx(1.0) for w in given[0].values())


def decided(**weights):
    """Return NAS-Bench-201's choices: one edge's sigmoids are given, the others' convolve."""
    made = strategy("nas-bench-201")
    labels = list(made.domains)
    put(made, labels[0], **weights)
    for label in labels[1:]:
        put(made, label, nor_conv_3x3=0.95)
    return made.derive()[labels[0]]


def test_operations_above_the_threshold_compete():
    assert decided(nor_conv_1x1=0.9, nor_conv_3x3=0.86) == "nor_conv_1x1"


def test_an_edge_below_the_threshold_is_none():
    assert decided(nor_conv_1x1=0.84) == "none"


def test_what_none_once_weighed_counts_for_nothing():
    assert decided(none=0.99, skip_connect=0.86) == "skip_connect"
    made = strategy("nas-bench-201")
    place = made.domains[next(iter(made.domains))].candidates.index("none")
    assert all(weights[place] == 0 for weights in made.mixing_weights().values())


def test_the_strongest_are_taken_while_nothing_is_above_the_threshold():
    made = strategy("nas-bench-201")
    for label in made.domains:
        put(made, label, skip_connect=0.5)
    assert set(made.derive().values()) == {"skip_connect"}


def test_a_node_takes_its_strongest_edges_even_below_the_threshold():
    made = strategy("darts")
    for label in made.mixture.labels:
        put(made, label, sep_conv_3x3=0.3)
    put(made, "normal/n3/p2", dil_conv_3x3=0.9)
    put(made, "normal/n3/p0", max_pool_3x3=0.6, none=0.99)
    arch = made.derive()
    assert arch["normal/n3/switch"] == (0, 2)
    assert arch["normal/n3/p2"] == "dil_conv_3x3"
    assert arch["normal/n3/p0"] == "max_pool_3x3"
    assert arch["reduce/n2/p0"] == "sep_conv_3x3"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"zero_one": -1.0}, "-o zero_one=-1.0: must be at least 0"),
        ({"threshold": 0.0}, "-o threshold=0.0: must be in (0, 1)"),
        ({"threshold": 1.0}, "-o threshold=1.0"),
        ({"threshold": float("nan")}, "-o threshold=nan"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UserError) as told:
        FairDartsOptions(**options)
    assert words in str(told.value)
