"""NNI's tuners: TPE, random search, grid search, evolution, population based training.

NNI receives every choice as a choice of indices, because some of its tuners take options apart or
compare them, which fails for lists, ``null`` and options of several types.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from nasbench.errors import UserError
from nasbench.hpo.parameters import Choice, Normal, Parameter, Randint
from nasbench.hpo.private import copied_module, private_module
from nasbench.hpo.space import ParameterSpace, Params, Place
from nasbench.hpo.tuners.base import Tuner
from nasbench.options import PluginOptions, option

MOST_INTEGERS = 10**6
"""Values of a ``randint`` of which some of NNI's tuners keep a list."""

_LARGEST_EXPONENT = 700.0  # e to the power of 709.8 is the largest float
_TRIES = 20  # suggestions in a row that overflow, after which there is no new one


class NniTuner(Tuner):
    """A tuner of NNI.

    Attributes:
        flattens: whether NNI receives the parameters of all options at once, side by side.
        lists_integers: whether NNI keeps a list of all values of a ``randint``.
    """

    flattens: ClassVar[bool] = False
    lists_integers: ClassVar[bool] = False

    def __init__(
        self, space: ParameterSpace, options: Any, seed: int, maximize: bool = True
    ) -> None:
        import nni

        super().__init__(space, options, seed, maximize)
        if self.lists_integers:
            self._check_integers()
        nni.silence_stdout()  # NNI would print every trial
        self._tuner = self._make("maximize" if maximize else "minimize")
        self._tuner.update_search_space(
            {_text(place): _entry(parameter) for place, parameter in space.leaves()}
            if self.flattens
            else _encoded(space.parameters)
        )

    @abstractmethod
    def _make(self, mode: str) -> Any:
        """Return NNI's tuner; ``mode`` is NNI's ``optimize_mode``."""

    def _check_integers(self) -> None:
        for name, count in _long(self.space):
            raise UserError(
                f"the tuner {type(self).__name__} keeps a list of all values of a randint: {name} "
                f"has {count:,} values, at most {MOST_INTEGERS:,} are possible; take a quniform"
            )

    def suggest(self, number: int) -> Params | None:
        """Return NNI's suggestion; ``None`` if it has no new one."""
        import nni

        for _ in range(_TRIES):
            try:
                with np.errstate(all="ignore"):  # weights of 0 have a logarithm
                    return self.decoded(self._tuner.generate_parameters(number))
            # Far out in a distribution without bounds, where NNI looks for a new value when all
            # likely multiples of q are known.
            except OverflowError:
                continue
            except nni.NoMoreTrialError:
                break
        self.exhausted = True
        return None

    def decoded(self, found: Mapping[str, Any]) -> Params:
        """Return the point that NNI's suggestion describes."""

        def number(place: Place, parameter: Parameter) -> float:
            if self.flattens:
                return float(found[_text(place)])
            inside: Any = found
            for name in place[::2]:  # every other part of a place is an option
                inside = inside[name]
            value = float(inside["_name"] if isinstance(inside, dict) else inside)
            return math.exp(min(value, _LARGEST_EXPONENT)) if _is_power(parameter) else value

        return self.space.build(number)

    def learn(self, number: int, params: Params, score: float) -> None:
        """Pass the score to NNI."""
        with np.errstate(all="ignore"):
            self._tuner.receive_trial_result(number, params, float(score))
            self._tuner.trial_end(number, True)

    def fail(self, number: int, params: Params) -> None:
        """Report the failure to NNI."""
        with np.errstate(all="ignore"):
            self._tuner.trial_end(number, False)


def _long(space: ParameterSpace) -> list[tuple[str, int]]:
    """Return the integers with too many values for a list, with the number of their values."""
    integers = [(place[-1], one.size) for place, one in space.leaves() if isinstance(one, Randint)]
    return [(name, size) for name, size in integers if size > MOST_INTEGERS]


def _text(place: Place) -> str:
    return "/".join(place)


