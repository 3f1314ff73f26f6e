"""optuna's samplers (Akiba et al., KDD 2019): TPE, Gaussian process, CMA-ES, quasi-Monte Carlo.

A real parameter is a number from 0 to 1 on its scale for optuna, so that every type works with
every sampler: optuna has no normal distributions.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar, TypeGuard

from nasbench.hpo.parameters import Choice, Parameter, Randint, text_of
from nasbench.hpo.space import ParameterSpace, Params, Place
from nasbench.hpo.tuners.base import Tuner
from nasbench.optional import require
from nasbench.options import PluginOptions, option

_LARGEST_SCORE = 1e100  # the Gaussian process squares scores
_TRIES = 20  # known points in a row before a sampler may repeat itself


class OptunaTuner(Tuner):
    """A sampler of optuna.

    Attributes:
        flattens: whether the sampler sees the parameters of all options, side by side.
        numbers_only: whether choices and integers are numbers from 0 to 1 for it, too.
        most_integers: the largest number of values of an integer that is one for it; with more
            it is a number from 0 to 1.
        package: the package that the sampler needs besides optuna.
    """

    flattens: ClassVar[bool] = True
    numbers_only: ClassVar[bool] = False
    most_integers: ClassVar[int] = 10**9
    package: ClassVar[str | None] = None

    def __init__(
        self, space: ParameterSpace, options: Any, seed: int, maximize: bool = True
    ) -> None:
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
        """Return a sampler of ``optuna.samplers``."""

    def suggest(self, number: int) -> Params | None:
        """Return a point; ``None`` if all are known.

        A sampler that suggests a known point receives its score again and is asked for another
        one; a sampler that has converged may repeat itself in the end.
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
        """Pass the score to optuna."""
        trial, text = self._trials.pop(number)
        self._scores[text] = score
        self._tell(trial, score)

    def fail(self, number: int, params: Params) -> None:
        """Report the failure to optuna, whose samplers ignore the trial."""
        trial, _ = self._trials.pop(number)
        self._tell(trial, None)

    def _tell(self, trial: Any, score: float | None) -> None:
        if score is None:
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, min(max(score, -_LARGEST_SCORE), _LARGEST_SCORE))

    def _ask(self) -> tuple[Any, Params]:
        """Return a new trial of optuna and the point that it describes."""
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
        elif self._is_integer(parameter):
            number = trial.suggest_int(name, parameter.low, parameter.high - 1)
        else:
            number = parameter.at(trial.suggest_float(name, 0.0, 1.0))
        return number

    def _is_integer(self, parameter: Parameter) -> TypeGuard[Randint]:
        few = isinstance(parameter, Randint) and parameter.size <= self.most_integers
        return few and not self.numbers_only


@dataclass(frozen=True)
class StartupOptions(PluginOptions):
    """Options of ``tpe`` and ``gp``, named as in optuna."""

    n_startup_trials: int = option(10, "Random trials before the model is used.", low=1)


class TpeTuner(OptunaTuner):
    """Tree of Parzen estimators (Bergstra et al., NeurIPS 2011; Watanabe, 2023)."""

    Options = StartupOptions
    flattens = False

    def _sampler(self, samplers: ModuleType, seed: int) -> Any:
        startup = self.options.n_startup_trials
        return samplers.TPESampler(n_startup_trials=startup, seed=seed, constant_liar=True)


class GpTuner(OptunaTuner):
    """Bayesian optimization with a Gaussian process (Jones et al., 1998)."""

    Options = StartupOptions
    most_integers = 10_000  # optuna lists all of them

    def _sampler(self, samplers: ModuleType, seed: int) -> Any:
        return samplers.GPSampler(n_startup_trials=self.options.n_startup_trials, seed=seed)


@dataclass(frozen=True)
class CmaEsOptions(PluginOptions):
    """Options of ``cma-es``, named as in optuna."""

    popsize: int = option(0, "Points of a generation; 0: 4 + 3 ln(number of parameters).", low=0)


class CmaEsTuner(OptunaTuner):
    """Covariance matrix adaptation (Hansen, 2016); the options of a choice lie on a line."""

    Options = CmaEsOptions
    numbers_only = True
    package = "cmaes"

    def _sampler(self, samplers: ModuleType, seed: int) -> Any:
        return samplers.CmaEsSampler(popsize=self.options.popsize or None, seed=seed)


@dataclass(frozen=True)
class QmcOptions(PluginOptions):
    """Options of ``qmc``."""

    sequence: str = option("sobol", "Low-discrepancy sequence.", allowed=("sobol", "halton"))


class QmcTuner(OptunaTuner):
    """A low-discrepancy sequence, scrambled by the seed (Bergstra and Bengio, 2012)."""

    Options = QmcOptions
    numbers_only = True

    def _sampler(self, samplers: ModuleType, seed: int) -> Any:
        return samplers.QMCSampler(qmc_type=self.options.sequence, scramble=True, seed=seed)
