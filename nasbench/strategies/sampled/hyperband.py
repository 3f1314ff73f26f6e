"""Hyperband: successive halving with several trade-offs (Li et al., JMLR 18, 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from nasbench.options import PluginOptions, option
from nasbench.space import Domains
from nasbench.strategies.sampled.base import SampledContext
from nasbench.strategies.sampled.successive_halving import Halving, bracket, ladder


@dataclass(frozen=True)
class HyperbandOptions(PluginOptions):
    """Options of ``hyperband``."""

    eta: int = option(
        3, "A rung keeps one in eta architectures and trains it eta times as long.", low=2
    )


class HyperbandStrategy(Halving):
    """Runs brackets from many architectures, briefly trained at first, to few at full length.

    With ``R`` the full length and ``s_max = floor(log_eta R)``, the brackets ``s = s_max..0``
    begin with ``n = floor((s_max + 1) / (s + 1)) * eta**s`` architectures at ``R / eta**s``
    epochs, rounded down. That is the ``n`` of the paper's table of brackets; its pseudo-code
    lacks the inner rounding and would have 34, 15 and 8 there in place of 27, 9 and 6. An
    unavailable length is replaced by the next longer one, and each of the remaining lengths has a
    bracket. After the last bracket the first one follows again.
    """

    Options = HyperbandOptions

    def __init__(
        self, domains: Domains, options: HyperbandOptions, context: SampledContext
    ) -> None:
        super().__init__(domains, options, context)
        eta, wanted = options.eta, []
        length = context.epochs
        while length >= 1:
            wanted.append(length)
            length //= eta
        lengths = ladder(wanted, context, f"hyperband needs two lengths, eta={eta} times apart")
        count = len(lengths)
        self.brackets = tuple(
            bracket(count // rungs * eta ** (rungs - 1), eta, lengths[-rungs:])
            for rungs in range(count, 0, -1)
        )
