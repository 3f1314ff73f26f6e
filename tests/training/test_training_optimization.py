"""Schedules and optimizers against torch's own."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, StepLR

from nasbench.errors import UserError
from nasbench.training.optimization import Optimization, OptimizerConfig, factor


def rates(config, steps):
    return [config.lr * factor(config, steps, step) for step in range(steps)]


def torchs(scheduler_of, steps, lr=0.1):
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr)
    scheduler, found = scheduler_of(optimizer), []
    for _ in range(steps):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return found


def test_cosine_is_torchs():
    config = OptimizerConfig(lr=0.1, final_lr=0.01, schedule="cosine")
    expected = torchs(lambda o: CosineAnnealingLR(o, 40, eta_min=0.01), 40)
    assert rates(config, 40) == pytest.approx(expected)


def test_step_is_torchs():
    config = OptimizerConfig(lr=0.1, schedule="step", step_every=0.1, step_factor=0.5)
    expected = torchs(lambda o: StepLR(o, 3, 0.5), 30)
    assert rates(config, 30) == pytest.approx(expected)


def test_constant_stays():
    assert set(rates(OptimizerConfig(lr=0.1, schedule="constant"), 9)) == {0.1}


def test_warm_up_grows_linearly_then_hands_over():
    config = OptimizerConfig(lr=1.0, schedule="cosine", warmup=0.25)
    found = rates(config, 40)
    assert found[:10] == pytest.approx([(i + 1) / 11 for i in range(10)])
    assert found[10] == pytest.approx(1.0)
    assert found[10:] == pytest.approx([0.5 * (1 + math.cos(math.pi * i / 30)) for i in range(30)])


@pytest.mark.parametrize(
    "name",
    ["sgd", "adam", "adamw", "nadam", "rmsprop", "adagrad", "adadelta", "adamax"],
)
def test_every_optimizer_minimizes_and_continues_bit_for_bit(name):
    def start():
        torch.manual_seed(0)
        layer = nn.Linear(4, 1)
        config = OptimizerConfig(optimizer=name, lr=0.01, weight_decay=1e-4)
        return layer, Optimization(list(layer.parameters()), config, 20)

    x = torch.randn(16, 4)

    def step(layer, optimization):
        loss = (layer(x) - x.sum(1, keepdim=True)).square().mean()
        optimization.minimize(loss)
        return loss.item()

    layer, optimization = start()
    losses = [step(layer, optimization) for _ in range(10)]
    assert losses[-1] < losses[0]
    saved = copy.deepcopy((layer.state_dict(), optimization.state_dict()))
    rest = [step(layer, optimization) for _ in range(5)]
    other, continued = start()
    other.load_state_dict(saved[0])
    continued.load_state_dict(saved[1])
    assert [step(other, continued) for _ in range(5)] == rest


def test_gradients_are_clipped_to_their_norm():
    p = nn.Parameter(torch.zeros(3))
    config = OptimizerConfig(lr=1.0, momentum=0, weight_decay=0, schedule="constant", grad_clip=2)
    Optimization([p], config, 10).minimize((p * torch.tensor([30.0, 40.0, 0.0])).sum())
    assert p.detach().tolist() == pytest.approx([-1.2, -1.6, 0.0], rel=1e-5)


def test_only_its_own_parameters_get_gradients():
    a, b = nn.Parameter(torch.ones(1)), nn.Parameter(torch.ones(1))
    Optimization([a], OptimizerConfig(), 10).minimize((a * b).sum())
    assert a.item() != 1.0
    assert b.item() == 1.0
    assert b.grad is None


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"optimizer": "sdg"}, "did you mean sgd"),
        ({"schedule": "cosin"}, "did you mean cosine"),
    ],
)
def test_unknown_names_are_told(config, words):
    with pytest.raises(UserError, match=words):
        Optimization([nn.Parameter(torch.zeros(1))], OptimizerConfig(**config), 1)
