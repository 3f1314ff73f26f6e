"""What strategies share that fill their places one at a time."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar

import numpy as np

from nasbench.space import Arch
from nasbench.strategies.sampled.base import Proposal, SampledStrategy


class OneByOneStrategy(SampledStrategy):
    """Asks for one candidate after the other; each counts as pending for the next.

    Attributes:
        tries: candidates that may be known or too costly before a walk from the last takes over.
    """

    tries: ClassVar[int] = 20

    @abstractmethod
    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return the next architecture to try; one that is known or too costly is redrawn."""

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        """Return up to ``n`` new architectures; fewer at the end of the space."""
        stream, known = self.stream(pending), self.known(pending)
        proposals: list[Proposal] = []
        while len(proposals) < n and len(known) < self.domains.size:
            arch = self._new([*pending, *proposals], known, stream)
            if arch is None:
                break
            known.add(arch)
            proposals.append(self.full(arch))
        return proposals

    def _new(
        self, pending: Sequence[Proposal], known: AbstractSet[Arch], stream: np.random.Generator
    ) -> Arch | None:
        """Return a candidate that is new and fits; else one near it; else one from anywhere."""
        for _ in range(self.tries):
            arch = self.candidate(pending, stream)
            if arch not in known and self.fits(arch):
                return arch
        near = self._walk(arch, stream, known)
        return self.draw(stream, known) if near is None else near
