"""A space of hyperparameters, described by NNI's ``search_space.json``.

A point has the form in which NNI gives it to a trial: a mapping from names to values, in which a
nested choice is ``{"_name": …, …}`` with the parameters of the chosen option.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from nasbench.errors import UserError, unknown
from nasbench.hpo.parameters import Choice, Parameter, size_of, to_json
from nasbench.hpo.parsing import parse, read_content

Params = dict[str, Any]
# The names and options that lead to a parameter: ("optimizer", "sgd", "momentum").
Place = tuple[str, ...]
Pick = Callable[[Place, Parameter], float]


class ParameterSpace:
    """Parameters by name.

    Args:
        parameters: the parameters; :meth:`of` and :meth:`read` make them from JSON.

    Raises:
        UserError: a parameter's name is that of a nested one with the names around it.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self.parameters = dict(parameters)
        # Some tuners see all parameters side by side, under such names.
        names = Counter("/".join(place) for place, _ in self.leaves())
        if twice := [name for name, count in names.items() if count > 1]:
            raise UserError(f"search space: two parameters are called {twice[0]!r}")

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """Return the space that NNI's JSON describes.

        Raises:
            UserError: a parameter is invalid.
        """
        return cls(parse(content, "search space"))

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the space in a JSON file, or a YAML file if it ends in ``.yml`` or ``.yaml``.

        Raises:
            UserError: the file is missing or cannot be parsed, or a parameter is invalid.
        """
        return cls(parse(read_content(path), f"search space {path}"))

    @property
    def content(self) -> dict[str, Any]:
        """The space in NNI's format."""
        return copy.deepcopy(to_json(self.parameters))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the outermost parameters."""
        return tuple(self.parameters)

    @property
    def nested(self) -> tuple[str, ...]:
        """The names of the outermost parameters whose options have parameters of their own."""
        return tuple(
            name
            for name, parameter in self.parameters.items()
            if isinstance(parameter, Choice) and parameter.inner is not None
        )

    @property
    def size(self) -> int | None:
        """The number of points; ``None`` if it is infinite."""
        return size_of(self.parameters)

    def leaves(self) -> Iterator[tuple[Place, Parameter]]:
        """Yield every parameter, nested ones after the choice that holds them."""
        return _leaves(self.parameters, ())

    def build(self, pick: Pick) -> Params:
        """Return the point that ``pick`` describes.

        Args:
            pick: returns the index of an option for a choice, and for any other parameter a
                number, which is rounded to an allowed value. It is called only for parameters of
                chosen options, after their choice.
        """
        return _build(self.parameters, pick, ())

    def sample(self, rng: np.random.Generator) -> Params:
        """Return a point drawn from the parameters' distributions."""
        return self.build(lambda _, parameter: parameter.at(rng.random()))

    def check(self, params: Mapping[str, Any]) -> None:
        """Raise unless ``params`` is a point of this space.

        Raises:
            UserError: a name is missing or unknown, or a value is not allowed.
        """
        _check(self.parameters, params, "")


def _leaves(
    parameters: Mapping[str, Parameter], above: Place
) -> Iterator[tuple[Place, Parameter]]:
    for name, parameter in parameters.items():
        place = (*above, name)
        yield place, parameter
        if isinstance(parameter, Choice) and parameter.inner is not None:
            for option, inner in zip(parameter.options, parameter.inner, strict=True):
                yield from _leaves(inner, (*place, option))


def _build(parameters: Mapping[str, Parameter], pick: Pick, above: Place) -> Params:
    params: Params = {}
    for name, parameter in parameters.items():
        place = (*above, name)
        number = pick(place, parameter)
        if not isinstance(parameter, Choice):
            params[name] = parameter.snap(float(number))
            continue
        option = parameter.options[int(number)]
        if parameter.inner is None:
            params[name] = copy.deepcopy(option)
        else:
            inner = parameter.inner[int(number)]
            params[name] = {"_name": option, **_build(inner, pick, (*place, option))}
    return params


def _check(parameters: Mapping[str, Parameter], params: Any, prefix: str) -> None:
    if not isinstance(params, Mapping):
        raise UserError(f"parameters {prefix}{params!r:.80}: must be values by name")
    for name in params:
        if name not in parameters:
            raise unknown("parameter", f"{prefix}{name}", parameters)
    for name, parameter in parameters.items():
        if name not in params:
            raise UserError(f"parameter {prefix}{name}: is missing")
        value, full = params[name], prefix + name
        if not isinstance(parameter, Choice):
            if not parameter.holds(value):
                allowed = parameter.to_json()
                raise UserError(
                    f"parameter {full}={value!r:.80}: "
                    f"not in {allowed['_type']} {allowed['_value']}"
                )
            continue
        nested = parameter.inner is not None
        if nested and not (isinstance(value, Mapping) and "_name" in value):
            raise UserError(f"parameter {full}={value!r:.80}: must be an object with a _name")
        option = value["_name"] if nested else value
        index = parameter.index(option)
        if index is None:
            raise unknown(f"option of parameter {full}", option, parameter.options)
        if parameter.inner is not None:
            inner = {key: entry for key, entry in value.items() if key != "_name"}
            _check(parameter.inner[index], inner, f"{full}.")
