"""Grid search: the whole space once, in a fixed order whose every prefix is spread over it.

The architectures are numbered by counting through the decisions. The order walks these numbers in
steps of the golden section of the space's size, modulo that size, which leaves no large gap at any
time (Knuth, The Art of Computer Programming 3, section 6.4). Nothing is enumerated in advance, so
the space may have any size.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nasbench.options import PluginOptions
from nasbench.space import Arch, Domains
from nasbench.strategies.sampled.base import Proposal, SampledContext, SampledStrategy

GIVE_UP = 10_000  # places in a row over a limit, after which the rest counts as over it


@dataclass(frozen=True)
class GridOptions(PluginOptions):
    """Options of ``grid``: none."""


def golden_step(size: int) -> int:
    """Return the number nearest above the golden section of ``size`` that is coprime to it."""
    step = size * 618_033_988_749_894_848 // 10**18
    while math.gcd(step, size) != 1:
        step += 1
    return step


class GridStrategy(SampledStrategy):
    """Goes through the space in an order that does not depend on the seed."""

    Options = GridOptions

    def __init__(self, domains: Domains, options: GridOptions, context: SampledContext) -> None:
        super().__init__(domains, options, context)
        self._step = golden_step(domains.size)
        self._begin()

    def _begin(self) -> None:
        self._done = 0  # the first places of the order, which need no second look
        self._misfits = 0  # how many of them, at their end, are over a limit in a row

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self._begin()
        super().load_state_dict(state)

    def place(self, number: int) -> Arch:
        """Return the architecture at ``number`` of the order, in ``[0, size)``."""
        return self.domains.at(number * self._step % self.domains.size)

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return the next ``n`` that are new and fit; fewer at the end of the space."""
        evaluated, known = self.known(()), self.known(pending)
        proposals: list[Proposal] = []
        number, misfits = self._done, self._misfits
        while len(proposals) < n and number < self.domains.size and misfits < GIVE_UP:
            arch = self.place(number)
            fits = arch in known or self.fits(arch)
            misfits = 0 if fits else misfits + 1
            if fits and arch not in known:
                proposals.append(self.full(arch))
            if number == self._done and (arch in evaluated or not fits):
                self._done, self._misfits = number + 1, misfits
            number += 1
        return proposals
