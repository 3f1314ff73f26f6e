"""Regularized evolution: the oldest dies, not the worst (Real et al., AAAI 2019).

The population consists of the latest results. A few of them are drawn, and the best of these is
the parent of a child that differs from it by one mutation.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench.errors import UserError
from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domains
from nasbench.strategies.sampled.base import Proposal, SampledContext, SequentialStrategy
from nasbench.strategies.sampled.prediction import REFIT, Prediction
from nasbench.strategies.sampled.proxy_scores import ProxyScores


@dataclass(frozen=True)
class EvolutionOptions(PluginOptions):
    """Options of ``evolution``."""

    population: int = option(20, "Size of the population; it starts with random ones.", low=1)
    sample: int = option(
        10,
        "Members, drawn with replacement, that compete to be the parent.",
        low=1,
        high="population",
    )
    ageing: bool = option(True, "Remove the oldest member; otherwise the worst.")
    filter_proxy: str = option(
        "", "Zero-cost proxies, separated by commas, that choose among filter_draws proposals."
    )
    filter_draws: int = option(
        1, "Draws or children of which filter_proxy proposes the best; at least 2 with it.", low=1
    )

    predictor: str = option(
        "",
        "Predictor of accuracies that chooses among predictor_draws proposals once the population "
        "is full: one of 'nasbench list predictors' or file.py:Class.",
        later=True,
    )
    predictor_draws: int = option(
        20, "Draws or children of which the predictor proposes the best.", low=2, later=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.predictor and self.filter_proxy:
            raise UserError(
                f"-o predictor={self.predictor}: chooses in place of filter_proxy: give one"
            )
        if bool(self.filter_proxy) != (self.filter_draws > 1):
            allowed = "at least 2 with" if self.filter_proxy else "1 without"
            raise UserError(f"-o filter_draws={self.filter_draws}: must be {allowed} filter_proxy")


class EvolutionStrategy(SequentialStrategy):
    """Regularized evolution; a failed trial is never a parent."""

    Options = EvolutionOptions

    def __init__(
        self, domains: Domains, options: EvolutionOptions, context: SampledContext
    ) -> None:
        super().__init__(domains, options, context)
        names = options.filter_proxy
        self._proxies = ProxyScores("filter_proxy", names, context) if names else None
        self._prediction = (
            Prediction(options.predictor, domains, context, first=options.population, refit=REFIT)
            if options.predictor
            else None
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        if self._prediction is not None:
            self._prediction.forget()
        super().load_state_dict(state)

    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return the draw that proxies or predictor put first, of new ones within the limits."""
        good = [result for result in self.results if not result.failed]
        predicts = self._prediction is not None and self._prediction.ready(good)
        count = self.options.predictor_draws if predicts else self.options.filter_draws
        drawn = [self._draw(pending, stream) for _ in range(count)]
        if count == 1:
            return drawn[0]
        known = self.known(pending)
        new = [arch for arch in drawn if arch not in known and self.fits(arch)]
        if not new:
            return drawn[0]
        if self._prediction is not None:
            mean, _ = self._prediction.after(good).predict(new)
            return new[int(mean.argmax())]
        assert self._proxies is not None
        return self._proxies.ranked(new)[0]

    def _draw(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return a random architecture while the population grows, then a mutated parent."""
        good = [result for result in self.results if not result.failed]
        size = self.options.population
        if self.options.ageing:
            alive = good[-size:]
        else:
            alive = heapq.nlargest(size, good, key=lambda result: result.score)
        if not alive or len(alive) + len(pending) < size:
            return self.domains.sample(stream)
        drawn = stream.integers(len(alive), size=self.options.sample)
        parent = max((alive[i] for i in drawn), key=lambda result: result.score)
        return self.domains.mutate(parent.arch, stream)
