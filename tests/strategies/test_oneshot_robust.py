"""The eigenvalue against an exact Hessian, and the early stop against the paper's rule."""

from __future__ import annotations

import io
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.catalog import resolve
from nasbench.space import LayerChoice, SearchSpace
from nasbench.strategies.oneshot import robust
from nasbench.strategies.oneshot.darts import DartsStrategy
from nasbench.strategies.oneshot.evaluation import evaluation_mode
from nasbench.strategies.oneshot.robust import (
    EarlyStop,
    difference_product,
    jumped,
    largest_eigenvalue,
)
from nasbench.supernet.base import no_grad_for
from nasbench.testing.oneshot import OWN, OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, RandomData, advance, batch, digest, make


class TestRobustDarts(OneShotStrategySuite):
    strategy = DartsStrategy
    options: ClassVar = {"robust": True}

    # It relaxes nothing by itself, and every measurement takes many passes.
    @pytest.fixture(params=["darts", OWN])
    def space(self, request):
        return request.param


class Smooth(SearchSpace):
    """Three blocks without kinks, and BN."""

    channels_last = True

    def __init__(self, spec):
        super().__init__(spec)
        ops = {
            "tanh": lambda: nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.Tanh()),
            "gelu": lambda: nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.GELU()),
            "pool": lambda: nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.BatchNorm2d(2, affine=False)),
        }
        self.stem = nn.Conv2d(1, 2, 1)
        self.blocks = nn.ModuleList(LayerChoice(ops, label=f"block{i}") for i in range(3))
        self.head = nn.Linear(128, spec.classes)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x.flatten(1))


def searching(space=Smooth, **options):
    supernets = PlainSupernets(space, {}) if space is Smooth else PlainSupernets.named(space)
    strategy = make(DartsStrategy, supernets, {"robust": True, **options})
    with torch.no_grad():
        for alpha in strategy.mixture.alphas:
            alpha.normal_()
    return strategy


def exact_hessian(mixture, images, labels):
    """Differentiate twice, through the plain sums."""
    mixture.fast = False
    alphas = mixture.arch_parameters
    loss = nn.functional.cross_entropy(mixture(images), labels)
    gradient = torch.cat(torch.autograd.grad(loss, alphas, create_graph=True))
    rows = [torch.cat(torch.autograd.grad(g, alphas, retain_graph=True)) for g in gradient]
    return torch.stack(rows).detach()


def test_the_products_are_those_of_the_exact_hessian():
    mixture = searching().mixture.double()
    images, labels = batch(1)
    images = images.double()
    exact = exact_hessian(mixture, images, labels)
    assert torch.allclose(exact, exact.T, atol=1e-12)

    def loss():
        return nn.functional.cross_entropy(mixture(images), labels)

    for arm, tolerance in ((1e-4, 1e-6), (0.05, 1e-2)):
        product = difference_product(loss, mixture.arch_parameters, arm)
        columns = [product(row) for row in torch.eye(9, dtype=torch.float64)]
        error = (torch.stack(columns) - exact).norm() / exact.norm()
        assert error < tolerance, arm
    before = [a.clone() for a in mixture.alphas]
    product(torch.eye(9, dtype=torch.float64)[0])
    assert all(torch.equal(a, b) for a, b in zip(mixture.alphas, before, strict=True))


def test_lanczos_finds_the_largest_eigenvalue():
    stream = np.random.default_rng(0)
    for size in (1, 2, 7, 60):
        matrix = stream.standard_normal((size, size))
        matrix = torch.from_numpy(matrix + matrix.T)
        start = torch.from_numpy(stream.standard_normal(size))
        expected = float(torch.linalg.eigvalsh(matrix)[-1])
        tight = largest_eigenvalue(lambda v, m=matrix: m @ v, start, steps=60, tolerance=1e-9)
        assert tight == pytest.approx(expected, rel=1e-7)
        loose = largest_eigenvalue(lambda v, m=matrix: m @ v, start)
        assert loose == pytest.approx(expected, rel=0.05)


def test_lanczos_ends_where_nothing_is_left_to_find():
    """A matrix of rank 1 is known after two products, one of rank 0 after one."""
    direction = torch.tensor([3.0, 0.0, 4.0])
    asked = []

    def product(vector):
        asked.append(vector)
        return direction * (direction @ vector)

    assert largest_eigenvalue(product, torch.ones(3)) == pytest.approx(25.0, rel=1e-5)
    assert len(asked) <= 2
    assert largest_eigenvalue(torch.zeros_like, torch.ones(3)) == 0.0


