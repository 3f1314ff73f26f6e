"""Schedules and optimizers against torch's own."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, ReduceLROnPlateau, StepLR

from nasbench.errors import UserError
from nasbench.training.optimization import Optimization, OptimizerConfig, Plateau, factor


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


def test_linear_is_torchs():
    config = OptimizerConfig(lr=0.1, final_lr=0.02, schedule="linear")
    expected = torchs(lambda o: LinearLR(o, 1.0, 0.2, 40), 40)
    assert rates(config, 40) == pytest.approx(expected)


def test_nesterovs_momentum_is_torchs():
    start = torch.randn(5, generator=torch.Generator().manual_seed(0))
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    config = OptimizerConfig(lr=0.1, momentum=0.9, nesterov=True, schedule="constant", grad_clip=0)
    found = Optimization([ours], config, 5)
    sgd = SGD([theirs], 0.1, momentum=0.9, weight_decay=3e-4, nesterov=True)
    for _ in range(5):
        found.minimize((ours**4).sum())
        sgd.zero_grad()
        (theirs**4).sum().backward()
        sgd.step()
    assert torch.allclose(ours, theirs)


def test_step_is_torchs():
    config = OptimizerConfig(lr=0.1, schedule="step", step_every=0.1, step_factor=0.5)
    expected = torchs(lambda o: StepLR(o, 3, 0.5), 30)
    assert rates(config, 30) == pytest.approx(expected)


@pytest.mark.parametrize(("every", "steps_per_epoch"), [(2, 7), (1, 3), (5, 4)])
def test_step_in_epochs_is_torchs(every, steps_per_epoch):
    config = OptimizerConfig(
        lr=0.1, schedule="step", drop_steps=every * steps_per_epoch, step_factor=0.9
    )
    steps = 11 * steps_per_epoch
    by_epoch = torchs(lambda o: StepLR(o, every, 0.9), 11)
    expected = [rate for rate in by_epoch for _ in range(steps_per_epoch)]
    assert rates(config, steps) == pytest.approx(expected, rel=1e-12)


# By chance and on purpose: equal values, and values better by less than the threshold.
VALUES = [0.5, 0.6, 0.6, 0.60001, 0.59, 0.61, 0.2, 0.6, 0.61, 0.61001, 0.62, *[0.1] * 15, 0.63]


@pytest.mark.parametrize("metric", ["loss", "val_accuracy"])
@pytest.mark.parametrize("patience", [0, 1, 2, 5])
def test_plateau_is_torchs(metric, patience):
    p = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    config = OptimizerConfig(
        lr=0.1, schedule="plateau", plateau_patience=patience, momentum=0, weight_decay=0
    )
    ours = Optimization([p], config, len(VALUES))
    theirs = SGD([nn.Parameter(torch.zeros(1))], 0.1)
    mode = "min" if metric == "loss" else "max"
    scheduler = ReduceLROnPlateau(theirs, mode, factor=0.1, patience=patience, eps=0)
    seen = []
    for value in VALUES:
        before, rate = p.item(), theirs.param_groups[0]["lr"]
        ours.minimize(-p.sum())
        assert p.item() - before == pytest.approx(rate, rel=1e-9)
        ours.end_epoch({"loss": 1.0, metric: value})
        scheduler.step(value)
        seen.append(theirs.param_groups[0]["lr"])
        assert ours.lr == pytest.approx(seen[-1], rel=1e-12)
    assert len(set(seen)) > 2  # it dropped more than once


def test_a_plateau_keeps_its_rate_from_step_to_step():
    p = nn.Parameter(torch.zeros(1))
    config = OptimizerConfig(lr=0.1, schedule="plateau", plateau_patience=0)
    made = Optimization([p], config, 100)
    for loss in (1.0, 2.0):
        made.end_epoch({"loss": loss})
        for _ in range(3):
            made.minimize(p.sum())
    assert made.lr == pytest.approx(0.01)


def test_a_plateau_begins_after_the_warm_up():
    p = nn.Parameter(torch.zeros(1))
    config = OptimizerConfig(lr=1.0, schedule="plateau", plateau_patience=0, warmup=0.5)
    made, found = Optimization([p], config, 8), []
    for loss in (1.0, 2.0, 3.0, 4.0, 3.0, 3.0):
        found.append(made.lr)
        made.minimize(p.sum())
        made.end_epoch({"loss": loss})
    assert found == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert made.lr == pytest.approx(0.1)


def test_a_plateau_counts_anew_where_another_metric_is_watched():
    plateau = Plateau(patience=1)
    for metric, value in [("loss", 0.5), ("loss", 0.9), ("val_accuracy", 0.1)]:
        plateau.watch(metric, value)
    assert (plateau.best, plateau.waited, plateau.drops) == (0.1, 0, 0)


def test_other_schedules_do_not_see_the_epochs():
    made = Optimization([nn.Parameter(torch.zeros(1))], OptimizerConfig(schedule="constant"), 9)
    for _ in range(9):
        made.end_epoch({"loss": 1.0})
    assert made.lr == 0.025


def test_gradients_are_clipped_to_their_value_and_then_to_their_norm():
    def moved(**clip):
        p = nn.Parameter(torch.zeros(3, dtype=torch.float64))
        plain = {"lr": 1.0, "momentum": 0, "weight_decay": 0, "schedule": "constant"}
        made = Optimization([p], OptimizerConfig(**plain, **clip), 10)
        made.minimize((p * torch.tensor([30.0, -0.25, 0.05], dtype=torch.float64)).sum())
        return p.detach()

    expected = torch.tensor([-0.1, 0.1, -0.05], dtype=torch.float64)
    assert torch.equal(moved(grad_clip=0.0, grad_clip_value=0.1), expected)
    both = moved(grad_clip=0.1, grad_clip_value=0.1)
    torch.testing.assert_close(both, 0.1 * expected / 0.15, rtol=1e-4, atol=0)


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
