"""Bootstrap intervals for results that vary over search seeds and, within them, retrain seeds.

All are percentile intervals (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 13).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Groups = Sequence[Sequence[float]]
"""One inner sequence per search seed, one value in it per retrain seed; sizes may differ."""

FEWEST_PAIRS = 5
"""Search seeds below which no difference is called one, whatever its interval.

An interval over fewer pairs excludes zero too often between equal methods: in about 1 of 4 cases
with 3 pairs, and in every second one with 2.
"""

_Floats = NDArray[np.float64]


def mean_of_means(groups: Groups) -> float:
    """Return the mean of the groups' means, so that every search seed weighs the same.

    Raises:
        ValueError: there is no group, or one of them is empty.
    """
    _check(groups)
    return float(np.mean([np.mean(group) for group in groups]))


def bootstrap_interval(
    groups: Groups, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float] | None:
    """Return the hierarchical percentile bootstrap interval of :func:`mean_of_means`.

    Each resample draws as many groups as there are, with replacement, and then as many values
    as each drawn group holds, with replacement. With one group only its values are redrawn.

    Args:
        groups: values per search seed.
        level: the interval's coverage, in (0, 1).
        resamples: bootstrap draws, at least 1.
        seed: the same seed gives the same interval.

    Returns:
        Lower and upper end in the values' unit, or ``None`` for a single value, which has no
        spread to show.

    Raises:
        ValueError: there is no group, one of them is empty, or ``level`` is out of range.
    """
    _check(groups)
    if is_single(groups):
        return None
    return _percentiles(_resampled_means(groups, resamples, np.random.default_rng(seed)), level)


def difference_interval(
    ours: Groups, theirs: Groups, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float] | None:
    """Return the interval of ``mean(ours) - mean(theirs)`` from two independent bootstraps.

    Args:
        ours: values per search seed.
        theirs: values per search seed; the seeds need not be the same.
        level: the interval's coverage, in (0, 1).
        resamples: bootstrap draws, at least 1.
        seed: the same seed gives the same interval.

    Returns:
        Lower and upper end, or ``None`` if either side holds a single value.

    Raises:
        ValueError: as in :func:`bootstrap_interval`.
    """
    _check(ours)
    _check(theirs)
    if is_single(ours) or is_single(theirs):
        return None
    first, second = np.random.default_rng(seed).spawn(2)
    means = _resampled_means(ours, resamples, first) - _resampled_means(theirs, resamples, second)
    return _percentiles(means, level)


def paired_interval(
    ours: Groups, theirs: Groups, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[float, float] | None:
    """Return the interval of ``mean(ours) - mean(theirs)`` where the groups belong together.

    Each resample draws as many pairs of groups as there are, with replacement and the same for
    both sides, and then, within each drawn pair, the values of either side on their own. So
    the effect of a search seed on both sides, such as its data split, cancels out.

    Args:
        ours: values per search seed.
        theirs: values of the same search seeds, in the same order.
        level: the interval's coverage, in (0, 1).
        resamples: bootstrap draws, at least 1.
        seed: the same seed gives the same interval.

    Returns:
        Lower and upper end, or ``None`` for a single pair, which shows no spread over seeds.

    Raises:
        ValueError: the sides differ in their numbers of groups, or as in
            :func:`bootstrap_interval`.
    """
    _check(ours)
    _check(theirs)
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} groups cannot be paired with {len(theirs)}")
    if len(ours) == 1:
        return None
    joint, first, second = np.random.default_rng(seed).spawn(3)
    drawn = joint.integers(len(ours), size=(resamples, len(ours)))
    means = _means_of_drawn(ours, drawn, first) - _means_of_drawn(theirs, drawn, second)
    return _percentiles(means, level)


def bootstrap_band(
    values: _Floats, level: float = 0.95, resamples: int = 10_000, seed: int = 0
) -> tuple[_Floats, _Floats]:
    """Return the interval of every column's mean, all from the same draws of rows.

    Args:
        values: one row per seed, one column per point of a curve, shape ``(seeds, points)``.
        level: the interval's coverage, in (0, 1).
        resamples: bootstrap draws, at least 1.
        seed: the same seed gives the same band.

    Returns:
        Lower and upper ends, each of shape ``(points,)``; NaN in a column that holds a NaN, and
        everywhere for a single row, which has no spread to show.

    Raises:
        ValueError: there is no row, or ``level`` is out of range.
    """
    rows, points = values.shape
    if rows == 0:
        raise ValueError("a bootstrap needs at least one row")
    if rows == 1:
        nothing = np.full(points, np.nan)
        return nothing, nothing
    counts = _counts(rows, resamples, seed)
    # Anytime curves are step functions: most columns repeat another one and share its ends.
    different, places = np.unique(values, axis=1, return_inverse=True)
    low, high = _quantiles(counts @ different / rows, level)
    return low[places.ravel()], high[places.ravel()]


@lru_cache(maxsize=8)
def _counts(rows: int, resamples: int, seed: int) -> NDArray[np.int64]:
    """Return how often each row is drawn in each resample: the same for all curves of a board."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(rows, [1 / rows] * rows, size=resamples)


