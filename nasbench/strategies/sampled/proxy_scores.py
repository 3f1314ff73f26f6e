"""Scores of zero-cost proxies, for the strategies that use them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nasbench.errors import UserError
from nasbench.proxies.aggregation import members, ranks, values
from nasbench.space import Arch
from nasbench.strategies.sampled.base import SampledContext

LIMIT = 3.0
Scores = npt.NDArray[np.float64]


class ProxyScores:
    """The scores of one or several proxies.

    Args:
        option: the name of the strategy's option, for errors.
        names: proxies, separated by commas; each may aggregate several with plus signs between
            them, or by name.
        context: the context of the search, which computes the scores.

    Raises:
        UserError: no proxy is named, or the search has no networks to score.
    """

    def __init__(self, option: str, names: str, context: SampledContext) -> None:
        self.names = split(option, names)
        if context.proxy is None:
            raise UserError(
                f"-o {option}={names}: a proxy looks at networks, and this search has none: "
                "it must train what it proposes"
            )
        self._score = context.proxy

    def scores(self, archs: Sequence[Arch]) -> Scores:
        """Return the score or aggregate by every name, shape ``(architectures, names)``.

        -inf where a proxy has none. An aggregate ranks ``archs`` among themselves.
        """
        single = members(self.names)
        columns = dict(zip(single, self.singles(archs).T, strict=True))
        return np.stack([values(name, columns) for name in self.names], axis=1)

    def singles(self, archs: Sequence[Arch]) -> Scores:
        """Return the scores of single proxies, shape ``(architectures, proxies)``.

        They are those that :attr:`names` name or aggregate, each once.
        """
        single = members(self.names)
        rows = [[self._score(name, arch) for name in single] for arch in archs]
        found = np.array(rows, dtype=np.float64).reshape(len(archs), len(single))
        return np.where(np.isnan(found), -np.inf, found)

    def ranked(self, archs: Sequence[Arch]) -> list[Arch]:
        """Return the architectures, the best mean rank first; the earlier one at a tie."""
        order = mean_ranks(self.scores(archs)).argsort(kind="stable")
        return [archs[number] for number in order]


class ProxyFeatures:
    """Standardized scores, for predictors, clipped to ``LIMIT`` standard deviations.

    An aggregate gives the scores of its proxies: its own values depend on the other networks.

    Args:
        promise: the proxies.
    """

    def __init__(self, promise: ProxyScores) -> None:
        self._proxies = promise
        self._mean = np.zeros(len(members(promise.names)))
        self._std = np.ones(len(members(promise.names)))

    def fit(self, archs: Sequence[Arch]) -> None:
        """Take mean and standard deviation from ``archs``; scores of -inf are left out."""
        for number, column in enumerate(self._proxies.singles(archs).T):
            known = column[np.isfinite(column)]
            self._mean[number] = known.mean() if known.size else 0.0
            self._std[number] = (known.std() if known.size else 0.0) or 1.0

    def __call__(self, archs: Sequence[Arch]) -> npt.NDArray[np.float32]:
        """Return the features, shape ``(architectures, proxies)``, within ``LIMIT``."""
        scaled = (self._proxies.singles(archs) - self._mean) / self._std
        return np.clip(scaled, -LIMIT, LIMIT).astype(np.float32)


def split(option: str, names: str) -> tuple[str, ...]:
    """Return the names in ``names``, each once.

    Raises:
        UserError: there is none, or one is incomplete.
    """
    found = tuple(dict.fromkeys(filter(None, (name.strip() for name in names.split(",")))))
    if not found:
        given = f"{option}{names}" if option.startswith("-") else f"-o {option}={names}"
        raise UserError(f"{given}: must name a proxy, or several with commas between")
    members(found)
    return found


def mean_ranks(scores: Scores) -> Scores:
    """Return each row's rank, mean over the columns; 1 is the largest, ties share their mean.

    Args:
        scores: shape ``(architectures, proxies)``, at least one proxy, no NaN.
    """
    mean: Scores = np.mean([ranks(-column) for column in scores.T], axis=0)
    return mean
