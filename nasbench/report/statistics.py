"""Bootstrap intervals for results that vary over search seeds and, within them, retrain seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Groups = Sequence[Sequence[float]]
"""One inner sequence per search seed, one value in it per retrain seed; sizes may differ."""

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

    Arguments, result and errors are those of :func:`bootstrap_interval`; the result is
    ``None`` when either side holds a single value.
    """
    _check(ours)
    _check(theirs)
    if is_single(ours) or is_single(theirs):
        return None
    first, second = np.random.default_rng(seed).spawn(2)
    means = _resampled_means(ours, resamples, first) - _resampled_means(theirs, resamples, second)
    return _percentiles(means, level)


def is_single(groups: Groups) -> bool:
    """Return whether the groups hold one value in all."""
    return sum(len(group) for group in groups) == 1


def _resampled_means(groups: Groups, resamples: int, rng: np.random.Generator) -> _Floats:
    """Return bootstrapped means of group means, shape ``(resamples,)``."""
    sizes = np.array([len(group) for group in groups])
    values = np.zeros((len(groups), sizes.max()))  # ragged groups, padded on the right
    for row, group in enumerate(groups):
        values[row, : len(group)] = group
    drawn = rng.integers(len(groups), size=(resamples, len(groups)))
    counts = sizes[drawn][..., None]  # (resamples, groups, 1)
    within = (rng.random((*drawn.shape, sizes.max())) * counts).astype(np.intp)
    kept = np.arange(sizes.max()) < counts  # a drawn group gives as many values as it holds
    sums = np.where(kept, values[drawn[..., None], within], 0.0).sum(axis=2)
    means: _Floats = (sums / counts[..., 0]).mean(axis=1)
    return means


def _percentiles(means: _Floats, level: float) -> tuple[float, float]:
    if not 0.0 < level < 1.0:
        raise ValueError(f"level {level} is not between 0 and 1")
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _check(groups: Groups) -> None:
    if not groups or any(len(group) == 0 for group in groups):
        raise ValueError("a bootstrap needs at least one group, and a value in each")
