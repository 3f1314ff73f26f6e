"""Rank correlations with bootstrap intervals, and the verdict on a supernet.

Kendall, "The treatment of ties in ranking problems", Biometrika, 1945 (tau-b); Spearman, "The
proof and measurement of association between two things", 1904, with mean ranks at ties. Intervals
are percentiles over resampled pairs (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993,
chapter 13).

A resample is a row of counts, how often each pair was drawn, and every quantity is a sum over
pairs of pairs weighted by them. So all resamples are a few matrix products, and the result of one
row is exactly the coefficient of the resampled values, ties included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nasbench.measures import ACCURACY, Measure
from nasbench.ranking.options import FEWEST

RESAMPLES = 2000

SUPERNET = "supernet"
CEILING = "two seeds"
BASELINES = {
    "parameters": "counting parameters",
    "multiply-adds": "counting multiply-adds",
    "depth": "counting layers",
}

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with the ends of its interval; NaN if it is undefined."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return text such as ``0.31 [0.22, 0.40]``; a dash for an undefined number."""
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]" if self.known else "-"

    @property
    def known(self) -> bool:
        """Whether the number is defined."""
        return bool(np.isfinite(self.value))


class Resamples:
    """The data and its bootstrap resamples, shared by all scores that are compared.

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
        """Return Kendall's tau-b of the data and of every resample.

        Args:
            x: one value of each pair, shape ``(size,)``.
            y: the other one.

        Returns:
            Shape ``(1 + resamples,)``; NaN if all values on a side are equal.
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
    """Return the coefficient of the data with its percentile interval over the resamples.

    Undefined resamples are left out.

    Args:
        values: from :meth:`Resamples.tau` or :meth:`Resamples.rho`, or the difference of two of
            them, which is then paired; shape ``(1 + resamples,)``.
        level: coverage of the interval, in (0, 1).
    """
    drawn = values[1:][np.isfinite(values[1:])]
    if not np.isfinite(values[0]) or not len(drawn):
        return Estimate(*[float("nan")] * 3)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Estimate(float(values[0]), float(low), float(high))


def best(truth: ArrayLike, share: float = 0.1) -> NDArray[np.intp]:
    """Return the indices of the largest share of ``truth``; at a tie the first ones.

    Args:
        truth: shape ``(size,)``.
        share: rounded to a whole number of indices.
    """
    values = np.asarray(truth, dtype=np.float64)
    return np.argsort(-values, kind="stable")[: round(share * len(values))]


def _signs(values: ArrayLike) -> _Floats:
    """Return 1, 0 or -1 for the order of every pair of values, shape ``(size, size)``."""
    array = np.asarray(values, dtype=np.float64)
    signs: _Floats = np.sign(array[:, None] - array[None, :])
    return signs


def _ratio(both: _Floats, own: _Floats, other: _Floats) -> _Floats:
    scale = np.sqrt(own * other)
    nothing = np.full_like(both, np.nan)
    np.divide(both, scale, out=nothing, where=scale > 0)
    return nothing


@dataclass(frozen=True)
class Agreement:
    """Rank correlations of a score with the ground truth.

    Attributes:
        tau: Kendall's tau-b over all architectures.
        rho: Spearman's rho over all architectures.
        best_tau: Kendall's tau-b among the best tenth by ground truth.
        best_rho: Spearman's rho among them.
        ahead: tau of the supernet minus this tau, paired over resampled architectures.
    """

    tau: Estimate
    rho: Estimate
    best_tau: Estimate
    best_rho: Estimate
    ahead: Estimate

    def to_json(self) -> dict[str, list[float | None]]:
        """Return each as value, low and high; ``None`` for undefined numbers."""
        return {
            name: [number if np.isfinite(number) else None for number in (e.value, e.low, e.high)]
            for name, e in vars(self).items()
        }


