"""Draws by the Gumbel trick against the distributions that they stand for."""

from __future__ import annotations

import pytest
import torch

from nasbench.supernet.mixing_weights import (
    HardGumbel,
    SoftGumbel,
    search_progress,
)

ALPHA = torch.tensor([0.3, -1.2, 0.9, 0.0], dtype=torch.float64)


def draws(rule, times, alpha=ALPHA):
    found = []
    for _ in range(times):
        rule.begin({"a": alpha, "b": alpha[:2]})
        found.append(rule.sample("a", alpha))
    return found


def noise_of(seed, n):
    """Return the noise that the global stream gives next."""
    torch.manual_seed(seed)
    return -torch.empty(n, dtype=torch.float64).exponential_().log()


def test_hard_draws_come_as_often_as_the_softmax_says():
    torch.manual_seed(0)
    taken = [mixed.running[0] for mixed in draws(HardGumbel(1.0), 4000)]
    shares = torch.bincount(torch.tensor(taken), minlength=4) / 4000
    assert torch.allclose(shares.double(), ALPHA.softmax(0), atol=0.03)


def test_the_noise_has_the_moments_of_the_gumbel_distribution():
    torch.manual_seed(0)
    rule, flat = SoftGumbel(1.0), torch.zeros(20_000, dtype=torch.float64)
    rule.begin({"a": flat})
    weights = rule.sample("a", flat).weights
    noise = weights.log() - weights.log().mean()  # up to a constant
    assert float(noise.var()) == pytest.approx(torch.pi**2 / 6, rel=0.05)


def test_a_soft_sample_is_the_papers_formula():
    rule = SoftGumbel(0.5)
    torch.manual_seed(3)
    rule.begin({"a": ALPHA, "b": ALPHA[:2]})
    g = noise_of(3, 6)
    scores = ALPHA.log_softmax(0) + g[:4]  # the papers' form, with the logarithm of softmax
    expected = (scores / 0.5).exp() / (scores / 0.5).exp().sum()
    assert torch.allclose(rule.sample("a", ALPHA).weights, expected)
    other = ((ALPHA[:2] + g[4:]) / 0.5).softmax(0)
    assert torch.allclose(rule.sample("b", ALPHA[:2]).weights, other)
    assert rule.sample("a", ALPHA).running is None


def test_a_hard_sample_is_exactly_one_hot_with_the_soft_gradient():
    alpha = ALPHA.clone().requires_grad_()
    rule = HardGumbel(0.7)
    torch.manual_seed(5)
    rule.begin({"a": alpha})
    mixed = rule.sample("a", alpha)
    g = noise_of(5, 4)
    (place,) = mixed.running
    assert place == int((ALPHA + g).argmax())
    assert mixed.weights.tolist() == [float(i == place) for i in range(4)]
    ahead = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    (found,) = torch.autograd.grad((mixed.weights * ahead).sum(), alpha)
    soft = ((ALPHA + g) / 0.7).softmax(0)
    expected = soft * (ahead - (soft * ahead).sum()) / 0.7  # the softmax's derivative by hand
    assert torch.allclose(found, expected)


def test_all_sites_of_a_label_share_the_draw():
    rule = HardGumbel(1.0)
    torch.manual_seed(0)
    rule.begin({"a": ALPHA})
    first, second = rule.sample("a", ALPHA), rule.sample("a", ALPHA)
    assert first.running == second.running
    assert torch.equal(first.weights, second.weights)


def test_low_temperatures_make_samples_sharp_and_high_ones_flat():
    torch.manual_seed(0)
    sharp = torch.stack([m.weights for m in draws(SoftGumbel(0.01), 100)]).amax(1)
    flat = torch.stack([m.weights for m in draws(SoftGumbel(100.0), 100)]).amax(1)
    assert sharp.mean() > 0.98
    assert flat.max() < 0.35


def test_the_first_epoch_is_0_and_the_last_is_1():
    assert [search_progress(e, 5) for e in range(5)] == [0, 0.25, 0.5, 0.75, 1]
    assert search_progress(0, 1) == 0
