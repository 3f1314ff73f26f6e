"""NNI's tuners behind our interface.

NNI gets every choice as a choice of indices, because some of its tuners take options apart or
compare them, which goes wrong for lists, ``null`` and options of several types.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from nasbench.hpo.choice import Choice, Parameter
from nasbench.hpo.space import Params, Place, SearchSpace
from nasbench.hpo.tuners.base import Tuner


class NniTuner(Tuner):
    """A tuner of NNI's.

    Attributes:
        flattens: whether NNI gets the parameters of all options at once, side by side.
    """

    flattens: ClassVar[bool] = False

    def __init__(self, space: SearchSpace, options: Any, seed: int, maximize: bool = True) -> None:
        import nni

        super().__init__(space, options, seed, maximize)
        nni.silence_stdout()  # NNI would tell of every trial
        self._tuner = self._make("maximize" if maximize else "minimize")
        self._tuner.update_search_space(
            {_text(place): _entry(parameter) for place, parameter in space.leaves()}
            if self.flattens
            else _encoded(space.parameters)
        )

    @abstractmethod
    def _make(self, mode: str) -> Any:
        """Return NNI's tuner; ``mode`` is NNI's ``optimize_mode``."""

    def suggest(self, number: int) -> Params | None:
        """Return what NNI suggests; ``None`` when it has nothing new."""
        import nni

        try:
            found = self._tuner.generate_parameters(number)
        except nni.NoMoreTrialError:
            self.exhausted = True
            return None
        return self.decoded(found)

    def decoded(self, found: Mapping[str, Any]) -> Params:
        """Return the point that NNI's answer stands for."""
        if self.flattens:
            return self.space.build(lambda place, _: found[_text(place)])
        return self.space.build(lambda place, _: _inside(found, place))

    def learn(self, number: int, params: Params, score: float) -> None:
        """Hand the score to NNI."""
        self._tuner.receive_trial_result(number, params, float(score))
        self._tuner.trial_end(number, True)

    def fail(self, number: int, params: Params) -> None:
        """Tell NNI of the failure."""
        self._tuner.trial_end(number, False)


def _text(place: Place) -> str:
    return "/".join(place)


def _encoded(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return NNI's JSON with indices for options, nested as the parameters are."""
    return {
        name: _entry(parameter)
        if not isinstance(parameter, Choice) or parameter.inner is None
        else {
            "_type": "choice",
            "_value": [{"_name": i, **_encoded(inner)} for i, inner in enumerate(parameter.inner)],
        }
        for name, parameter in parameters.items()
    }


def _entry(parameter: Parameter) -> dict[str, Any]:
    """Return NNI's JSON of one parameter without what is nested in it."""
    if isinstance(parameter, Choice):
        return {"_type": "choice", "_value": list(range(len(parameter.options)))}
    return parameter.to_json()


def _inside(found: Any, place: Place) -> float:
    """Return the number that stands for the parameter at ``place`` in NNI's nested answer."""
    for name in place[::2]:  # between two names stands the chosen option
        found = found[name]
    number: float = found["_name"] if isinstance(found, dict) else found
    return number
