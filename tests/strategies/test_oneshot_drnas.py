"""DrNAS: the Dirichlet rule against its moments, the anchor, and the two stages."""

from __future__ import annotations

import io
from typing import ClassVar

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
from nasbench.supernet.inherited_weights import net2wider
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, RandomData, advance, digest, make

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
    drawn = torch.stack([DirichletRule().sample("a", ALPHA).weights for _ in range(20_000)])
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
    drawn = [DirichletRule().sample("a", alpha).weights @ ahead for _ in range(20_000)]
    (found,) = torch.autograd.grad(torch.stack(drawn).mean(), alpha)
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


def test_the_anchor_is_the_squared_distance_to_the_uniform_distribution():
    made = strategy("nasbench.testing.supernets:Small", anchor=0.5)
    with torch.no_grad():
        for alpha in made.mixture.alphas:
            alpha.copy_(torch.linspace(-1, 1, len(alpha)))
    by_hand = 2 * ((1 / torch.e - 1) ** 2 + 0 + 1) + ((1 / torch.e - 1) ** 2 + 1)
    assert float(made.regularizer().detach()) == pytest.approx(0.5 * by_hand)


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
    supernets = PlainSupernets.named("darts")
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
    "space",
    [
        "nas-bench-201",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("darts", "mobilenet-skip")),
    ],
)
@pytest.mark.parametrize("stopped_at", [1, 3])
def test_it_continues_bit_for_bit_in_both_stages(space, stopped_at):
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
    other = make(DrnasStrategy, PlainSupernets.named(space), STAGED, seed=5)
    other.load_state_dict(state["s"])
    other.load_optimizer_state(state["o"])
    torch.set_rng_state(random)
    run(other, stopped_at, 4)
    assert digest(other) == digest(whole)
    assert other.select(RandomData()) == whole.select(RandomData())
    half.load_state_dict(strategy(space, **STAGED).state_dict())  # and back to the first stage
    assert half.stage == 0


def test_copied_channels_compute_what_the_narrow_ones_did():
    torch.manual_seed(0)
    narrow = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 2, 1))
    wide = nn.Sequential(nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 4, 1))
    narrow(torch.randn(4, 2, 5, 5))  # BN has statistics of its own
    wide.load_state_dict(net2wider(narrow.state_dict(), wide.state_dict()))
    x = torch.randn(3, 2, 5, 5)
    twice = [0, 1, 0, 1]
    with torch.no_grad():
        found, expected = wide.eval()(x[:, twice]), narrow.eval()(x)[:, twice]
    torch.testing.assert_close(found, expected)


def test_a_depthwise_kernel_is_copied_as_it_is():
    narrow, wide = nn.Conv2d(2, 2, 3, groups=2), nn.Conv2d(3, 3, 3, groups=3)
    found = net2wider(narrow.state_dict(), wide.state_dict())
    assert torch.equal(found["weight"], narrow.weight[[0, 1, 0]])


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
