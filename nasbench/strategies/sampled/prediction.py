"""The predictor of a search: chosen by name, fitted to the results so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nasbench import catalog
from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.space import Arch, Domains
from nasbench.strategies.predictors.base import Encoding, Floats, Predictor, normal_scores
from nasbench.strategies.sampled.base import Result, SampledContext

REFIT = 10
"""New results after which a strategy that uses a predictor as a filter fits it again."""


class Prediction:
    """A predictor that is fitted again after every few results.

    What it predicts depends on the seed and the results alone, so that a continued search gets the
    same predictions.

    Args:
        name: the predictor, of the catalog's table ``predictor``.
        domains: the decisions of the space.
        context: the context of the search.
        first: the number of results of the first fit.
        refit: the number of further results before the next one.
        encode: see :class:`Encoding`.
        more: see :class:`Encoding`.
        arguments: further arguments of the predictor.

    Raises:
        UserError: the name is unknown, or stands for something else; or the predictor needs more
            results, or another space.
    """

    def __init__(
        self,
        name: str,
        domains: Domains,
        context: SampledContext,
        *,
        first: int,
        refit: int,
        encode: Callable[[Arch], Any] | None = None,
        more: Any = None,
        **arguments: Any,
    ) -> None:
        self.kind = predictor(name)
        self.first = max(first, self.kind.fewest)
        self._seed, self._refit, self._arguments = context.seed, refit, arguments
        self._encoding = Encoding(domains, context.graphs, encode, more)
        self.kind(self._encoding, 0, **arguments)  # refuses a space that it cannot see
        self._more = more
        self._fitted: tuple[int, Predictor] | None = None
        self._seen = 0
        self._smoothed: tuple[int, Result] | None = None

    def forget(self) -> None:
        """Forget what was fitted, as other results follow."""
        self._fitted = self._smoothed = None

    def ready(self, good: Sequence[Result]) -> bool:
        """Return whether there are enough results to predict others."""
        return len(good) >= self.first

    def after(self, good: Sequence[Result]) -> Predictor:
        """Return the predictor that has seen these results.

        Args:
            good: the results with a score, in their order; at least ``first``.
        """
        count = len(good) - (len(good) - self.first) % self._refit
        archs, scores = [one.arch for one in good], np.array([one.score for one in good])
        if self._fitted is None or self._fitted[0] != count:
            if hasattr(self._more, "fit"):
                self._more.fit(archs[:count])
            # The seed depends only on the count, so a continued search fits the same predictor.
            found = self.kind(
                self._encoding, derive(self._seed, "ensemble", count), **self._arguments
            )
            found.fit(archs[:count], self._targets(scores[:count]))
            self._fitted, self._seen = (count, found), count
        if len(good) != self._seen:
            self._fitted[1].observe(archs, self._targets(scores))
            self._seen = len(good)
        return self._fitted[1]

    def best_smoothed(self, good: Sequence[Result]) -> Result:
        """Return the result of the largest smoothed score.

        The best of many noisy scores was lucky (the winner's curse), so each of the better half is
        averaged with its prediction: a part of what the predictor does not explain is the
        architecture's own, and the rest is noise.

        Args:
            good: the results with a score, in their order; at least twice as many as the predictor
                needs.
        """
        if self._smoothed is None or self._smoothed[0] != len(good):
            half = sorted(good, key=lambda result: -result.score)[: (len(good) + 1) // 2]
            archs, scores = [one.arch for one in half], np.array([one.score for one in half])
            found = self.kind(
                self._encoding, derive(self._seed, "smoothed", len(good)), **self._arguments
            )
            if hasattr(self._more, "fit"):
                self._more.fit(archs)
                self._fitted = None
            found.fit(archs, scores)
            values = scores + found.predict(archs)[0]
            self._smoothed = len(good), half[int(values.argmax())]
        return self._smoothed[1]

    def _targets(self, scores: Floats) -> Floats:
        return normal_scores(scores) if self.kind.on_ranks else scores


def predictor(name: str) -> type[Predictor]:
    """Return the predictor of that name.

    Raises:
        UserError: it is unknown, or no predictor.
    """
    kind = catalog.resolve("predictor", name)
    if not (isinstance(kind, type) and issubclass(kind, Predictor)):
        raise UserError(
            f"-o predictor={name}: must be a class derived from "
            "nasbench.strategies.predictors.base.Predictor"
        )
    return kind
