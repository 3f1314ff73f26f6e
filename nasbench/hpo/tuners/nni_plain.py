"""NNI's TPE, random search and grid search.

Their randomness is a generator that takes a seed, so they run as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from nasbench.hpo.limits import at_least, one_of
from nasbench.hpo.space import SearchSpace
from nasbench.hpo.tuners.nni_base import NniTuner

_LIARS = ("best", "worst", "mean", "none")


@dataclass(frozen=True)
class NniTpeOptions:
    """Options of ``nni-tpe``, named as in NNI's ``tpe_args``.

    Attributes:
        constant_liar_type: score that running trials are taken to have; ``none``: left out.
        n_startup_jobs: results before the model is used.
        n_ei_candidates: candidates for each value.
        linear_forgetting: older trials than so many weigh less; also limits the good ones.
        prior_weight: weight of the search space beside the trials.
        gamma: ``gamma * sqrt(trials)`` trials count as good.
    """

    constant_liar_type: str = "best"
    n_startup_jobs: int = 20
    n_ei_candidates: int = 24
    linear_forgetting: int = 25
    prior_weight: float = 1.0
    gamma: float = 0.25

    def __post_init__(self) -> None:
        one_of(self, "constant_liar_type", _LIARS)
        at_least(self, 1, "n_startup_jobs", "n_ei_candidates", "linear_forgetting")
        at_least(self, 0.001, "prior_weight", "gamma")


class _FormattedTuner(NniTuner):
    """One of those that share NNI's "formatted" search space."""

    def __init__(self, space: SearchSpace, options: Any, seed: int, maximize: bool = True) -> None:
        super().__init__(space, options, seed, maximize)
        _mend(self._tuner.space)


class NniTpeTuner(_FormattedTuner):
    """Tree of Parzen estimators (Bergstra et al., NeurIPS 2011), NNI's implementation."""

    Options = NniTpeOptions

    def _make(self, mode: str) -> Any:
        from nni.algorithms.hpo.tpe_tuner import TpeTuner as Tpe

        arguments = asdict(self.options)
        if arguments["constant_liar_type"] == "none":
            arguments["constant_liar_type"] = None
        return Tpe(optimize_mode=mode, seed=self.seed, tpe_args=arguments)


class NniRandomTuner(_FormattedTuner):
    """Random search as NNI does it; a repeated point gives way to one of a grid."""

    def _make(self, mode: str) -> Any:
        from nni.algorithms.hpo.random_tuner import RandomTuner

        return RandomTuner(seed=self.seed)


class NniGridTuner(_FormattedTuner):
    """Grid search as NNI does it: the grid is refined again and again, without end."""

    def _make(self, mode: str) -> Any:
        from nni.algorithms.hpo.gridsearch_tuner import GridSearchTuner

        return GridSearchTuner()


def _mend(formatted: dict[Any, Any]) -> None:
    """Let NNI take choices that are nested twice.

    It looks up what the outer choice has taken, and fails where that is itself not active.
    """
    from nni.common.hpo_utils import ParameterSpec

    class Spec(ParameterSpec):  # type: ignore[misc]
        def is_activated_in(self, partial_parameters: Mapping[Any, Any]) -> bool:
            outer, option = self.key[:-2], self.key[-2:-1]
            return not self.is_nested() or (partial_parameters.get(outer),) == option

    for key, spec in formatted.items():
        formatted[key] = Spec(*spec)
