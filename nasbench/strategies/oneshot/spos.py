"""SPOS: Single Path One-Shot Neural Architecture Search with Uniform Sampling.

Guo, Zhang, Mu, Heng, Liu, Wei, Sun; ECCV 2020. Every step trains one path, drawn uniformly
(section 3.2); then an evolution looks for the best with the shared weights (section 3.4, in
:mod:`path_evolution`).
"""

from __future__ import annotations

from collections.abc import Sequence

from nasbench.space import Arch
from nasbench.strategies.oneshot.single_path import SharedSearchOptions, SharedSearchStrategy


class SposOptions(SharedSearchOptions):
    """Options of ``spos``; see :class:`SharedSearchOptions`."""


class SposStrategy(SharedSearchStrategy):
    """Uniform single paths; the steps train only what keeps the limits, where that is found.

    Raises:
        UserError: the space has a ``ValueChoice``.
    """

    Options = SposOptions

    def next_paths(self) -> Sequence[Arch]:
        """Return one uniform path, a function of the seed and the step."""
        return [self.uniform("path", self.number)]
