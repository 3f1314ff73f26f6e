"""Random search: the row that every comparison needs (Li and Talwalkar, UAI 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from nasbench.options import PluginOptions
from nasbench.strategies.sampled.base import Proposal, SampledStrategy


@dataclass(frozen=True)
class RandomOptions(PluginOptions):
    """Options of ``random``: none."""


class RandomStrategy(SampledStrategy):
    """Draws architectures uniformly from the space, no one twice."""

    Options: ClassVar[type] = RandomOptions

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` new architectures; fewer at the end of the space."""
        stream, known = self.stream(pending), self.known(pending)
        proposals: list[Proposal] = []
        while len(proposals) < n and (arch := self.draw(stream, known)) is not None:
            known.add(arch)
            proposals.append(self.full(arch))
        return proposals
