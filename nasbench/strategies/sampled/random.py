"""Random search: the row that every comparison needs (Li and Talwalkar, UAI 2019)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.space import Arch
from nasbench.strategies.sampled.base import SampledStrategy

TRIES = 100  # draws that may meet known architectures before the space counts as exhausted


@dataclass(frozen=True)
class RandomOptions:
    """Options of ``random``.

    Attributes:
        trials: how many different architectures to train.
    """

    trials: int = 4

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise UserError(f"-o trials={self.trials}: must be at least 1")


class RandomStrategy(SampledStrategy):
    """Draws architectures uniformly from the space, no one twice."""

    Options = RandomOptions

    def suggest(self, n: int) -> list[Arch]:
        """Return up to ``n`` new architectures; fewer at the end of the trials or the space."""
        wanted = min(n, self.options.trials - len(self.results))
        seen = {result.arch for result in self.results}
        # The stream depends on the number of results, so that a continued search draws the same.
        stream = np.random.default_rng(derive(self.seed, "random", len(self.results)))
        suggested: list[Arch] = []
        for _ in range(TRIES * max(0, wanted)):
            if len(suggested) == wanted:
                break
            arch = self.domains.sample(stream)
            if arch not in seen:
                seen.add(arch)
                suggested.append(arch)
        return suggested
