"""Rank correlations with bootstrap intervals.

Kendall, "The treatment of ties in ranking problems", Biometrika, 1945 (tau-b); Spearman, "The
proof and measurement of association between two things", 1904, with mean ranks at ties. Intervals
are percentiles over resampled pairs (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 13).

A resample is a row of counts, how often each pair was drawn, and every quantity is a sum over
pairs of pairs weighted by them. So all resamples are a few matrix products, and what is computed
for one row is exactly the coefficient of the resampled values, ties included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number and the ends of its interval; NaN where it is not defined."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return such as ``0.31 [0.22, 0.40]``; a dash where there is no number."""
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]" if self.known else "-"

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return bool(np.isfinite(self.value))


class Resamples:
    """The data as it is, and so many resamples of it, the same for whatever is compared.

    Args:
        size: pairs in the data, at least 2.
        resamples: bootstrap draws, at least 1.
        seed: the same seed gives the same draws.

    Raises:
        ValueError: there are fewer than 2 pairs.
    """

    def __init__(self, size: int, resamples: int = RESAMPLES, seed: int = 0) -> None:
        if size < 2:
            raise ValueError(f"{size} pairs have no rank correlation: at least 2")
        draws = np.random.default_rng(seed).multinomial(size, [1 / size] * size, size=resamples)
        self._counts = np.vstack([np.ones(size), draws]).astype(np.float64)

    def tau(self, x: ArrayLike, y: ArrayLike) -> _Floats:
        """Return Kendall's tau-b of the data and then of every resample.

        Args:
            x: one value of each pair, shape ``(size,)``.
            y: the other one.

        Returns:
            Shape ``(1 + resamples,)``; NaN where all values on a side are equal.
        """
        ours, theirs = _signs(x), _signs(y)
        both = self._pairs(ours * theirs)
        return _ratio(both, self._pairs(np.abs(ours)), self._pairs(np.abs(theirs)))

    def rho(self, x: ArrayLike, y: ArrayLike) -> _Floats:
        """Return Spearman's rho; arguments and result as in :meth:`tau`."""
        # The sum of an element's signs against all others is twice its rank less the mean rank.
        ours, theirs = self._counts @ _signs(x).T, self._counts @ _signs(y).T
        weights = self._counts
        products = ((ours * theirs), ours**2, theirs**2)
        both, own, other = ((weights * product).sum(axis=1) for product in products)
        return _ratio(both, own, other)

    def _pairs(self, matrix: _Floats) -> _Floats:
        """Return the sum over ordered pairs of elements, shape ``(1 + resamples,)``."""
        summed: _Floats = ((self._counts @ matrix) * self._counts).sum(axis=1)
        return summed


def estimate(values: _Floats, level: float = 0.95) -> Estimate:
    """Return what the data says, ``values[0]``, and the interval over the resamples after it.

    Resamples without a number are left out.

    Args:
        values: of :meth:`Resamples.tau` or :meth:`Resamples.rho`, or a difference of two of them,
            which is paired then; shape ``(1 + resamples,)``.
        level: the interval's coverage, in (0, 1).
    """
    drawn = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or not len(drawn):
        return Estimate(*[float("nan")] * 3)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(values[0]), float(low), float(high))


def best(truth: ArrayLike, share: float = 0.1) -> NDArray[np.intp]:
    """Return the places of the largest share of ``truth``, the first ones at a tie.

    Args:
        truth: shape ``(size,)``.
        share: rounded to a whole number of places.
    """
    values = np.asarray(truth, dtype=np.float64)
    return np.argsort(-values, kind="stable")[: round(share * len(values))]


def _signs(values: ArrayLike) -> _Floats:
    """Return 1, 0 or -1 for how every value stands to every other, shape ``(size, size)``."""
    array = np.asarray(values, dtype=np.float64)
    signs: _Floats = np.sign(array[:, None] - array[None, :])
    return signs


def _ratio(both: _Floats, own: _Floats, other: _Floats) -> _Floats:
    scale = np.sqrt(own * other)
    nothing = np.full_like(both, np.nan)
    np.divide(both, scale, out=nothing, where=scale > 0)
    return nothing
