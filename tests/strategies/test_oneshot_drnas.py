"""DrNAS: the Dirichlet rule against its moments, the anchor, and the two stages."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.strategies.oneshot.drnas import (
    DirichletRule,
    DrnasOptions,
    DrnasStrategy,
    concentration,
)
from nasbench.strategies.oneshot.robust import EarlyStop
from nasbench.supernet.inherited_weights import widened, widening
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import (
    PlainSupernets,
    RandomData,
    advance,
    batch,
    digest,
    make,
)

STAGED = {"partial": 4, "widen": 2}


class TestDrnas(OneShotStrategySuite):
    strategy = DrnasStrategy


class TestStagedDrnas(OneShotStrategySuite):
    strategy = DrnasStrategy
    options: ClassVar = STAGED

    @pytest.mark.skip("half of the candidates are pruned, and train no more")
    def test_every_parameter_gets_a_finite_gradient(self):
        """See the test of the second stage."""


def strategy(space="darts", **options):
    return make(DrnasStrategy, PlainSupernets.named(space), options)


ALPHA = torch.tensor([0.7, -0.9, 0.0, 2.0], dtype=torch.float64)
BETA = torch.tensor([1.7, 0.40656965974, 1.0, 3.0], dtype=torch.float64)  # exp(-0.9), else 1 + a


def test_the_concentration_is_elu_plus_one():
    assert torch.allclose(concentration(ALPHA), BETA)
    assert (concentration(torch.tensor([-1e4, -50.0])) > 0).all()


def test_draws_have_the_moments_of_the_dirichlet_distribution():
    torch.manual_seed(0)
    drawn = DirichletRule().sample("a", ALPHA.expand(20_000, 4)).weights
    total = BETA.sum()
    mean = BETA / total
    assert torch.allclose(drawn.sum(1), torch.ones(len(drawn), dtype=torch.float64))
    assert torch.allclose(drawn.mean(0), mean, atol=0.01)
    assert torch.allclose(drawn.var(0), mean * (1 - mean) / (total + 1), atol=0.005)
    assert torch.allclose(DirichletRule().expected("a", ALPHA), mean)


def test_the_pathwise_gradient_is_that_of_the_mean():
    """The mean's derivative in alpha is known, and the samples' gradients must average to it."""
    torch.manual_seed(0)
    ahead = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    alpha = ALPHA.clone().requires_grad_()
    drawn = DirichletRule().sample("a", alpha.expand(20_000, 4)).weights @ ahead
    (found,) = torch.autograd.grad(drawn.mean(), alpha)
    slope = torch.where(ALPHA > 0, 1.0, ALPHA.exp())  # of elu
    total = BETA.sum()
    expected = slope * (ahead - (BETA @ ahead) / total) / total
    assert torch.allclose(found, expected, atol=0.02)


@pytest.mark.parametrize("extreme", [-1e4, -20.0, -6.0, 50.0])
def test_draws_and_gradients_stay_finite(extreme):
    torch.manual_seed(0)
    alpha = torch.tensor([extreme, 0.0, extreme], requires_grad=True)
    for _ in range(200):
        weights = DirichletRule().sample("a", alpha).weights
        (gradient,) = torch.autograd.grad(weights @ torch.tensor([1.0, 2.0, 3.0]), alpha)
        assert weights.isfinite().all()
        assert gradient.isfinite().all()


def test_the_anchors_gradient_is_that_of_the_authors_weight_decay():
    """Their Adam adds ``weight_decay * alpha`` to the gradient of what is left."""
    made = strategy("nasbench.testing.supernets:Small", anchor=0.5).double()
    with torch.no_grad():
        for alpha in made.mixture.alphas:
            alpha.copy_(torch.linspace(-2, 3, len(alpha)))
    made.mixture.keep("first", [0, 2])
    found = torch.autograd.grad(made.regularizer(), made.mixture.arch_parameters)
    for label, gradient in zip(made.mixture.labels, found, strict=True):
        left = torch.ones(len(gradient), dtype=torch.float64)
        left[[i for i in range(len(gradient)) if i not in made.mixture.kept[label]]] = 0
        assert torch.allclose(gradient, 0.5 * left * made.mixture.alpha(label), atol=1e-15)


def test_without_widen_there_is_one_stage():
    made = strategy(partial=4)
    mixture = made.mixture
    made.begin_epoch(3, 4)
    assert made.mixture is mixture
    assert made.stage == 0


def channels(made):
    edge = made.mixture.by_label["normal/n2/p0"]
    return next(m for m in edge.modules() if isinstance(m, nn.Conv2d)).in_channels


def test_half_way_the_stronger_half_goes_on_wider():
    made = strategy(**STAGED)
    advance(made, 0, 2)
    made.begin_epoch(1, 4)
    assert (made.stage, channels(made)) == (0, 1)
    weights, alphas = made.mixing_weights(), [a.detach().clone() for a in made.mixture.alphas]
    rate, adam = made.weights.lr, made.arch.state_dict()["optimizer"]["state"][0]["step"].clone()
    made.begin_epoch(2, 4)
    mixture = made.mixture
    made.begin_epoch(2, 4)  # once more, after a continuation
    assert made.mixture is mixture
    assert (made.stage, channels(made)) == (1, 2)
    for label, kept in mixture.kept.items():
        assert len(kept) == 4
        lost = set(range(8)) - set(kept)
        assert max(weights[label][i] for i in lost) <= min(weights[label][i] for i in kept)
        now = made.mixing_weights()[label]
        assert sum(now) == pytest.approx(1.0)
        assert all(now[i] == 0 for i in lost)
    assert all(torch.equal(a, b) for a, b in zip(mixture.alphas, alphas, strict=True))
    assert made.weights.lr == rate
    assert made.arch.state_dict()["optimizer"]["state"][0]["step"] == adam
    advance(made, 2, 2)
    assert all(p.isfinite().all() for p in made.parameters())


def test_the_learning_rate_goes_on_where_it_was():
    supernets = PlainSupernets.named("nas-bench-201")
    made = make(DrnasStrategy, supernets, STAGED, total_steps=8)
    plain = make(DrnasStrategy, supernets, {}, total_steps=8)
    rates = []
    for search in (made, plain):
        search.begin_epoch(0, 2)
        advance(search, 0, 2)
        search.begin_epoch(1, 2)
        before = search.weights.lr
        advance(search, 2, 2)
        rates.append((before, search.weights.lr))
    assert rates[0] == rates[1]


def test_where_no_channels_are_partial_only_the_pruning_is_left():
    made = strategy("nasbench.testing.supernets:Small", **STAGED)
    weights = {k: v.detach().clone() for k, v in made.mixture.network.state_dict().items()}
    made.begin_epoch(1, 2)
    now = made.mixture.network.state_dict()
    assert all(torch.equal(value, now[name]) for name, value in weights.items())
    left = {label: len(kept) for label, kept in made.mixture.kept.items()}
    assert left == {"first": 2, "second": 2, "shortcut": 1}  # of 3, 3 and 2


@pytest.mark.parametrize(
    ("stopped_at", "space"),
    [  # of the stages, each in a space with cells and in one with shortcuts
        *((1, "nas-bench-201"), (3, "nas-bench-201")),
        *(
            pytest.param(*one, marks=pytest.mark.slow)
            for one in ((1, "mobilenet-skip"), (3, "darts"))
        ),
    ],
)
def test_it_continues_bit_for_bit_in_both_stages(stopped_at, space):
    def run(made, start, end):
        for step in range(start, end):
            made.begin_epoch(step // 2, 2)
            advance(made, step, 1)
        return made

    torch.manual_seed(9)
    whole = run(strategy(space, **STAGED), 0, 4)
    torch.manual_seed(9)
    half = run(strategy(space, **STAGED), 0, stopped_at)
    file, random = io.BytesIO(), torch.get_rng_state()
    torch.save({"s": half.state_dict(), "o": half.optimizer_state()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    torch.manual_seed(5)
    other = strategy(space, **STAGED)
    other.load_state_dict(state["s"])
    other.load_optimizer_state(state["o"])
    torch.set_rng_state(random)
    run(other, stopped_at, 4)
    assert digest(other) == digest(whole)
    assert other.select(RandomData()) == whole.select(RandomData())
    half.load_state_dict(strategy(space, **STAGED).state_dict())  # and back to the first stage
    assert half.stage == 0


def layers(c):
    """A separable convolution, a factorized reduction and a pooling, as in DARTS."""
    return nn.ModuleDict(
        {
            "sep": nn.Sequential(
                nn.Conv2d(c, c, 3, groups=c, bias=False),
                nn.Conv2d(c, c, 1, bias=False),
                nn.BatchNorm2d(c, affine=False),
                nn.Conv2d(c, c, 3, groups=c, bias=False),
                nn.Conv2d(c, c, 1, bias=False),
                nn.BatchNorm2d(c, affine=False),
            ),
            "half1": nn.Conv2d(c, c // 2, 1, bias=False),
            "half2": nn.Conv2d(c, c // 2, 1, bias=False),
            "bn": nn.BatchNorm2d(c, affine=False),
            "pool": nn.BatchNorm2d(c, affine=False),
            "head": nn.Linear(3, 3),
        }
    )


def test_new_channels_copy_random_ones_and_follow_their_layers():
    narrow, wide = layers(4).state_dict(), layers(10).state_dict()
    sources = widening(narrow, wide, np.random.default_rng(0))
    rows = {name: places[0].tolist() for name, places in sources.items()}
    columns = {name: places[1].tolist() for name, places in sources.items() if len(places) > 1}
    for name, places in sources.items():
        assert widened(narrow[name], places).shape == wide[name].shape
        old = list(range(len(narrow[name])))
        assert name.startswith("bn") or rows[name][: len(old)] == old
    # A pointwise convolution reads the copies of the depthwise one before it; BN follows both.
    assert columns["sep.1.weight"] == rows["sep.0.weight"]
    assert columns["sep.4.weight"] == rows["sep.3.weight"]
    for norm, weight in (("sep.2", "sep.1"), ("sep.5", "sep.4")):
        for statistic in ("running_mean", "running_var"):
            assert rows[f"{norm}.{statistic}"] == rows[f"{weight}.weight"]
    halves = rows["half1.weight"] + [2 + place for place in rows["half2.weight"]]
    assert rows["bn.running_mean"] == halves
    # The second depthwise one copies others than the pointwise one before it.
    assert rows["sep.3.weight"] != rows["sep.1.weight"]
    assert "head.weight" not in sources


def test_copies_learn_weights_of_their_own():
    """Where two copies also meet copies in the layer behind, they stay equal: one in four here."""
    made = make(DrnasStrategy, PlainSupernets.named("darts", channels=16), STAGED)
    before = made.mixture.state_dict()
    made.begin_epoch(2, 4)
    sources = widening(before, made.mixture.state_dict(), made.context.stream("widen"))
    advance(made, 10, 3)
    after, equal = made.mixture.state_dict(), []
    for name, (rows, *columns) in sources.items():
        if columns and not torch.equal(after[name], widened(before[name], sources[name])):
            new = range(len(before[name]), len(rows))
            equal += [torch.equal(after[name][i], after[name][rows[i]]) for i in new]
    assert len(equal) > 100
    assert sum(equal) < len(equal) / 3


def test_the_momentum_is_widened_with_its_weights():
    made = strategy(**STAGED)
    weights = replace(made.context.weights, momentum=0.9)
    made.context = replace(made.context, weights=weights)
    made.install(made.relax())
    advance(made, 0, 2)
    before = dict(zip(named(made), made.weights.momentum_buffers(), strict=True))
    state = made.mixture.state_dict()
    made.begin_epoch(2, 4)
    sources = widening(state, made.mixture.state_dict(), made.context.stream("widen"))
    after = dict(zip(named(made), made.weights.momentum_buffers(), strict=True))
    assert any(f"network.{name}" in sources for name in after)
    for name, buffer in after.items():
        assert torch.equal(buffer, widened(before[name], sources.get(f"network.{name}", [])))


def named(made):
    return [name for name, _ in made.mixture.network.named_parameters()]


def test_the_architecture_rests_at_the_beginning_of_both_stages():
    """Ten of 25 epochs in the paper."""
    made, moves = strategy(**STAGED), []
    for epoch in range(50):
        made.begin_epoch(epoch, 50)
        moves.append((made.stage, made.learns))
    assert moves == [(s, learns) for s in (0, 1) for learns in [False] * 10 + [True] * 15]
    plain = strategy()
    plain.begin_epoch(19, 50)
    assert not plain.learns
    plain.begin_epoch(20, 50)
    assert plain.learns


SMALL_SPACE = "nasbench.testing.supernets:Small"


def told(monkeypatch, values, **options):
    """Return a search of two stages whose measurements are these."""
    left = iter(values)
    monkeypatch.setattr(EarlyStop, "measure", lambda self, mixture: next(left))
    options = {"robust": True, "warmup": 0.0, "arch_lr": 0.1, **options}
    return strategy(SMALL_SPACE, **STAGED, **options)


def played(made, first, last, epochs):
    """Play epochs of one step; return each one's metrics, and alpha at its end."""
    metrics, alphas = [], []
    for epoch in range(first, last):
        made.begin_epoch(epoch, epochs)
        metrics.append(made.step(batch(2 * epoch), batch(2 * epoch + 1)))
        alphas.append([a.detach().clone() for a in made.mixture.alphas])
    return metrics, alphas


