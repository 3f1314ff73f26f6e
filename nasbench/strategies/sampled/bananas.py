"""BANANAS: an ensemble predicts, Thompson sampling chooses (White et al., AAAI 2021)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench.options import PluginOptions, option
from nasbench.seeding import derive
from nasbench.space import Arch, Domains
from nasbench.strategies.sampled.base import Proposal, Result, Setting
from nasbench.strategies.sampled.one_by_one import OneByOneStrategy
from nasbench.strategies.sampled.paths import PathEncoding
from nasbench.strategies.sampled.predictor import Ensemble, Floats
from nasbench.strategies.sampled.promise import Features, Promise


@dataclass(frozen=True)
class BananasOptions(PluginOptions):
    """Options of ``bananas``."""

    initial: int = option(10, "Random architectures before the first prediction.", low=1)
    refit: int = option(10, "New results after which the ensemble is trained again.", low=1)
    ensemble: int = option(5, "Predictors in the ensemble.", low=1)
    parents: int = option(10, "Best results whose mutations are candidates.", low=1)
    candidates: int = option(100, "Mutations among the candidates.", low=1)
    random: int = option(30, "Uniform draws among the candidates.", low=0)
    encoding: str = option(
        "one-hot",
        "Encoding of an architecture; path lists the operations on each way from the cell's input "
        "to its output, for spaces with labels edge_TO_FROM.",
        allowed=("one-hot", "path"),
    )
    proxies: str = option(
        "",
        "Zero-cost proxies, separated by commas, whose standardised scores are appended to the "
        "encoding; every candidate is scored.",
    )


class BananasStrategy(OneByOneStrategy):
    """Proposes the mutation of a good architecture whose sampled prediction is the best.

    Each candidate's accuracy is drawn from a normal distribution with the ensemble's mean and
    standard deviation, independently of the others (independent Thompson sampling).

    Raises:
        UserError: the space has no path encoding, and it is asked for.
    """

    Options = BananasOptions

    def __init__(self, domains: Domains, options: BananasOptions, setting: Setting) -> None:
        super().__init__(domains, options, setting)
        self._encode: Callable[[Arch], Floats] = domains.encode
        if options.encoding == "path":
            self._encode = PathEncoding(domains)
        named = options.proxies
        self._features = Features(Promise("proxies", named, setting)) if named else None
        self._fitted: tuple[int, Ensemble] | None = None

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self._fitted = None
        super().load_state_dict(state)

    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return a random architecture at first, then what the sampled predictions favour."""
        good = [result for result in self.results if not result.failed]
        if len(good) < self.options.initial or self.domains.size == 1:
            return self.domains.sample(stream)
        candidates = self._candidates(good, stream, self.known(pending))
        if not candidates:
            return self.domains.sample(stream)
        ensemble = self._ensemble(good)  # first, for it tells how scores are standardised
        predicted = ensemble.predict(self._encoded(candidates))
        drawn = stream.normal(predicted.mean(axis=0), predicted.std(axis=0))
        return candidates[int(drawn.argmax())]

    def _candidates(
        self, good: Sequence[Result], stream: np.random.Generator, known: set[Arch]
    ) -> list[Arch]:
        """Return mutations of the best, and draws, that are new and fit, in a fixed order."""
        options, domains = self.options, self.domains
        best = sorted(good, key=lambda result: -result.score)[: options.parents]
        parents = (best[number % len(best)].arch for number in range(options.candidates))
        drawn = [domains.mutate(parent, stream) for parent in parents]
        drawn += [domains.sample(stream) for _ in range(options.random)]
        return [arch for arch in dict.fromkeys(drawn) if arch not in known and self.fits(arch)]

    def _ensemble(self, good: Sequence[Result]) -> Ensemble:
        """Return the ensemble, trained on as many results as a multiple of ``refit`` allows."""
        options = self.options
        count = len(good) - (len(good) - options.initial) % options.refit
        if self._fitted is None or self._fitted[0] != count:
            part = good[:count]
            archs = [result.arch for result in part]
            if self._features is not None:
                self._features.fit(archs)
            x = self._encoded(archs)
            # Its stream depends on the count alone, so that a continued search has the same one.
            stream = np.random.default_rng(derive(self.setting.seed, "ensemble", count))
            ensemble = Ensemble(options.ensemble, x.shape[1], stream)
            ensemble.fit(x, np.array([result.score for result in part]))
            self._fitted = (count, ensemble)
        return self._fitted[1]

    def _encoded(self, archs: Sequence[Arch]) -> Floats:
        encoded = np.stack([self._encode(arch) for arch in archs])
        if self._features is None:
            return encoded
        return np.concatenate([encoded, self._features(archs)], axis=1)