def is_single(groups: Groups) -> bool:
    """Return whether the groups hold one value in all."""
    return sum(len(group) for group in groups) == 1


def _resampled_means(groups: Groups, resamples: int, rng: np.random.Generator) -> _Floats:
    """Return bootstrapped means of group means, shape ``(resamples,)``."""
    drawn = rng.integers(len(groups), size=(resamples, len(groups)))
    return _means_of_drawn(groups, drawn, rng)


def _means_of_drawn(groups: Groups, drawn: NDArray[np.int64], rng: np.random.Generator) -> _Floats:
    """Return the mean of the drawn groups' means, their values redrawn, one for each row.

    Args:
        groups: values per group.
        drawn: indices of groups, shape ``(resamples, len(groups))``.
        rng: draws the values within each group.
    """
    sizes = np.array([len(group) for group in groups])
    if sizes.max() == 1:  # nothing to redraw within a group: the draws below change nothing
        alone: _Floats = np.array(groups)[drawn, 0].mean(axis=1)
        return alone
    values = np.zeros((len(groups), sizes.max()))  # ragged groups, padded on the right
    for row, group in enumerate(groups):
        values[row, : len(group)] = group
    counts = sizes[drawn][..., None]  # (resamples, groups, 1)
    within = (rng.random((*drawn.shape, sizes.max())) * counts).astype(np.intp)
    kept = np.arange(sizes.max()) < counts  # a drawn group gives as many values as it holds
    sums = np.where(kept, values[drawn[..., None], within], 0.0).sum(axis=2)
    means: _Floats = (sums / counts[..., 0]).mean(axis=1)
    return means


def _percentiles(means: _Floats, level: float) -> tuple[float, float]:
    low, high = _quantiles(means, level)
    return float(low), float(high)


def _quantiles(means: _Floats, level: float) -> tuple[_Floats, _Floats]:
    """Return the interval's ends along the first axis."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level {level} is not between 0 and 1")
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def _check(groups: Groups) -> None:
    if not groups or any(len(group) == 0 for group in groups):
        raise ValueError("a bootstrap needs at least one group, and a value in each")


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the t-interval of the mean of normally distributed values.

    The folds of a cross-validation share training images, so the variance of their mean is
    underestimated somewhat (Bengio and Grandvalet, JMLR 2004).

    Args:
        values: at least two.
        level: the interval's coverage, in (0, 1).

    Raises:
        ValueError: there are fewer than two values.
    """
    from scipy import stats  # a second of imports, for the end of a run

    if len(values) < 2:
        raise ValueError("a t-interval needs at least two values")
    middle, error = float(np.mean(values)), float(stats.sem(values))
    reach = error * float(stats.t.ppf((1 + level) / 2, len(values) - 1))
    return middle - reach, middle + reach