def test_the_last_epoch_before_the_widening_is_judged_and_a_stop_stays(monkeypatch):
    made = told(monkeypatch, [1.0] * 9 + [3.0])  # the tenth ends the first stage
    metrics, alphas = played(made, 0, 13, 20)
    assert made.stage == 1
    assert made.early_stop.stopped
    assert made.early_stop.eigenvalues == [1.0] * 9 + [3.0]
    assert "val_loss" in metrics[9]
    for found in metrics[10:]:
        assert "val_loss" not in found
    assert metrics[10]["hessian_eigenvalue"] == 3.0
    assert "hessian_eigenvalue" not in metrics[11]
    # Epochs 5 to 9 are compared with 0 to 4, whose middle is epoch 2: before the pruning.
    assert all(torch.equal(a, b) for a, b in zip(made.mixture.alphas, alphas[2], strict=True))
    for label, alpha in zip(made.mixture.labels, alphas[2], strict=True):
        kept = made.mixture.kept[label]
        best = concentration(alpha).argsort(descending=True)[: len(kept)]
        assert sorted(best.tolist()) == sorted(kept)


@pytest.mark.parametrize("stopped_at", [7, 12])
def test_the_supernets_of_the_stages_are_judged_apart(monkeypatch, stopped_at):
    """The wider one is three times as sharp, and jumps by itself later."""
    values = [1.0] * 6 + [3.0] * 5 + [5.0] * 5
    made = told(monkeypatch, values)
    _, alphas = played(made, 0, 16, 12)  # beyond the end, so that there are ten in a stage
    assert not made.early_stop.stopped
    assert made.early_stop.eigenvalues == values[:15]
    made.begin_epoch(16, 12)
    assert made.early_stop.stopped
    # Compared are the second stage's epochs 11 to 15 and 6 to 10, whose middle is 8.
    assert all(torch.equal(a, b) for a, b in zip(made.mixture.alphas, alphas[8], strict=True))
    # A continuation in either stage ends alike.
    torch.manual_seed(4)
    half = told(monkeypatch, values)
    played(half, 0, stopped_at, 12)
    random, state = torch.get_rng_state(), half.state_dict()
    other = told(monkeypatch, values[stopped_at - 1 :])
    other.load_state_dict(state)
    other.load_optimizer_state(half.optimizer_state())
    torch.set_rng_state(random)
    played(other, stopped_at, 16, 12)
    other.begin_epoch(16, 12)
    assert digest(other) == digest(made)


