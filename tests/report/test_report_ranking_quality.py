"""Rank correlations and nDCG, against scipy, scikit-learn and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import ndcg_score

from nasbench.report.ranking_quality import kendall, mean_and_interval, ndcg, spearman


def cases(ties: bool, n: int = 20):
    stream = np.random.default_rng(4)
    for _ in range(n):
        scores = stream.integers(6, size=30).astype(float) if ties else stream.random(30)
        yield scores, stream.random(30).round(1 if ties else 9)


@pytest.mark.parametrize("k", [1, 10, 50])
@pytest.mark.parametrize("ties", [False, True])
def test_ndcg_agrees_with_scikit_learn(k, ties):
    for scores, results in cases(ties):
        gains = (results - results.min()) / np.ptp(results)
        expected = ndcg_score([gains], [scores], k=k)
        assert ndcg(scores, results, k=k) == pytest.approx([expected])


@pytest.mark.parametrize("ties", [False, True])
def test_correlations_agree_with_scipy(ties):
    for scores, results in cases(ties):
        assert kendall(scores, results) == pytest.approx(
            [stats.kendalltau(scores, results).statistic]
        )
        assert spearman(scores, results) == pytest.approx(
            [stats.spearmanr(scores, results).statistic]
        )


def test_resamples_are_those_of_the_drawn_rows():
    stream = np.random.default_rng(1)
    ((scores, results),) = cases(True, 1)
    counts = stream.multinomial(30, [1 / 30] * 30, size=5).astype(float)
    for i, count in enumerate(counts):
        rows = np.repeat(np.arange(30), count.astype(int))
        ours, theirs = scores[rows], results[rows]
        assert kendall(scores, results, counts)[i] == pytest.approx(
            stats.kendalltau(ours, theirs).statistic
        )
        assert spearman(scores, results, counts)[i] == pytest.approx(
            stats.spearmanr(ours, theirs).statistic
        )
        assert ndcg(scores, results, counts, k=5)[i] == pytest.approx(
            ndcg_score([(theirs - theirs.min()) / np.ptp(theirs)], [ours], k=5)
        )


def test_undefined_scores_rank_last_and_constants_tell_nothing():
    results = np.arange(5.0)
    swapped = np.array([1.0, 0.0, 2.0, 3.0, 4.0])
    assert kendall(swapped, results) == pytest.approx([0.8])  # one of ten pairs
    assert spearman(swapped, results) == pytest.approx([1 - 6 * 2 / (5 * 24)])
    assert kendall(np.array([-np.inf, 1, 2, 3, 4]), results) == pytest.approx([1])
    assert ndcg(np.array([-np.inf, 1, 2, 3, 4]), results, k=3) == pytest.approx([1])
    for constant in (np.ones(5), np.full(5, -np.inf)):
        assert kendall(constant, results) == spearman(constant, results) == [0]


def test_the_interval_is_that_of_the_mean_over_seeds():
    stream = np.random.default_rng(0)
    results = stream.random(80)
    scores = np.stack([results + stream.normal(0, 0.2, 80) for _ in range(3)])
    mean, low, high = mean_and_interval(spearman, scores, results)
    assert mean == pytest.approx(
        np.mean([stats.spearmanr(one, results).statistic for one in scores])
    )
    assert low < mean < high < low + 0.3
