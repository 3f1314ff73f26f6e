"""optuna's TPE, Gaussian process, CMA-ES and quasi-Monte Carlo."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from nasbench.hpo.limits import at_least, one_of
from nasbench.hpo.tuners.optuna_base import OptunaTuner


@dataclass(frozen=True)
class StartupOptions:
    """Options of ``tpe`` and ``gp``.

    Attributes:
        n_startup_trials: random trials before the model is used.
    """

    n_startup_trials: int = 10

    def __post_init__(self) -> None:
        at_least(self, 1, "n_startup_trials")


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

    def _sampler(self, samplers: ModuleType, seed: int) -> Any:
        return samplers.GPSampler(n_startup_trials=self.options.n_startup_trials, seed=seed)


@dataclass(frozen=True)
class CmaEsOptions:
    """Options of ``cma-es``.

    Attributes:
        popsize: points of a generation; 0 for ``4 + 3 ln(parameters)``.
    """

    popsize: int = 0

    def __post_init__(self) -> None:
        at_least(self, 0, "popsize")


class CmaEsTuner(OptunaTuner):
    """Covariance matrix adaptation (Hansen, 2016); options of a choice lie on a line."""

    Options = CmaEsOptions
    numbers_only = True
    package = "cmaes"

    def _sampler(self, samplers: ModuleType, seed: int) -> Any:
        return samplers.CmaEsSampler(popsize=self.options.popsize or None, seed=seed)


@dataclass(frozen=True)
class QmcOptions:
    """Options of ``qmc``.

    Attributes:
        sequence: ``sobol`` or ``halton``.
    """

    sequence: str = "sobol"

    def __post_init__(self) -> None:
        one_of(self, "sequence", ("sobol", "halton"))


class QmcTuner(OptunaTuner):
    """A low-discrepancy sequence, scrambled by the seed (Bergstra and Bengio, 2012)."""

    Options = QmcOptions
    numbers_only = True

    def _sampler(self, samplers: ModuleType, seed: int) -> Any:
        return samplers.QMCSampler(qmc_type=self.options.sequence, scramble=True, seed=seed)
