"""Asynchronous successive halving, ASHA (Li et al., MLSys 2020, algorithm 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nasbench.options import PluginOptions, option
from nasbench.space import Domains
from nasbench.strategies.sampled.base import Proposal, SampledContext, SampledStrategy
from nasbench.strategies.sampled.successive_halving import ladder, rung_lengths


@dataclass(frozen=True)
class AshaOptions(PluginOptions):
    """Options of ``asha``."""

    eta: int = option(
        3, "The best one in eta of a rung is promoted and trained eta times as long.", low=2
    )
    min_epochs: int = option(1, "Epochs of the first rung.", low=1)


class AshaStrategy(SampledStrategy):
    """Promotes an architecture as soon as it is among the best of its rung; no slot waits.

    Of the results of a rung so far, the best ``1 / eta`` (rounded down) may be promoted, the
    longest trainings first; if none is left to promote, a new architecture enters the first rung.
    The rungs are ``min_epochs * eta**k`` epochs, the last one the full length. A failed trial
    counts in its rung and is not promoted.

    Example:
        With ``epochs=9`` and one slot, three architectures are trained for 1 epoch, then the best
        of them to 3 epochs, then three new ones for 1 epoch, and so on.
    """

    Options = AshaOptions
    takes_results = False  # a trial at the full length has no rival in the rungs below

    def __init__(self, domains: Domains, options: AshaOptions, context: SampledContext) -> None:
        super().__init__(domains, options, context)
        wanted = rung_lengths(options.min_epochs, options.eta, context.epochs)
        needs = f"asha needs two lengths, from min_epochs={options.min_epochs} on"
        self.lengths = ladder(wanted, context, needs)

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` promotions or new architectures; fewer at the end of the space."""
        proposals: list[Proposal] = []
        while len(proposals) < n and (one := self._job([*pending, *proposals])) is not None:
            proposals.append(one)
        return proposals

    def _job(self, pending: Sequence[Proposal]) -> Proposal | None:
        """Return the next promotion, else a new architecture, else ``None``."""
        begun = {(result.arch, result.epochs) for result in self.results}
        begun |= {(one.arch, one.epochs) for one in pending}
        for rung in reversed(range(len(self.lengths) - 1)):
            here, above = self.lengths[rung], self.lengths[rung + 1]
            results = [result for result in self.results if result.epochs == here]
            good = [result for result in results if not result.failed]
            good.sort(key=lambda result: result.score, reverse=True)
            for result in good[: len(results) // self.options.eta]:
                if (result.arch, above) not in begun:
                    return Proposal(result.arch, above)
        arch = self.draw(self.stream(pending), self.known(pending))
        return None if arch is None else Proposal(arch, self.lengths[0])
