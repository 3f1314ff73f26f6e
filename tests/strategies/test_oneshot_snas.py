"""SNAS: one loss for weights and architecture, under a soft sample whose temperature falls."""

from __future__ import annotations

import copy

import pytest
import torch

from nasbench.errors import UserError
from nasbench.strategies.oneshot.snas import SnasOptions, SnasStrategy
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, batch, make

OWN = "nasbench.testing.supernets:Small"


class TestSnas(OneShotStrategySuite):
    strategy = SnasStrategy


def strategy(space=OWN, **options):
    return make(SnasStrategy, PlainSupernets.named(space), options).double()


def wide(number):
    images, labels = batch(number)
    return images.double(), labels


def test_one_backward_pass_moves_both_as_the_formula_says():
    made = strategy(tau_max=0.6)
    mixture, (images, labels) = made.mixture, wide(0)
    net = mixture.network
    alphas = {
        label: alpha.detach().clone().requires_grad_()
        for label, alpha in zip(mixture.labels, mixture.alphas, strict=True)
    }
    weights = {name: p.detach().clone() for name, p in net.named_parameters()}
    reference = copy.deepcopy(net)
    torch.manual_seed(4)
    noise = -torch.empty(8, dtype=torch.float64).exponential_().log()
    z, start = {}, 0
    for label, alpha in alphas.items():
        g = noise[start : start + len(alpha)]
        start += len(alpha)
        z[label] = ((alpha.log_softmax(0) + g) / 0.6).softmax(0)

    def mix(choice, x):
        layers = choice.candidates.values()
        return sum(w * layer(x) for w, layer in zip(z[choice.label], layers, strict=True))

    x = mix(reference.first, reference.stem(images))
    y = mix(reference.second, x)
    joined = z["shortcut"][0] * y + z["shortcut"][1] * (x + y)
    logits = reference.head(joined.mean(dim=(2, 3)))
    loss = torch.nn.functional.cross_entropy(logits, labels)
    inputs = [*reference.parameters(), *alphas.values()]
    gradients = torch.autograd.grad(loss, inputs)
    torch.manual_seed(4)
    metrics = made.step((images, labels), wide(1))
    assert torch.allclose(metrics["loss"], loss)
    for (name, p), g in zip(net.named_parameters(), gradients, strict=False):
        assert torch.allclose(p, weights[name] - 0.05 * g), name  # SGD, not clipped
    # The first step of Adam goes as far as its rate, against the gradient's sign.
    decayed = [g + 1e-3 * a for g, a in zip(gradients[-3:], alphas.values(), strict=True)]
    for alpha, before, g in zip(mixture.alphas, alphas.values(), decayed, strict=True):
        assert torch.allclose(alpha, before - 3e-4 * g / (g.abs() + 1e-8))


def test_the_validation_batch_changes_nothing():
    states = []
    for other in (1, 2):
        made = strategy()
        torch.manual_seed(0)
        made.step(wide(0), wide(other))
        states.append([p.detach().clone() for p in made.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


def test_the_penalty_is_part_of_the_loss():
    def penalty(weights):
        return 1e6 * weights["first"][0]

    made = make(SnasStrategy, PlainSupernets.named(OWN), {"arch_lr": 0.01}, penalty=penalty)
    before = made.mixture.mixing_weights()["first"][0].detach()
    for number in range(20):
        made.step(batch(number), batch(number))
    assert made.mixture.mixing_weights()["first"][0] < before - 0.02


def test_the_temperature_falls_linearly():
    made = strategy(tau_max=1.0, tau_min=0.01)
    found = []
    for epoch in (0, 1, 2, 1):
        made.begin_epoch(epoch, 3)
        found.append(made.samples.tau)
    assert found == pytest.approx([1.0, 0.505, 0.01, 0.505])


def test_wrong_options_are_named():
    with pytest.raises(UserError, match=r"-o tau_max=-1.0: must be above 0"):
        SnasOptions(tau_max=-1.0)