def agreements(
    scores: Mapping[str, Sequence[float]], trainings: Sequence[Sequence[float]], seed: int
) -> dict[str, Agreement]:
    """Return the agreement of each score, and ``CEILING`` if every architecture has two trainings.

    Args:
        scores: by name, ``SUPERNET`` among them; one number for each architecture.
        trainings: results of the trainings of each architecture, at least one, of which more is
            better; their mean is the ground truth.
        seed: of the bootstrap, whose draws all scores share.
    """
    truth = np.array([np.mean(one) for one in trainings])
    pairs = {name: (np.asarray(score, dtype=float), truth) for name, score in scores.items()}
    if all(len(one) > 1 for one in trainings):
        first, second = (np.array([one[i] for one in trainings]) for i in (0, 1))
        pairs[CEILING] = first, second
    whole = _correlations(pairs, np.arange(len(truth)), seed)
    tenth = _correlations(pairs, best(truth), seed)
    found = {}
    for name in pairs:
        ahead = whole[SUPERNET][0] - whole[name][0]
        tau, rho, best_tau, best_rho, lead = map(estimate, (*whole[name], *tenth[name], ahead))
        found[name] = Agreement(tau, rho, best_tau, best_rho, lead)
    return found


def _correlations(
    pairs: Mapping[str, tuple[_Floats, _Floats]], places: NDArray[np.intp], seed: int
) -> dict[str, tuple[_Floats, _Floats]]:
    """Return tau and rho of the data and its resamples, NaN if there are too few places."""
    if len(places) < FEWEST:
        nothing = np.full(2, np.nan)
        return dict.fromkeys(pairs, (nothing, nothing))
    resamples = Resamples(len(places), seed=seed)
    return {
        name: (resamples.tau(x[places], y[places]), resamples.rho(x[places], y[places]))
        for name, (x, y) in pairs.items()
    }


def position(value: float, truth: Sequence[float], measure: Measure = ACCURACY) -> dict[str, Any]:
    """Return the position of a result among those of the samples.

    Args:
        value: the result.
        truth: those of the samples.
        measure: says which is better.

    Returns:
        ``result``; ``rank``, 1 if no sample is better; ``share`` of the samples that are worse;
        ``best``, the best result of a sample.
    """
    scores, own = np.array([measure.score(one) for one in truth]), measure.score(value)
    return {
        "result": value,
        "rank": 1 + int((scores > own).sum()),
        "share": float((scores < own).mean()),
        "best": measure.score(float(scores.max())),
    }


def verdict(found: Mapping[str, Agreement], size: int, words: str = "accuracy") -> str:
    """Return one line that says what is shown of the supernet's ranking.

    Something is shown if its 95 % interval excludes zero. The supernet is compared with chance,
    then with the best of the baselines by the interval of the paired difference.

    Args:
        found: the agreement of each score with the ground truth.
        size: the number of architectures.
        words: the metric.
    """
    own, among = found[SUPERNET], f"{size} architectures"
    if not own.tau.known:
        return f"the supernet gives all {among} the same {words}: it ranks nothing"
    chance = _compared(own.tau)
    if chance is None:
        return (
            "the supernet is not shown to rank better or worse than chance "
            f"(tau {own.tau}, {among})"
        )
    rivals = {name: one for name, one in found.items() if name in BASELINES and one.tau.known}
    if chance == "worse" or not rivals:
        return f"the supernet ranks {chance} than chance (tau {own.tau}, {among})"
    name = max(rivals, key=lambda one: rivals[one].tau.value)
    rival = rivals[name]
    against = f"{BASELINES[name]} (tau {own.tau} against {rival.tau}, {among})"
    word = _compared(rival.ahead)
    if word is None:
        return (
            "the supernet ranks better than chance, but is not shown to rank better or worse "
            f"than {against}"
        )
    if word == "better" and own.best_tau.known and (tenth := _compared(own.best_tau)) != "better":
        also = "worse than chance" if tenth else "not shown to rank better than chance"
        against += f", but {also} among the best tenth (tau {own.best_tau})"
    return f"the supernet ranks {word} than {against}"


def _compared(difference: Estimate) -> str | None:
    """Return ``"better"`` or ``"worse"``, ``None`` if neither is shown."""
    if difference.low > 0:
        return "better"
    return "worse" if difference.high < 0 else None
