"""BANANAS: a predictor of performance chooses among mutations (White et al., AAAI 2021).

The paper's predictor is an ensemble of networks, and its choice a draw of Thompson sampling. By
default it is a Gaussian process here, and the choice its expected improvement: in tables of two
spaces they find better networks with 25 to 50 trainings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from nasbench.errors import UserError
from nasbench.options import PluginOptions, option
from nasbench.space import Arch, Domains
from nasbench.strategies.predictors.base import Floats
from nasbench.strategies.predictors.networks import PathEncoding, SmallNetworks
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext, SequentialStrategy
from nasbench.strategies.sampled.prediction import Prediction, predictor
from nasbench.strategies.sampled.proxy_scores import ProxyFeatures, ProxyScores

FEWEST_SMOOTHED = 24  # results, of which the better half is smoothed


@dataclass(frozen=True)
class BananasOptions(PluginOptions):
    """Options of ``bananas``."""

    initial: int = option(10, "Random architectures before the first prediction.", low=1)
    refit: int = option(10, "New results after which the predictor is fitted again.", low=1)
    ensemble: int = option(5, "Networks in the ensemble of the predictors small and paper.", low=1)
    predictor: str = option(
        "gp",
        "Predictor of the candidates' accuracies, one of 'nasbench list predictors' or "
        "file.py:Class.",
    )
    acquisition: str = option(
        "ei",
        "What the proposed candidate has most of: ts, a draw from its predicted distribution; ei, "
        "expected improvement.",
        allowed=("ts", "ei"),
        older="ts",
    )
    choose: str = option(
        "smoothed",
        "The final architecture: that of the best score, which is in part luck; or smoothed, that "
        "of the best mean of its score and of what the predictor makes of the better half of all.",
        allowed=("score", "smoothed"),
        older="score",
    )
    parents: int = option(10, "Best results whose mutations are candidates.", low=1)
    candidates: int = option(100, "Mutations among the candidates.", low=1)
    random: int = option(30, "Uniform draws among the candidates.", low=0)
    encoding: str = option(
        "one-hot",
        "Encoding of an architecture; path lists the operations on each way from the cell's input "
        "to its output, for spaces with labels edge_TO_FROM and the predictors small and paper.",
        allowed=("one-hot", "path"),
    )
    proxies: str = option(
        "",
        "Zero-cost proxies, separated by commas, whose standardised scores are appended to the "
        "encoding; every candidate is scored.",
    )


class BananasStrategy(SequentialStrategy):
    """Proposes the most promising mutation of good architectures.

    That is the one of the largest expected improvement over the largest predicted mean among
    the results (Mockus et al., 1978). With ``acquisition=ts`` each candidate's accuracy is drawn
    from a normal distribution with the predicted mean and standard deviation, independently of
    the others (independent Thompson sampling), and the best draw is proposed.

    Raises:
        UserError: the predictor is unknown, needs more than ``initial`` results, or cannot see
            this space; or ``encoding`` is ``path``, and the space has no such encoding.
    """

    Options = BananasOptions

    def __init__(self, domains: Domains, options: BananasOptions, context: SampledContext) -> None:
        super().__init__(domains, options, context)
        kind, named = predictor(options.predictor), options.proxies
        networks = issubclass(kind, SmallNetworks)
        if options.encoding == "path" and not networks:
            raise UserError(
                f"-o encoding=path: is for the predictors small and paper, and this is "
                f"{options.predictor}: allowed: one-hot"
            )
        if options.initial < kind.fewest:
            raise UserError(
                f"-o initial={options.initial}: the predictor {options.predictor} needs at least "
                f"{kind.fewest} results"
            )
        self._prediction = Prediction(
            options.predictor,
            domains,
            context,
            first=options.initial,
            refit=options.refit,
            encode=PathEncoding(domains) if options.encoding == "path" else None,
            more=ProxyFeatures(ProxyScores("proxies", named, context)) if named else None,
            **({"members": options.ensemble} if networks else {}),
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self._prediction.forget()
        super().load_state_dict(state)

    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return a random architecture at first, then the most promising candidate."""
        good = [result for result in self.results if not result.failed]
        if not self._prediction.ready(good) or self.domains.size == 1:
            return self.domains.sample(stream)
        candidates = self._candidates(good, stream, self.known(pending))
        if not candidates:
            return self.domains.sample(stream)
        fitted = self._prediction.after(good)
        mean, deviation = fitted.predict(candidates)
        if self.options.acquisition == "ei":
            best = fitted.predict([result.arch for result in good])[0].max()
            worth = expected_improvement(mean, deviation, best)
        else:
            worth = stream.normal(mean, deviation)
        return candidates[int(worth.argmax())]

    def best(self) -> Result:
        """Return the result of the best smoothed score, or with ``choose=score`` the best result.

        Raises:
            ValueError: there is none yet.
        """
        good = [result for result in self.results if not result.failed]
        if self.options.choose == "score" or len(good) < FEWEST_SMOOTHED:
            return super().best()
        return self._prediction.best_smoothed(good)

    def _candidates(
        self, good: Sequence[Result], stream: np.random.Generator, known: set[Arch]
    ) -> list[Arch]:
        """Return new mutations and draws that keep the limits, in a fixed order."""
        options, domains = self.options, self.domains
        best = sorted(good, key=lambda result: -result.score)[: options.parents]
        parents = (best[number % len(best)].arch for number in range(options.candidates))
        drawn = [domains.mutate(parent, stream) for parent in parents]
        drawn += [domains.sample(stream) for _ in range(options.random)]
        return [arch for arch in dict.fromkeys(drawn) if arch not in known and self.fits(arch)]


def expected_improvement(mean: Floats, deviation: Floats, best: float) -> Floats:
    """Return by how much each is expected to exceed ``best``, where a lower value counts as 0.

    Args:
        mean: predicted, shape ``(n,)``.
        deviation: predicted, shape ``(n,)``; where it is 0, the mean is certain.
        best: what is to be exceeded.
    """
    above, safe = mean - best, np.maximum(deviation, 1e-12)
    z = above / safe
    found = above * ndtr(z) + safe * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)
    return np.asarray(found, dtype=np.float64)
