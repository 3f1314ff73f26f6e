"""optuna's samplers behind our interface (Akiba et al., KDD 2019).

A real parameter is for optuna a number from 0 to 1 in the parameter's own scale, so that every
type works in every sampler: optuna has no normal distributions.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from types import ModuleType
from typing import Any, ClassVar

from nasbench.hpo.choice import Choice, Parameter, text_of
from nasbench.hpo.numeric import Randint
from nasbench.hpo.space import Params, Place, SearchSpace
from nasbench.hpo.tuners.base import Tuner
from nasbench.optional import require

_TRIES = 20  # known points in a row before a sampler may repeat itself


class OptunaTuner(Tuner):
    """A sampler of optuna's.

    Attributes:
        flattens: whether the sampler sees the parameters of all options, side by side.
        numbers_only: whether choices and integers, too, are numbers from 0 to 1 for it.
        package: what the sampler needs beside optuna.
    """

    flattens: ClassVar[bool] = True
    numbers_only: ClassVar[bool] = False
    package: ClassVar[str | None] = None

    def __init__(self, space: SearchSpace, options: Any, seed: int, maximize: bool = True) -> None:
        super().__init__(space, options, seed, maximize)
        optuna = require("optuna", f"the tuner {type(self).__name__}")
        if self.package is not None:
            require(self.package, f"the tuner {type(self).__name__}")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = self._sampler(optuna.samplers, seed % 2**32)
        direction = "maximize" if maximize else "minimize"
        self._study = optuna.create_study(sampler=sampler, direction=direction)
        self._failed = optuna.trial.TrialState.FAIL
        self._trials: dict[int, tuple[Any, str]] = {}  # optuna's trial, and the point as a text
        self._scores: dict[str, float | None] = {}  # of every point suggested so far

    @abstractmethod
    def _sampler(self, samplers: ModuleType, seed: int) -> Any:
        """Return the sampler out of ``optuna.samplers``."""

    def suggest(self, number: int) -> Params | None:
        """Return a point; ``None`` where all are known.

        A sampler that comes back to a known point is told its score again and asked for another;
        one that has settled may repeat itself in the end.
        """
        self.exhausted = len(self._scores) == self.space.size
        if self.exhausted:
            return None
        trial, params = self._ask()
        for _ in range(_TRIES):
            if text_of(params) not in self._scores:
                break
            self._tell(trial, self._scores[text_of(params)])
            trial, params = self._ask()
        self._trials[number] = (trial, text_of(params))
        self._scores.setdefault(text_of(params))
        return params

    def learn(self, number: int, params: Params, score: float) -> None:
        """Hand the score to optuna."""
        trial, text = self._trials.pop(number)
        self._scores[text] = score
        self._tell(trial, score)

    def fail(self, number: int, params: Params) -> None:
        """Tell optuna of the failure, which its samplers leave out."""
        trial, _ = self._trials.pop(number)
        self._tell(trial, None)

    def _tell(self, trial: Any, score: float | None) -> None:
        if score is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, score)

    def _ask(self) -> tuple[Any, Params]:
        """Return a new trial of optuna's and the point that it stands for."""
        trial = self._study.ask()
        if not self.flattens:
            return trial, self.space.build(lambda place, one: self._draw(trial, place, one))
        drawn = {place: self._draw(trial, place, one) for place, one in self.space.leaves()}
        return trial, self.space.build(lambda place, _: drawn[place])

    def _draw(self, trial: Any, place: Place, parameter: Parameter) -> float:
        name = "/".join(place)
        number: float
        if isinstance(parameter, Choice) and not self.numbers_only:
            number = trial.suggest_categorical(name, range(len(parameter.options)))
        elif isinstance(parameter, Randint) and not self.numbers_only:
            number = trial.suggest_int(name, parameter.low, parameter.high - 1)
        else:
            number = parameter.at(trial.suggest_float(name, 0.0, 1.0))
        return number
