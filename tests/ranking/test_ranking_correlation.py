"""Rank correlations and their intervals, against scipy and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.ranking.correlation import Resamples, best, estimate


def tied(seed, size=30, values=8):
    rng = np.random.default_rng(seed)
    x = rng.integers(values, size=size).astype(float)
    return x, x + rng.integers(-3, 4, size=size)


def drawn(resamples, row):
    """The places that a resample drew."""
    counts = resamples._counts[row].astype(int)
    return np.repeat(np.arange(len(counts)), counts)


@pytest.mark.parametrize("seed", range(5))
def test_data_and_resamples_agree_with_scipy(seed):
    stats = pytest.importorskip("scipy.stats")
    x, y = tied(seed)
    resamples = Resamples(len(x), 20, seed)
    taus, rhos = resamples.tau(x, y), resamples.rho(x, y)
    assert taus.shape == rhos.shape == (21,)
    for row in range(21):
        places = drawn(resamples, row)
        assert len(places) == len(x)
        assert taus[row] == pytest.approx(stats.kendalltau(x[places], y[places])[0], abs=1e-12)
        assert rhos[row] == pytest.approx(stats.spearmanr(x[places], y[places])[0], abs=1e-12)


def test_tau_b_by_hand():
    # Pairs: 4 concordant, 1 discordant, 1 tied in x alone.
    x, y = [1, 2, 2, 3], [1, 3, 2, 2.5]
    assert Resamples(4, 1).tau(x, y)[0] == pytest.approx((4 - 1) / np.sqrt(5 * 6))


def test_the_order_alone_counts():
    x, y = tied(0)
    resamples = Resamples(len(x), 5)
    assert np.array_equal(resamples.tau(np.exp(x), y), resamples.tau(x, y))
    assert np.allclose(resamples.rho(np.exp(x), y), resamples.rho(x, y))
    assert np.allclose(resamples.tau(-x, y), -resamples.tau(x, y))


def test_perfect_agreement_has_no_spread():
    found = estimate(Resamples(20).tau(range(20), range(20)))
    assert (found.value, found.low, found.high) == (1, 1, 1)
    assert str(found) == "1.00 [1.00, 1.00]"


def test_an_interval_holds_the_true_value_as_often_as_it_says():
    # Of independent values, whose tau is 0.
    rng = np.random.default_rng(0)
    inside = 0
    for seed in range(300):
        one = estimate(Resamples(60, 300, seed).tau(rng.normal(size=60), rng.normal(size=60)))
        inside += one.low <= 0 <= one.high
    assert 0.91 <= inside / 300 <= 0.99


def test_a_paired_difference_is_narrower_than_its_parts():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=100)
    x = truth + rng.normal(size=100)
    y = x + 0.01 * rng.normal(size=100)
    resamples = Resamples(100)
    ours, theirs = resamples.tau(x, truth), resamples.tau(y, truth)
    alone, paired = estimate(ours), estimate(ours - theirs)
    assert paired.high - paired.low < 0.2 * (alone.high - alone.low)


def test_the_same_seed_gives_the_same_interval():
    x, y = tied(3)
    assert estimate(Resamples(30, 50, 1).tau(x, y)) == estimate(Resamples(30, 50, 1).tau(x, y))
    assert estimate(Resamples(30, 50, 1).tau(x, y)) != estimate(Resamples(30, 50, 2).tau(x, y))


def test_equal_values_have_no_correlation():
    found = estimate(Resamples(5, 10).tau([1] * 5, range(5)))
    assert not found.known
    assert str(found) == "-"


def test_one_pair_is_too_few():
    with pytest.raises(ValueError, match="at least 2"):
        Resamples(1)


def test_the_best_tenth():
    assert best(np.arange(40)).tolist() == [39, 38, 37, 36]
    assert best([1, 1, 0, 1], 0.5).tolist() == [0, 1]
    assert best([3, 2]).tolist() == []
