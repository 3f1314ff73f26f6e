"""Decisions beside those of a space: how they are drawn, changed and encoded."""

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.space import Arch, Condition, Domain, Domains, JointDomains

NETWORK = Domains([Domain("lr", "layer", ("a", "b", "c")), Domain("depth", "repeat", (1, 2))])
RATES = Domain("training.lr", "hyper", tuple(2.0**-k for k in range(12, -1, -1)), ordered=True)
BELOW = (Condition("training.optimizer", frozenset({"sgd"})),)
OPTIMIZER = Domain("training.optimizer", "hyper", ("sgd", "adam"))
MOMENTUM = Domain(
    "training.optimizer/sgd/momentum", "hyper", tuple(k / 100 for k in range(98)), sites=(BELOW,)
)


def test_both_kinds_are_decisions_and_are_told_apart():
    joint = JointDomains(NETWORK, [RATES, OPTIMIZER, MOMENTUM])
    assert joint.size == 3 * 2 * 13 * (98 + 1)
    arch = joint.arch({"lr": "b", "depth": 2, "training.lr": 0.5, "training.optimizer": "adam"})
    network, beside = joint.split(arch)
    assert network == Arch({"lr": "b", "depth": 2})
    assert beside == {"training.lr": 0.5, "training.optimizer": "adam"}
    assert network in set(NETWORK.enumerate())


def test_nothing_beside_a_space_leaves_its_draws_as_they_were():
    joint = JointDomains(NETWORK)
    one, other = np.random.default_rng(3), np.random.default_rng(3)
    assert [joint.sample(one) for _ in range(20)] == [NETWORK.sample(other) for _ in range(20)]


def test_an_option_with_many_values_below_it_is_no_likelier():
    """Uniform over all points, 98 of 99 draws would be sgd."""
    joint = JointDomains(NETWORK, [RATES, OPTIMIZER, MOMENTUM])
    stream = np.random.default_rng(0)
    drawn = [joint.sample(stream) for _ in range(2000)]
    assert all(joint.arch(arch) == arch for arch in drawn)
    kinds = [arch["training.optimizer"] for arch in drawn]
    assert 900 < kinds.count("sgd") < 1100  # 4.5 standard deviations
    for label in ("lr", "depth", "training.lr"):
        values = [arch[label] for arch in drawn]
        mean = len(drawn) / len(joint[label].options)
        counts = [values.count(option) for option in joint[label].options]
        assert max(abs(count - mean) for count in counts) < 5 * mean**0.5


def test_a_step_along_an_order_is_short_and_goes_both_ways():
    values = RATES.options
    steps = {value: set(RATES.steps(value)) for value in values}
    for i, value in enumerate(values):  # 13 values: a sixth of them is two
        assert steps[value] == {o for k, o in enumerate(values) if 0 < abs(k - i) <= 2}
    assert set(OPTIMIZER.steps("sgd")) == {"adam"}
    two = Domain("few", "hyper", (1, 2, 3), ordered=True)
    assert two.steps(2) == [1, 3]


def test_codes_of_ordered_values_differ_as_much_as_their_places():
    joint = JointDomains(NETWORK, [RATES])
    codes = [
        joint.encode(joint.arch({"lr": "a", "depth": 1, "training.lr": rate}))
        for rate in RATES.options
    ]
    assert codes[0].shape == (3 + 2 + 13,)
    for i, one in enumerate(codes):
        assert [np.abs(one - other).sum() for other in codes] == [abs(i - k) for k in range(13)]
    inactive = MOMENTUM.encode(None)
    assert not any(inactive)


def test_a_choice_that_is_called_like_an_option_of_training_is_refused():
    taken = Domains([Domain("training.lr", "value", (1, 2))])
    with pytest.raises(UserError, match=r"choice with the label .training.lr"):
        JointDomains(taken, [RATES])
