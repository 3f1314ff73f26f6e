"""Local search: "Local search is state of the art for NAS benchmarks" (White et al., UAI 2021).

The best of a few random architectures is the start. Its neighbors, which differ in one decision,
are evaluated until one is better, or all of them to take the best; the climb continues from there.
If no neighbor is better, a new climb starts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench.options import PluginOptions, option
from nasbench.seeding import derive
from nasbench.space import Arch, Domains
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext
from nasbench.strategies.sampled.prediction import REFIT, Prediction
from nasbench.strategies.sampled.random import RandomStrategy

DRAWS = 20  # random starts of which a predictor proposes the best


@dataclass(frozen=True)
class LocalSearchOptions(PluginOptions):
    """Options of ``local-search``; the defaults are those of its authors' code."""

    first: bool = option(True, "Move to the first better neighbor instead of the best of all.")
    starts: int = option(
        10, "Random architectures of which the best is the start of a climb.", low=1
    )
    predictor: str = option(
        "",
        "Predictor of accuracies that puts neighbors in order, and chooses each start among 20 "
        "draws: one of 'nasbench list predictors' or file.py:Class.",
        later=True,
    )


class LocalSearchStrategy(RandomStrategy):
    """Climbs from random starts; a failed trial is worse than any other.

    A neighbor has another option at one decision. Decisions that become active are drawn once, so
    that a place has few neighbors even if the decision is a network's depth. Neighbors have a
    fixed order, so the climb does not depend on which result arrives first.

    Attributes:
        place: the architecture that the climb has reached; ``None`` during the search for a start.
    """

    Options = LocalSearchOptions

    def __init__(
        self, domains: Domains, options: LocalSearchOptions, context: SampledContext
    ) -> None:
        super().__init__(domains, options, context)
        self._prediction = (
            Prediction(options.predictor, domains, context, first=options.starts, refit=REFIT)
            if options.predictor
            else None
        )
        self._begin()

    def _begin(self) -> None:
        if self._prediction is not None:
            self._prediction.forget()
        self.place: Arch | None = None
        self._scores: dict[Arch, float] = {}
        self._starts: list[Arch] = []
        self._neighbours: list[Arch] = []

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self._begin()
        super().load_state_dict(state)

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` starts or neighbors; none while the last neighbors are pending."""
        if self.place is None:
            return self._best_starts(n, pending) or super().suggest(n, pending)
        known = self.known(pending)
        new = [arch for arch in self._open(self.place) if arch not in known]
        return [self.full(arch) for arch in new[:n]]

    def update(self, results: Sequence[Result]) -> None:
        """Climb as far as the new results allow."""
        for result in results:
            super().update([result])
            self._scores[result.arch] = -math.inf if result.failed else result.score
            if self.place is None and not result.failed:
                self._starts.append(result.arch)
                if len(self._starts) >= self.options.starts:
                    self._move(max(self._starts, key=self._scores.__getitem__))
                    self._starts = []
            while self.place is not None and not self._open(self.place):
                here = self._scores[self.place]
                better = [a for a in self._neighbours if self._scores.get(a, here) > here]
                if not better:
                    self.place = None
                elif self.options.first:
                    self._move(better[0])
                else:
                    self._move(max(better, key=self._scores.__getitem__))

    def _open(self, place: Arch) -> list[Arch]:
        """Return the neighbors to evaluate before the next move from ``place``."""
        found = []
        for arch in self._neighbours:
            if arch not in self._scores:
                found.append(arch)
            elif self.options.first and self._scores[arch] > self._scores[place]:
                break
        return found

    def _move(self, place: Arch) -> None:
        self.place = place
        stream = np.random.default_rng(derive(self.context.seed, "neighbours", place.id))
        neighbours = [
            self.domains.changed(place, label, value, stream)
            for label, old in place.items()
            for value in self.domains[label].steps(old)
        ]
        order = stream.permutation(len(neighbours))
        found = [neighbours[i] for i in order if self.fits(neighbours[i])]
        self._neighbours = self._ordered(found)

    def _best_starts(self, n: int, pending: Sequence[Proposal]) -> list[Proposal]:
        """Return up to ``n`` new draws, each the best predicted of several; none at first."""
        if self._prediction is None or not self._prediction.ready(self._good()):
            return []
        stream, known = self.stream(pending), self.known(pending)
        found: list[Proposal] = []
        for _ in range(n):
            new: dict[Arch, None] = {}
            for _ in range(DRAWS):
                if (arch := self.draw(stream, known)) is None:
                    break
                new[arch] = None
            if not new:
                break
            found.append(self.full(self._ordered(list(new))[0]))
            known.add(found[-1].arch)
        return found

    def _good(self) -> list[Result]:
        return [result for result in self.results if not result.failed]

    def _ordered(self, archs: list[Arch]) -> list[Arch]:
        """Return the architectures, the best predicted first; unchanged without a predictor."""
        good = self._good()
        if self._prediction is None or not archs or not self._prediction.ready(good):
            return archs
        mean, _ = self._prediction.after(good).predict(archs)
        return [archs[i] for i in np.argsort(-mean, kind="stable")]
