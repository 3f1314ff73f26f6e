"""Population based training (Jaderberg et al., 2017), NNI's implementation.

A trial is one step of one member of the population: it goes on from the weights of an earlier
trial (``parent``). When all members have made their step, the worst ones take over weights and
parameters of the best, and the parameters are perturbed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nasbench.hpo.limits import at_least, within
from nasbench.hpo.private import private_module
from nasbench.hpo.space import Params, SearchSpace
from nasbench.hpo.tuners.nni_base import NniTuner


@dataclass(frozen=True)
class PbtOptions:
    """Options of ``pbt``, named as NNI's.

    Attributes:
        population_size: members; so many trials make one generation.
        factor: share of a parameter's range by which it is perturbed.
        resample_probability: probability to draw a parameter anew instead.
        fraction: share of the members that is replaced, and of those that replace them.
    """

    population_size: int = 10
    factor: float = 0.2
    resample_probability: float = 0.25
    fraction: float = 0.2

    def __post_init__(self) -> None:
        at_least(self, 2, "population_size")
        within(self, 0, 1, "factor", "resample_probability")
        within(self, 0, 0.5, "fraction")


class PbtTuner(NniTuner):
    """NNI's population based training; its checkpoint folders become numbers of trials."""

    Options = PbtOptions
    needs_flat = True
    flattens = True

    def __init__(self, space: SearchSpace, options: Any, seed: int, maximize: bool = True) -> None:
        super().__init__(space, options, seed, maximize)
        self._saved: dict[str, int | None] = {}  # folder -> the trial whose weights lie there
        self._folders: dict[int, str] = {}
        self._parents: dict[int, int | None] = {}

    def _make(self, mode: str) -> Any:
        module = private_module("nni.algorithms.hpo.pbt_tuner", self.seed)
        options = self.options
        return module.PBTTuner(
            optimize_mode=mode,
            all_checkpoint_dir="",  # folders only name trials here, nothing is written
            population_size=options.population_size,
            factor=options.factor,
            resample_probability=options.resample_probability,
            fraction=options.fraction,
        )

    def suggest(self, number: int) -> Params | None:
        """Return a member's next step; ``None`` while the generation is not finished."""
        if self._tuner.pos == self.options.population_size - 1:
            return None
        found = self._tuner.generate_parameters(number)
        load, save = found["load_checkpoint_dir"], found["save_checkpoint_dir"]
        self._parents[number] = None if load == save else self._saved[load]
        self._saved[save] = number
        self._folders[number] = save
        return self.decoded(found)

    def fail(self, number: int, params: Params) -> None:
        """Rank the trial last; whoever would continue it continues its parent."""
        self._saved[self._folders[number]] = self._parents[number]
        super().fail(number, params)

    def parent(self, number: int) -> int | None:
        """Return the finished trial from whose weights trial ``number`` is to be continued."""
        return self._parents[number]