def test_what_is_measured_in_float32_is_the_exact_eigenvalue():
    strategy = searching()
    strategy.early_stop.remember(batch(1))
    before = digest(strategy)
    found = strategy.early_stop.measure(strategy.mixture)
    untracked = [k for k in strategy.state_dict() if k.endswith("num_batches_tracked")]
    assert untracked  # the space has BN, and only its counter may move
    with torch.no_grad():
        for name in untracked:
            strategy.state_dict()[name].zero_()
    assert digest(strategy) == before
    mixture = strategy.mixture.double()
    images, labels = batch(1)
    exact = torch.linalg.eigvalsh(exact_hessian(mixture, images.double(), labels))
    assert found == pytest.approx(float(exact[-1]), rel=0.02)
    assert abs(float(exact[-2] / exact[-1])) < 0.9  # the second would be told apart


@pytest.mark.slow
def test_the_fast_sums_of_a_darts_cell_give_the_eigenvalue_of_the_plain_ones():
    strategy = searching("darts")
    # Noise of ReLU's kinks is the same in both.
    images, labels = batch(1, size=16)
    images = images.contiguous(memory_format=torch.channels_last)
    strategy.mixture.to(memory_format=torch.channels_last)
    values = []
    for fast in (True, False):
        strategy.mixture.fast = fast
        strategy.early_stop.remember((images, labels))
        values.append(strategy.early_stop.measure(strategy.mixture))
    assert values[0] == pytest.approx(values[1], rel=0.02)
    assert values[0] != 0.0


def test_judged_takes_expected_weights_without_dropout_and_leaves_no_trace():
    strategy = searching()
    mixture = strategy.mixture
    mixture.network.head = nn.Sequential(nn.Dropout(0.5), mixture.network.head)
    mixture.rule.sample = None  # nobody may draw
    images, _ = batch(1)
    rule, stats = mixture.rule, mixture.network.blocks[0].candidates["pool"][1]
    before, drawn = stats.running_mean.clone(), torch.get_rng_state()
    with evaluation_mode(mixture), no_grad_for(mixture.weight_parameters):
        assert torch.equal(mixture(images), mixture(images))
        assert torch.equal(stats.running_mean, before)
    assert torch.equal(torch.get_rng_state(), drawn)
    assert mixture.rule is rule
    assert all(module.training for module in mixture.modules())
    assert stats.momentum == 0.1


@pytest.mark.parametrize(
    ("eigenvalues", "stops"),
    [
        ([1.0] * 5 + [1.4] * 4, False),  # no two windows yet
        ([1.0] * 5 + [1.3] * 5, False),
        ([1.0] * 5 + [1.34] * 5, True),
        ([9.0] * 5 + [1.0] * 5 + [1.34] * 5, True),  # what is older does not count
        ([1.0] * 9 + [2.6], False),  # one epoch is smoothed: 1.32
        ([1.0] * 9 + [2.8], True),  # 1.36
        ([-1.0] * 5 + [2.0] * 5, False),  # no ratio
        ([2.0] * 5 + [1.0] * 5, False),
    ],
)
def test_it_stops_where_the_mean_of_5_epochs_has_grown_by_a_third(eigenvalues, stops):
    assert jumped(eigenvalues) is stops


def told(strategy, monkeypatch, values):
    """Let the measurements be these."""
    values = iter(values)
    monkeypatch.setattr(robust.EarlyStop, "measure", lambda self, mixture: next(values))
    return strategy


def epochs(strategy, first, last, steps=2):
    """Play whole epochs; return the metrics of each one's last step, and alpha at its end."""
    metrics, alphas = [], []
    for epoch in range(first, last):
        strategy.begin_epoch(epoch, 20)
        for number in range(steps):
            found = strategy.step(batch(100 * epoch + number), batch(7 + 100 * epoch + number))
        metrics.append(found)
        alphas.append([a.detach().clone() for a in strategy.mixture.alphas])
    return metrics, alphas


def test_on_a_jump_the_architecture_in_the_middle_of_the_earlier_mean_comes_back(monkeypatch):
    strategy = told(searching(arch_lr=0.1), monkeypatch, [1.0] * 9 + [3.0])
    metrics, alphas = epochs(strategy, 0, 12)
    # Measured at the end of an epoch, told in the next one; nothing is measured after the stop.
    seen = [float(m.get("hessian_eigenvalue", -1.0)) for m in metrics]
    assert seen == [-1.0, *[1.0] * 9, 3.0, -1.0]
    assert strategy.early_stop.stopped
    # Epochs 5 to 9 are compared with 0 to 4, whose middle is epoch 2.
    for now, then, before_stop in zip(strategy.mixture.alphas, alphas[2], alphas[9], strict=True):
        assert torch.equal(now, then)
        assert not torch.equal(now, before_stop)
    assert "val_loss" in metrics[9]
    assert "val_loss" not in metrics[10]
    assert torch.equal(alphas[10][0], alphas[11][0])


