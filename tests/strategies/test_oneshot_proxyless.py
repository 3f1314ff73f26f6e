"""ProxylessNAS: one path for the weights, two for the architecture, the others as they were."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from nasbench.errors import UserError
from nasbench.strategies.oneshot.proxyless import (
    BinaryGates,
    ProxylessOptions,
    ProxylessStrategy,
    pair_gates,
    rescaled,
)
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, batch, make

OWN = "nasbench.testing.supernets:Small"
ALPHA = torch.tensor([0.5, -0.3, 1.2, 0.1], dtype=torch.float64)


class TestProxyless(OneShotStrategySuite):
    strategy = ProxylessStrategy


def test_the_gates_gradient_is_equation_4_among_the_two():
    alpha = ALPHA.clone().requires_grad_()
    by_gate = torch.tensor([0.7, -0.2, 0.4, 0.9], dtype=torch.float64)
    gates = pair_gates(alpha, (2, 0), 1)
    assert gates.tolist() == [1.0, 0.0, 0.0, 0.0]
    (found,) = torch.autograd.grad((gates * by_gate).sum(), alpha)
    p = np.exp(ALPHA.numpy()[[0, 2]])
    p = p / p.sum()
    expected = np.zeros(4)
    for a, i in enumerate((0, 2)):
        for b, j in enumerate((0, 2)):
            expected[i] += by_gate[j].item() * p[b] * ((a == b) - p[a])
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    assert found[1] == found[3] == 0


def test_after_a_step_the_others_probabilities_are_as_before():
    after = ALPHA + torch.tensor([0.8, 9.0, -0.4, 9.0], dtype=torch.float64)
    found = rescaled(ALPHA, after, (0, 2))
    old, new = ALPHA.softmax(0), found.softmax(0)
    torch.testing.assert_close(new[[1, 3]], old[[1, 3]])
    assert found[[1, 3]].tolist() == ALPHA[[1, 3]].tolist()
    # Within the pair the odds are those of the step.
    torch.testing.assert_close(new[0] / new[2], (after[0] - after[2]).exp())


def test_one_candidate_runs_in_a_step_of_the_weights():
    torch.manual_seed(0)
    rule, drawn = BinaryGates(), Counter()
    for _ in range(4000):
        weights, running = rule.sample("a", ALPHA)
        assert weights.sum() == 1
        assert weights.argmax().item() == running[0]
        drawn[running] += 1
    for place, p in enumerate(ALPHA.softmax(0).tolist()):
        assert abs(drawn[(place,)] / 4000 - p) < 4 * (p * (1 - p) / 4000) ** 0.5


def test_two_run_in_a_step_of_the_architecture():
    torch.manual_seed(0)
    rule, opened, pairs = BinaryGates(), Counter(), Counter()
    rule.pairs = True
    for _ in range(4000):
        weights, running = rule.sample("a", ALPHA)
        assert len(set(running)) == 2
        pairs[frozenset(running)] += 1
        if set(running) == {0, 2}:
            opened[int(weights.argmax())] += 1
    assert len(pairs) == 6
    p = ALPHA[[0, 2]].softmax(0)[0].item()
    n = opened.total()
    assert set(opened) == {0, 2}
    assert abs(opened[0] / n - p) < 4 * (p * (1 - p) / n) ** 0.5


def test_a_lonely_candidate_has_nothing_to_learn():
    rule = BinaryGates()
    rule.pairs = True
    alpha = torch.zeros(1, requires_grad=True)
    weights, running = rule.sample("a", alpha)
    assert (weights.tolist(), running) == ([1.0], (0,))
    assert torch.autograd.grad(weights.sum(), alpha)[0].tolist() == [0.0]


def strategy(**setting):
    made = make(ProxylessStrategy, PlainSupernets.named(OWN), {"arch_lr": 0.1}, **setting)
    with torch.no_grad():
        for alpha in made.mixture.alphas:
            alpha.normal_()
    return made


def test_a_step_moves_the_two_drawn_and_keeps_the_others_probability():
    made = strategy()
    for number in range(8):
        before = {label: made.mixture.alpha(label).detach().clone() for label in made.domains}
        made.arch_step(batch(0), batch(number))
        for label, old in before.items():
            new = made.mixture.alpha(label).detach()
            pair = set(made.gates.drawn[label])
            others = [i for i in range(len(old)) if i not in pair]
            assert len(pair) == 2
            assert all(new[i] != old[i] for i in pair)
            assert torch.equal(new[others], old[others])
            torch.testing.assert_close(new.softmax(0)[others], old.softmax(0)[others])


def test_weights_are_trained_on_one_path():
    made = strategy()
    ran = []
    for label in ("first", "second"):
        for name, layer in made.mixture.by_label[label].candidates.items():
            layer.register_forward_hook(lambda *_, key=(label, name): ran.append(key))
    for number in range(6):
        ran.clear()
        made.weight_step(batch(number))
        assert sorted(label for label, _ in ran) == ["first", "second"]
        ran.clear()
        made.arch_step(batch(0), batch(number))
        assert sorted(label for label, _ in ran) == ["first", "first", "second", "second"]


def test_the_architectures_gradient_is_that_of_the_gates():
    """Of the loss with gates as plain numbers, by differences, then equation (4)."""
    made = strategy().double()
    made.mixture.fast = False
    images, labels = batch(3)
    images = images.double()
    rule = made.gates
    rule.pairs = True
    torch.manual_seed(5)
    loss = made.objective(made.mixture, images, labels)[0]
    found = torch.autograd.grad(loss, made.mixture.arch_parameters)
    fixed = {k: (m.weights.detach().clone(), m.running) for k, m in made.mixture._mixed.items()}

    def at(label, place, step):
        def gates(name, alpha):
            weights, running = fixed[name]
            weights = weights.clone()
            if name == label:
                weights[place] += step
            return type(made.mixture._mixed[name])(weights, running)

        rule.sample = gates
        with torch.no_grad():
            return made.objective(made.mixture, images, labels)[0].item()

    for label, gradient in zip(made.mixture.labels, found, strict=True):
        pair = sorted(fixed[label][1])
        slopes = [(at(label, i, 1e-6) - at(label, i, -1e-6)) / 2e-6 for i in pair]
        p = made.mixture.alpha(label).detach()[pair].softmax(0).tolist()
        for a, i in enumerate(pair):
            expected = sum(slopes[b] * p[b] * ((a == b) - p[a]) for b in range(2))
            assert gradient[i].item() == pytest.approx(expected, rel=1e-4, abs=1e-9)


def test_the_penalty_moves_the_architecture_to_what_is_cheap():
    def costs(weights):
        return 50 * weights["first"][0]  # only the first candidate costs anything

    made = strategy(penalty=costs)
    before = made.mixture.mixing_weights()["first"][0].item()
    for number in range(25):
        made.arch_step(batch(0), batch(number))
    assert made.mixture.mixing_weights()["first"][0].item() < before / 3


def test_the_architecture_rests_during_the_warm_up():
    made = make(ProxylessStrategy, PlainSupernets.named(OWN), {"arch_lr": 0.1, "warmup": 0.5})
    moved = []
    for epoch in range(4):
        made.begin_epoch(epoch, 4)
        before = [alpha.detach().clone() for alpha in made.mixture.alphas]
        made.step(batch(0), batch(1))
        pairs = zip(made.mixture.alphas, before, strict=True)
        moved.append(any(not torch.equal(now, old) for now, old in pairs))
    assert moved == [False, False, True, True]


def test_wrong_options_are_named():
    with pytest.raises(UserError, match=r"^-o arch_lr=0.0: must be above 0$"):
        ProxylessOptions(arch_lr=0.0)