def _encoded(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return NNI's JSON with indices in place of options, nested as the parameters are."""
    found: dict[str, Any] = {}
    for name, parameter in parameters.items():
        found[name] = _entry(parameter)
        if isinstance(parameter, Choice) and parameter.inner is not None:
            nested = [{"_name": i, **_encoded(inner)} for i, inner in enumerate(parameter.inner)]
            found[name]["_value"] = nested
        elif _is_power(parameter):
            found[name]["_type"] = "normal"
    return found


def _is_power(parameter: Parameter) -> bool:
    """Return whether NNI gives the logarithm of the value, since it could be too large for it."""
    return isinstance(parameter, Normal) and parameter.log and parameter.q is None


def _entry(parameter: Parameter) -> dict[str, Any]:
    """Return NNI's JSON of one parameter without its nested ones."""
    if isinstance(parameter, Choice):
        return {"_type": "choice", "_value": list(range(len(parameter.options)))}
    return parameter.to_json()


class _FormattedTuner(NniTuner):
    """A tuner that uses NNI's "formatted" search space; its generator takes a seed."""

    def __init__(
        self, space: ParameterSpace, options: Any, seed: int, maximize: bool = True
    ) -> None:
        from nni.common.hpo_utils import ParameterSpec

        super().__init__(space, options, seed, maximize)

        # NNI's own method looks up the option of the outer choice, and fails on choices that are
        # nested twice if the outer one is itself not active.
        class Spec(ParameterSpec):  # type: ignore[misc]
            def is_activated_in(self, partial_parameters: Mapping[Any, Any]) -> bool:
                outer, chosen = self.key[:-2], self.key[-2:-1]
                return not self.is_nested() or (partial_parameters.get(outer),) == chosen

        formatted = self._tuner.space
        for key, spec in formatted.items():
            formatted[key] = Spec(*spec)


@dataclass(frozen=True)
class NniTpeOptions(PluginOptions):
    """Options of ``nni-tpe``, named as in NNI's ``tpe_args``."""

    constant_liar_type: str = option(
        "best",
        "Score assumed for running trials; none: they are ignored.",
        allowed=("best", "worst", "mean", "none"),
    )
    n_startup_jobs: int = option(20, "Results before the model is used.", low=1)
    n_ei_candidates: int = option(24, "Candidates for each value.", low=1, high=100_000)
    linear_forgetting: int = option(
        25, "Trials with full weight, older ones count less; also limits the good trials.", low=1
    )
    prior_weight: float = option(1.0, "Weight of the prior beside the trials.", low=0.0)
    gamma: float = option(0.25, "gamma * sqrt(trials) trials count as good.", low=0.001)


class NniTpeTuner(_FormattedTuner):
    """Tree of Parzen estimators (Bergstra et al., NeurIPS 2011), NNI's implementation."""

    Options = NniTpeOptions
    lists_integers = True

    def _make(self, mode: str) -> Any:
        module = copied_module("nni.algorithms.hpo.tpe_tuner")
        split = module.split_history

        # NNI's own function returns an empty part as floats, which cannot be counted: all trials
        # are good ones if there is only one, or if gamma is large.
        def split_history(*given: Any) -> tuple[Any, ...]:
            return tuple(part if len(part) else part.astype(int) for part in split(*given))

        vars(module).update(split_history=split_history)
        arguments = asdict(self.options)
        if arguments["constant_liar_type"] == "none":
            arguments["constant_liar_type"] = None
        return module.TpeTuner(optimize_mode=mode, seed=self.seed, tpe_args=arguments)


class NniRandomTuner(_FormattedTuner):
    """NNI's random search; it replaces a repeated point by one of a grid."""

    def __init__(
        self, space: ParameterSpace, options: Any, seed: int, maximize: bool = True
    ) -> None:
        super().__init__(space, options, seed, maximize)
        if _long(space):  # a repeated point is improbable, and the grid would be too large
            self._tuner.dedup._never_dup = True

    def _make(self, mode: str) -> Any:
        from nni.algorithms.hpo.random_tuner import RandomTuner

        return RandomTuner(seed=self.seed)


class NniGridTuner(_FormattedTuner):
    """NNI's grid search, which refines its grid without end."""

    lists_integers = True

    def _make(self, mode: str) -> Any:
        from nni.algorithms.hpo.gridsearch_tuner import GridSearchTuner

        return GridSearchTuner()


@dataclass(frozen=True)
class EvolutionOptions(PluginOptions):
    """Options of ``evolution``."""

    population_size: int = option(
        32,
        "Random trials at the start; at least the number of concurrent trials.",
        low=2,
        high=99999,
    )


class EvolutionTuner(NniTuner):
    """Evolution (Real et al., ICML 2017), NNI's implementation.

    Two of the population are compared, the worse one is removed, and a copy of the better one with
    one parameter drawn anew is the next trial. NNI keeps the nested parameters of a choice when it
    mutates the choice, so that many trials would repeat their parent. It receives the parameters
    of all options side by side instead.
    """

    Options = EvolutionOptions
    flattens = True

    def _make(self, mode: str) -> Any:
        module = private_module("nni.algorithms.hpo.evolution_tuner", self.seed)
        return module.EvolutionTuner(mode, self.options.population_size)

    def suggest(self, number: int) -> Params | None:
        """Return a mutant; ``None`` while the whole population is being tried."""
        return super().suggest(number) if self._tuner.population else None


@dataclass(frozen=True)
class PbtOptions(PluginOptions):
    """Options of ``pbt``, named as in NNI."""

    population_size: int = option(
        10, "Members, and so trials of one generation.", low=2, high=99999
    )
    factor: float = option(
        0.2, "Share of a parameter's range by which it is perturbed.", low=0.0, high=1.0
    )
    resample_probability: float = option(
        0.25, "Probability to draw a parameter anew instead.", low=0.0, high=1.0
    )
    fraction: float = option(
        0.2, "Share of the members that is replaced, by the same share.", low=0.0, high=0.5
    )


CHECKPOINTS = ("load_checkpoint_dir", "save_checkpoint_dir")
"""Parameters that PBT adds to those of the space: the folders of a trial's checkpoints."""


class PbtTuner(NniTuner):
    """Population based training (Jaderberg et al., 2017), NNI's implementation.

    A trial is one step of one member of the population: it continues from the weights of an
    earlier trial (``parent``). When all members have made their step, the worst ones take over the
    weights and parameters of the best, and their parameters are perturbed. NNI's checkpoint
    folders are mapped to numbers of trials.
    """

    Options = PbtOptions
    needs_flat = True
    flattens = True

    def __init__(
        self, space: ParameterSpace, options: Any, seed: int, maximize: bool = True
    ) -> None:
        for name in space.names:
            if name in CHECKPOINTS:
                raise UserError(f"the parameter {name}: PBT gives trials a folder of that name")
        super().__init__(space, options, seed, maximize)
        self._saved: dict[str, int | None] = {}  # folder -> the trial whose weights it holds
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
        load, save = (found[name] for name in CHECKPOINTS)
        self._parents[number] = None if load == save else self._saved[load]
        self._saved[save] = number
        self._folders[number] = save
        return self.decoded(found)

    def fail(self, number: int, params: Params) -> None:
        """Rank the trial last; a trial that would continue it continues its parent."""
        self._saved[self._folders[number]] = self._parents[number]
        super().fail(number, params)

    def parent(self, number: int) -> int | None:
        """Return the finished trial from whose weights trial ``number`` continues, if any."""
        return self._parents[number]
