"""How well scores order results: Kendall's tau, Spearman's rho, nDCG; with bootstrap intervals.

A measure takes the counts of how often each architecture is drawn, so that all resamples of a
bootstrap are computed together: ``W`` has the shape ``(resamples, n)``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Measure = Callable[[Floats, Floats, Floats], Floats]
"""Scores ``(n,)``, results ``(n,)`` and counts ``(resamples, n)`` to values ``(resamples,)``."""


def kendall(scores: Floats, results: Floats, counts: Floats | None = None) -> Floats:
    """Return Kendall's tau-b; 0 if one side is constant. Scores may be -inf."""
    w = _counts(results, counts)
    ours, theirs = (np.sign(one[:, None] - one) for one in (_places(scores), _places(results)))

    def pairs(signs: Floats) -> Floats:
        return np.asarray(((w @ signs) * w).sum(axis=1))

    return _ratio(pairs(ours * theirs), np.sqrt(pairs(np.abs(ours)) * pairs(np.abs(theirs))))


def spearman(scores: Floats, results: Floats, counts: Floats | None = None) -> Floats:
    """Return Spearman's rho; 0 if one side is constant. Scores may be -inf."""
    w = _counts(results, counts)
    x, y = (_ranks(_places(one), w) for one in (scores, results))
    x, y = (one - (w * one).sum(axis=1, keepdims=True) / len(results) for one in (x, y))
    spread = np.sqrt((w * x * x).sum(axis=1) * (w * y * y).sum(axis=1))
    return _ratio((w * x * y).sum(axis=1), spread)


def ndcg(scores: Floats, results: Floats, counts: Floats | None = None, *, k: int) -> Floats:
    """Return the normalized discounted cumulative gain of the best ``k`` by score.

    The gain of a result grows linearly from 0 for the worst to 1 for the best (Järvelin and
    Kekäläinen, 2002). Equal scores share the mean of their gains, as in scikit-learn; they may be
    -inf, which ranks last.
    """
    rows = np.arange(len(results))
    every = _counts(results, counts).astype(np.int64)
    drawn = (np.repeat(rows, w) for w in every)
    return np.array([_ndcg(scores[one], results[one], k) for one in drawn])


def _ndcg(scores: Floats, results: Floats, k: int) -> float:
    spread = np.ptp(results)
    gains = (results - results.min()) / spread if spread else np.ones_like(results)
    discounts = np.zeros(len(results))
    first = min(k, len(results))
    discounts[:first] = 1 / np.log2(np.arange(2, first + 2))
    _, group, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    means = np.bincount(group, weights=gains) / sizes
    ends = np.cumsum(sizes)
    sums = np.concatenate(([0.0], np.cumsum(discounts)))
    found = (means * (sums[ends] - sums[ends - sizes])).sum()
    return float(found / (np.sort(gains)[::-1] * discounts).sum())


def mean_and_interval(
    measure: Measure, scores: Floats, results: Floats, resamples: int = 1000, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the mean over the seeds, and its percentile bootstrap interval over architectures.

    Args:
        measure: of scores and results.
        scores: of each seed, shape ``(seeds, n)``.
        results: shape ``(n,)``.
        resamples: bootstrap draws, at least 1.
        level: the interval's coverage, in (0, 1).
    """
    n = len(results)
    drawn = np.random.default_rng(0).multinomial(n, [1 / n] * n, size=resamples).astype(float)
    mean = np.mean([measure(one, results, np.ones((1, n)))[0] for one in scores])
    every = np.mean([measure(one, results, drawn) for one in scores], axis=0)
    low, high = np.quantile(every, [(1 - level) / 2, (1 + level) / 2])
    return float(mean), float(low), float(high)


def _counts(results: Floats, counts: Floats | None) -> Floats:
    return np.ones((1, len(results))) if counts is None else counts


def _places(values: Floats) -> Floats:
    """Return finite numbers in the same order."""
    return np.unique(values, return_inverse=True)[1].astype(np.float64)


def _ranks(places: Floats, w: Floats) -> Floats:
    """Return the rank of each in each resample; ties share the mean. Shape ``(resamples, n)``."""
    below = (places[:, None] < places).astype(np.float64)
    equal = (places[:, None] == places).astype(np.float64)
    return np.asarray(w @ below + (w @ equal + 1) / 2)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.zeros_like(above), where=below > 1e-12)
