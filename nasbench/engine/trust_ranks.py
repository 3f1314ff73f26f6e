"""How well scores of architectures rank them, and what to think of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.report.rank_correlation import Estimate, Resamples, best, estimate

SUPERNET = "supernet"
CEILING = "two seeds"
BASELINES = {
    "parameters": "counting parameters",
    "multiply-adds": "counting multiply-adds",
    "depth": "counting layers",
}
FEWEST = 10  # architectures; with fewer, bootstrap intervals are not to be trusted

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """How a score's order agrees with the truth's: all architectures, and the best tenth of them.

    Attributes:
        tau: Kendall's tau-b.
        rho: Spearman's rho.
        best_tau: among the best tenth by truth.
        best_rho: likewise.
        ahead: by how much the supernet's tau is higher, paired over resampled architectures.
    """

    tau: Estimate
    rho: Estimate
    best_tau: Estimate
    best_rho: Estimate
    ahead: Estimate

    def to_json(self) -> dict[str, list[float | None]]:
        """Return each as value, low and high; ``None`` for what is not defined."""
        return {
            name: [number if np.isfinite(number) else None for number in (e.value, e.low, e.high)]
            for name, e in vars(self).items()
        }


def agreements(
    scores: Mapping[str, Sequence[float]], trainings: Sequence[Sequence[float]], seed: int
) -> dict[str, Agreement]:
    """Return how each score ranks, and ``CEILING`` where there are two trainings of each.

    Args:
        scores: by name, ``SUPERNET`` among them; one number for each architecture.
        trainings: accuracies of each architecture's own trainings, at least one; the truth is
            their mean.
        seed: of the bootstrap, whose draws all scores share.
    """
    truth = np.array([np.mean(one) for one in trainings])
    every, top = np.arange(len(truth)), best(truth)
    pairs = {name: (np.asarray(score, dtype=float), truth) for name, score in scores.items()}
    if all(len(one) > 1 for one in trainings):
        first, second = (np.array([one[i] for one in trainings]) for i in (0, 1))
        pairs[CEILING] = first, second
    whole, tenth = _taus(pairs, every, seed), _taus(pairs, top, seed)
    found = {}
    for name in pairs:
        ahead = whole[SUPERNET][0] - whole[name][0]
        tau, rho, best_tau, best_rho, lead = map(estimate, (*whole[name], *tenth[name], ahead))
        found[name] = Agreement(tau, rho, best_tau, best_rho, lead)
    return found


def _taus(
    pairs: Mapping[str, tuple[_Floats, _Floats]], places: NDArray[np.intp], seed: int
) -> dict[str, tuple[_Floats, _Floats]]:
    """Return tau and rho of the data and its resamples, NaN where there are too few places."""
    if len(places) < FEWEST:
        nothing = np.full(2, np.nan)
        return dict.fromkeys(pairs, (nothing, nothing))
    resamples = Resamples(len(places), seed=seed)
    return {
        name: (resamples.tau(x[places], y[places]), resamples.rho(x[places], y[places]))
        for name, (x, y) in pairs.items()
    }


def standing(accuracy: float, truth: Sequence[float]) -> dict[str, Any]:
    """Return where an accuracy stands among those of the samples.

    Returns:
        ``accuracy``; ``rank``, 1 where no sample is better; ``share`` of the samples that are
        worse; ``best``, the largest accuracy of a sample.
    """
    values = np.asarray(truth)
    return {
        "accuracy": accuracy,
        "rank": 1 + int((values > accuracy).sum()),
        "share": float((values < accuracy).mean()),
        "best": float(values.max()),
    }


def verdict(found: Mapping[str, Agreement]) -> str:
    """Return in a line whether the supernet's order is worth anything.

    It is held against the best of the baselines, by the interval of the paired difference.
    """
    own = found[SUPERNET]
    if not own.tau.known:
        return "the supernet gives all architectures the same accuracy: it ranks nothing"
    if own.tau.low <= 0:
        word = "worse" if own.tau.high < 0 else "no better"
        return f"the supernet ranks {word} than chance (tau {own.tau})"
    rivals = {name: one for name, one in found.items() if name in BASELINES and one.tau.known}
    if not rivals:
        return f"the supernet ranks better than chance (tau {own.tau})"
    name = max(rivals, key=lambda one: rivals[one].tau.value)
    rival = rivals[name]
    against = f"{BASELINES[name]} (tau {own.tau} against {rival.tau})"
    if rival.ahead.low > 0:
        return f"the supernet ranks better than {against}{_at_the_top(own)}"
    word = "worse" if rival.ahead.high < 0 else "no better"
    return f"the supernet ranks {word} than {against}"


def _at_the_top(own: Agreement) -> str:
    if not own.best_tau.known or own.best_tau.low > 0:
        return ""
    return f", but no better than chance among the best tenth (tau {own.best_tau})"
