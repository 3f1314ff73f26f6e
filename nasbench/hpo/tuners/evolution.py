"""Evolution (Real et al., ICML 2017), NNI's implementation.

Two of the population are compared, the worse one leaves, and a copy of the better one with one
parameter drawn anew is the next trial.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nasbench.hpo.limits import at_least
from nasbench.hpo.private import private_module
from nasbench.hpo.space import Params
from nasbench.hpo.tuners.nni_base import NniTuner


@dataclass(frozen=True)
class EvolutionOptions:
    """Options of ``evolution``.

    Attributes:
        population_size: random trials at the start; at least as many as run at once.
    """

    population_size: int = 32

    def __post_init__(self) -> None:
        at_least(self, 2, "population_size")


class EvolutionTuner(NniTuner):
    """NNI's evolution.

    NNI keeps the inside of a nested choice when it mutates, so that many trials would repeat
    their parent. It gets the parameters of all options side by side instead.
    """

    Options = EvolutionOptions
    flattens = True

    def _make(self, mode: str) -> Any:
        module = private_module("nni.algorithms.hpo.evolution_tuner", self.seed)
        return module.EvolutionTuner(mode, self.options.population_size)

    def suggest(self, number: int) -> Params | None:
        """Return a mutant; ``None`` while the whole population is being tried."""
        return super().suggest(number) if self._tuner.population else None