def test_the_last_epoch_is_judged_before_the_selection(monkeypatch):
    strategy = told(searching(arch_lr=0.1), monkeypatch, [1.0] * 9 + [3.0])
    _, alphas = epochs(strategy, 0, 10)
    assert not strategy.early_stop.stopped
    arch = strategy.select(RandomData())
    assert all(torch.equal(a, b) for a, b in zip(strategy.mixture.alphas, alphas[2], strict=True))
    assert arch == strategy.derive()


def test_an_epoch_in_which_the_architecture_rests_is_not_measured(monkeypatch):
    strategy = told(searching(), monkeypatch, [])
    strategy.arch_moves = False
    metrics, _ = epochs(strategy, 0, 3)
    assert all("hessian_eigenvalue" not in m for m in metrics)
    assert strategy.select(RandomData()) == strategy.derive()


def saved(strategy):
    file = io.BytesIO()
    torch.save({"s": strategy.state_dict(), "o": strategy.optimizer_state()}, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("middle", [1, 2])
def test_a_continuation_measures_the_same(middle):
    """Saved between two epochs, or in the middle of one, when its first batch is known."""

    def play(strategy, numbers):
        for number in numbers:
            strategy.begin_epoch(number // 2, 20)  # the engine calls it again when it continues
            found = strategy.step(batch(number), batch(50 + number))
        return found

    whole, half, other = searching(), searching(), searching()
    expected = play(whole, range(5))
    play(half, range(2 * middle - 1))
    state = saved(half)
    advance(other, 60, 1)
    other.load_state_dict(state["s"])
    other.load_optimizer_state(state["o"])
    found = play(other, range(2 * middle - 1, 5))
    assert len(whole.early_stop.eigenvalues) == 2
    assert found["hessian_eigenvalue"] == expected["hessian_eigenvalue"]
    assert digest(other) == digest(whole)


def test_a_stop_survives_a_continuation(monkeypatch):
    strategy = told(searching(arch_lr=0.1), monkeypatch, [1.0] * 9 + [3.0])
    epochs(strategy, 0, 11)
    other = told(searching(), monkeypatch, [])
    other.load_state_dict(saved(strategy)["s"])
    metrics, alphas = epochs(other, 11, 12)
    assert "val_loss" not in metrics[0]
    assert torch.equal(alphas[0][0], strategy.mixture.alphas[0])


MIXTURES = ("pc-darts", "p-darts", "darts-pt", "snas", "drnas", "fairdarts", "sdarts")


@pytest.mark.parametrize(
    "name", ["gdas", *(pytest.param(name, marks=pytest.mark.slow) for name in MIXTURES)]
)
def test_every_mixture_measures_stops_and_continues(name, monkeypatch):
    """One true measurement, then a jump that is made up; saved in the middle of an epoch."""
    space = "nas-bench-201" if name == "pc-darts" else OWN  # which has no partial channels
    kind, supernets = resolve("strategy", name), PlainSupernets.named(space)
    rests = name in ("pc-darts", "p-darts", "drnas")
    options = {"robust": True, **({"warmup": 0.0} if rests else {})}

    def play(strategy, numbers):
        for number in numbers:
            strategy.begin_epoch(number // 2, 60)
            found = strategy.step(batch(number), batch(50 + number))
        return found

    whole, half, other = (make(kind, supernets, options, epochs=60) for _ in range(3))
    metrics = play(whole, range(3))
    assert metrics["hessian_eigenvalue"].isfinite()
    assert metrics["hessian_eigenvalue"] != 0
    monkeypatch.setattr(EarlyStop, "measure", lambda self, mixture: 2.0 ** len(self.eigenvalues))
    torch.manual_seed(1)
    play(whole, range(3, 24))
    assert whole.early_stop.stopped
    still = [a.detach().clone() for a in whole.mixture.alphas]
    play(whole, range(24, 26))
    assert all(torch.equal(a, b) for a, b in zip(whole.mixture.alphas, still, strict=True))
    torch.manual_seed(1)
    play(half, range(19))
    other.load_state_dict(saved(half)["s"])
    other.load_optimizer_state(saved(half)["o"])
    drawn = torch.get_rng_state()
    play(half, range(19, 24))
    torch.set_rng_state(drawn)
    play(other, range(19, 24))
    assert half.early_stop.stopped
    assert digest(other) == digest(half)


def test_nothing_is_measured_unasked():
    strategy = make(DartsStrategy, PlainSupernets(Smooth, {}), {})
    metrics, _ = epochs(strategy, 0, 3)
    assert "hessian_eigenvalue" not in metrics[-1]
    assert not any("early_stop" in name for name in strategy.state_dict())
