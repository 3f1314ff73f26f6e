"""ENAS: the controller's probabilities, its gradient by REINFORCE, and what it learns."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
import pytest
import torch

from nasbench.errors import UserError
from nasbench.strategies.oneshot.enas import Controller, EnasOptions, EnasStrategy
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, RandomData, batch, make

OWN = "nasbench.testing.supernets:Small"


class TestEnas(OneShotStrategySuite):
    strategy = EnasStrategy
    options: ClassVar = {"candidates": 3, "calibration": 1}
    steps = 300  # few paths are as deep as the deepest network
    paths = True


def enas(space=OWN, **options):
    setting = {"violation": options.pop("violation")} if "violation" in options else {}
    given = {"candidates": 3, "calibration": 1, **options}
    return make(EnasStrategy, PlainSupernets.named(space), given, **setting)


def controller(space=OWN, temperature=5.0, tanh_constant=2.5):
    """Return a controller with opinions."""
    torch.manual_seed(1)
    supernets = PlainSupernets.named(space)
    domains = supernets.space.describe(supernets.spec, **supernets.arguments)
    made = Controller(domains, 12, temperature, tanh_constant).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made


def reference(made, arch, temperature=5.0, constant=2.5):
    """Return log p(arch), the entropy, and the probabilities, step by step with plain numbers."""
    weights = {k: v.detach().numpy() for k, v in made.named_parameters()}
    first, rows = {}, 0
    for label, domain in made.domains.items():
        first[label], rows = rows, rows + len(domain.options)

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    hidden = cell = np.zeros(12)
    row, total, entropy, found = rows, 0.0, 0.0, {}
    for label, domain in made.domains.items():
        if label not in arch:
            continue
        gates = weights["lstm.weight_ih"] @ weights["embedding.weight"][row]
        gates = gates + weights["lstm.bias_ih"] + weights["lstm.bias_hh"]
        gates = gates + weights["lstm.weight_hh"] @ hidden
        i, f, g, o = np.split(gates, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        own = weights["logits.weight"][first[label] : first[label] + len(domain.options)]
        p = np.exp(constant * np.tanh(own @ hidden / temperature))
        p = p / p.sum()
        place = domain.options.index(arch[label])
        total, entropy = total + np.log(p[place]), entropy - (p * np.log(p)).sum()
        row, found[label] = first[label] + place, p
    return total, entropy, found


@pytest.mark.parametrize("space", [OWN, "darts"])
def test_the_controller_agrees_with_plain_numbers(space):
    made = controller(space)
    for seed in range(5):
        arch = made.domains.sample(np.random.default_rng(seed))
        decided = made.read(arch)
        log, entropy, found = reference(made, arch)
        assert decided.arch == arch
        assert decided.log_probability.item() == pytest.approx(log, rel=1e-10)
        assert decided.entropy.item() == pytest.approx(entropy, rel=1e-10)
        assert decided.probabilities.keys() == found.keys()


def test_probabilities_of_all_architectures_add_up_to_one():
    made = controller()
    logs = [made.read(arch).log_probability for arch in made.domains.enumerate()]
    assert torch.stack(logs).exp().sum().item() == pytest.approx(1.0, rel=1e-12)


def test_draws_follow_the_probabilities():
    made, stream = controller(), np.random.default_rng(0)
    with torch.no_grad():
        drawn = Counter(made.sample(stream).arch for _ in range(800))
        for arch in made.domains.enumerate():
            p = made.read(arch).log_probability.exp().item()
            assert abs(drawn[arch] / 800 - p) < 4 * (p * (1 - p) / 800) ** 0.5 + 1e-3


def test_temperature_and_bound_flatten_the_probabilities():
    sharp, flat = (controller(temperature=t).likeliest().entropy for t in (1.0, 50.0))
    bounded = controller(temperature=1.0, tanh_constant=0.1).likeliest().entropy
    assert sharp < flat
    assert sharp < bounded


@pytest.mark.parametrize("samples", [1, 3])
def test_the_controllers_gradient_is_reinforce(samples):
    strategy = enas(samples=samples, decay=0.8, entropy=0.05, penalty=2.0, violation=over)
    rewards = iter([0.9, 0.3, 0.6, 0.2, 0.7, 0.5])
    strategy.reward = lambda arch, validation: next(rewards)
    strategy.baseline = baseline = 0.4
    values = [0.9, 0.3, 0.6][:samples]
    stream = strategy.context.stream("controller", 0)
    loss = 0.0
    for value in values:
        draw = strategy.controller.sample(stream)
        reward = value - 2.0 * over(draw.arch) + 0.05 * draw.entropy.item()
        loss = loss - (reward - baseline) * draw.log_probability
        baseline = 0.8 * baseline + 0.2 * reward
    expected = torch.autograd.grad(loss / samples, strategy.arch.params)
    found = []
    strategy.arch.apply = found.extend
    metrics = strategy.controller_step(batch(0))
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert strategy.baseline == pytest.approx(baseline)
    assert metrics["val_accuracy"].item() == pytest.approx(sum(values) / samples)


def over(arch):
    return float(arch["first"] != "pool")


def test_the_first_reward_begins_the_average():
    strategy = enas(entropy=0.0)
    strategy.reward = lambda arch, validation: 0.7
    strategy.controller_step(batch(0))
    assert strategy.baseline == pytest.approx(0.7)


def test_the_controller_learns_what_is_rewarded():
    strategy = enas(arch_lr=0.02, samples=4)
    strategy.reward = lambda arch, validation: (
        0.5 * (arch["first"] == "conv1") + 0.5 * (arch["second"] == "pool")
    )
    for number in range(80):
        strategy.number = number
        strategy.controller_step(batch(0))
    assert (strategy.derive()["first"], strategy.derive()["second"]) == ("conv1", "pool")
    weights = strategy.mixing_weights()
    assert weights["first"][1] > 0.8
    assert weights["second"][2] > 0.8


def test_the_controller_learns_to_keep_the_limits():
    strategy = enas(arch_lr=0.02, samples=4, violation=over)
    strategy.reward = lambda arch, validation: 0.5
    for number in range(60):
        strategy.number = number
        strategy.controller_step(batch(0))
    assert strategy.mixing_weights()["first"][2] > 0.8
    assert strategy.select(RandomData())["first"] == "pool"


def test_a_reward_is_the_batchs_accuracy_and_leaves_no_trace():
    strategy = enas("nas-bench-macro")
    images, labels = batch(0)
    arch = strategy.uniform("any")
    before = {
        k: v.clone() for k, v in strategy.state_dict().items() if isinstance(v, torch.Tensor)
    }
    found = strategy.reward(arch, (images, labels))
    for name, value in strategy.state_dict().items():
        if isinstance(value, torch.Tensor) and not name.endswith("num_batches_tracked"):
            assert torch.equal(value, before[name]), name
    strategy.paths.arch = arch
    right = (strategy.paths(images).argmax(1) == labels).float().mean()
    assert found == pytest.approx(right.item())


def test_the_best_of_the_draws_is_selected():
    strategy = enas(candidates=12)
    judged = []

    def judge(arch, images, batches):
        judged.append(arch)
        return 1.0 if arch["second"] == "pool" else 0.1

    strategy.judge = judge
    assert strategy.select(RandomData())["second"] == "pool"
    assert 1 < len(judged) == len(set(judged)) <= 12


def test_weights_in_the_journal_are_shares():
    weights = enas("darts").mixing_weights()
    for values in weights.values():
        assert sum(values) == pytest.approx(1.0)
        assert min(values) >= 0


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"samples": 0}, "-o samples=0: must be at least 1"),
        ({"candidates": 0}, "-o candidates=0: must be at least 1"),
        ({"decay": 1.0}, "-o decay=1.0: must be in [0, 1)"),
        ({"arch_lr": 0.0}, "-o arch_lr=0.0: must be above 0"),
        ({"temperature": -1.0}, "-o temperature=-1.0: must be above 0"),
        ({"tanh_constant": 0.0}, "-o tanh_constant=0.0: must be above 0"),
        ({"entropy": -1.0}, "-o entropy=-1.0: must be at least 0"),
        ({"penalty": float("nan")}, "-o penalty=nan: must be at least 0"),
    ],
)
def test_wrong_options_are_named(options, line):
    with pytest.raises(UserError) as told:
        EnasOptions(**options)
    assert str(told.value) == line