def test_a_first_stage_that_is_only_measured_is_kept(monkeypatch):
    made = told(monkeypatch, [1.0] * 9 + [3.0] * 2, robust=False, hessian=True)
    played(made, 0, 12, 20)
    assert not made.early_stop.stopped
    assert made.early_stop.eigenvalues == [1.0] * 9 + [3.0] * 2
    assert made.early_stop.of_stage() == [3.0]  # epoch 10 has the first wider supernet


@pytest.mark.parametrize(("space", "kept"), [("darts", 4), ("nas-bench-201", 3)])
def test_the_second_stage_keeps_half_of_the_operations_rounded_up(space, kept):
    """4 of 8 (the authors: of 7, without none), and 3 of 5."""
    made = strategy(space, **STAGED)
    made.begin_epoch(2, 4)
    assert {len(places) for places in made.mixture.kept.values()} == {kept}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"anchor": -1.0}, "-o anchor=-1.0: must be at least 0"),
        ({"partial": 0}, "-o partial=0: must be at least 1"),
        ({"partial": 2, "widen": 3}, "-o widen=3: must be in [0, partial=2]"),
        ({"widen": -1}, "-o widen=-1"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UserError) as told:
        DrnasOptions(**options)
    assert words in str(told.value)


def test_channels_that_partial_does_not_divide_are_refused():
    with pytest.raises(UserError, match="partial=3"):
        strategy(partial=3)
