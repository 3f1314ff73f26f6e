"""Maps hyperparameters to the training options and network arguments that they name."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog
from nasbench.config import ALIASES, NetworkConfig, TaskConfig
from nasbench.engine.problem import load_space
from nasbench.errors import UserError, unknown
from nasbench.hpo.parameters import Choice, Parameter
from nasbench.hpo.space import ParameterSpace
from nasbench.store.checkpoint import Checkpoint

MODEL = "model"
PROBES = (0.1, 0.3, 0.5, 0.7, 0.9)  # points of a range, from 0 to 1, checked before the run
_NOT_TUNED = {"preset", "seed", "device", "precision", "limit_train", "data_dir", "out"}
_TYPES = typing.get_type_hints(NetworkConfig)
TRAINING = tuple(e.name for e in fields(NetworkConfig) if e.name not in _NOT_TUNED)
_READ = {entry.name for entry in fields(TaskConfig)}
TUNABLE = tuple(name for name in TRAINING if name not in _READ)
"""What a tuning may search: how data are read and judged is the same for all trials."""


@dataclass(frozen=True)
class Meaning:
    """A trial's hyperparameters, sorted by their receivers.

    Attributes:
        model: the network's name.
        training: training options.
        arguments: arguments of the network.
    """

    model: str
    training: dict[str, Any]
    arguments: dict[str, Any]


def flat(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters with nested choices flattened.

    Example:
        >>> flat({"optimizer": {"_name": "sgd", "momentum": 0.9}})
        {'optimizer': 'sgd', 'momentum': 0.9}
    """
    found: dict[str, Any] = {}
    for name, value in parameters.items():
        if isinstance(value, Mapping) and "_name" in value:
            inner = {key: item for key, item in value.items() if key != "_name"}
            found |= {name: value["_name"], **flat(inner)}
        else:
            found[name] = value
    return found


def read(parameters: Mapping[str, Any], model: str) -> Meaning:
    """Return the hyperparameters of a trial as options of ``model``, or of the model they name.

    An argument that only other models have is left out.

    Raises:
        UserError: a value has the wrong type.
    """
    given = flat(parameters)
    model = str(given.pop(MODEL, model))
    known = _arguments(load_space(model))
    training, own = {}, {}
    for name, value in given.items():
        option = ALIASES.get(name, name)
        if option in TRAINING:
            training[option] = _whole(value, _TYPES[option])
        elif name in known:
            own[name] = arguments.typed(name, _whole(value, known[name]), known[name])
    return Meaning(model, training, own)


def content_of(path: Path) -> Mapping[str, Any]:
    """Return the content of a search space's file, in NNI's format.

    Raises:
        UserError: it cannot be read or is invalid.
    """
    return ParameterSpace.read(path).content


def searches(content: Mapping[str, Any], option: str) -> bool:
    """Return whether a search space holds an option of training, by whatever name.

    Args:
        content: NNI's search space.
        option: its name in the configuration.
    """
    return bool(_named(content, option))


def largest(content: Mapping[str, Any], option: str) -> float | None:
    """Return the largest value of a numeric option of training, ``None`` if it is not searched.

    Args:
        content: NNI's search space.
        option: its name in the configuration.
    """
    values: list[Any] = []
    for found in _named(content, option):
        values += found.options if isinstance(found, Choice) else [found.at(1.0)]
    return max((value for value in values if isinstance(value, int | float)), default=None)


def _named(content: Mapping[str, Any], option: str) -> list[Parameter]:
    leaves = ParameterSpace.of(content).leaves()
    return [found for place, found in leaves if ALIASES.get(place[-1], place[-1]) == option]


def choices_of_model(content: Mapping[str, Any]) -> list[str]:
    """Return the networks among which a search space chooses, none if it does not.

    Args:
        content: NNI's search space.
    """
    leaves = ParameterSpace.of(content).leaves() if content else ()
    return [str(name) for name in _models([(place[-1], found) for place, found in leaves])]


def tuned(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the options of training that a checkpoint brings: those that a tuning may set.

    Where a run reads, writes and computes, and what it loads, is the user's alone to say.

    Raises:
        UserError: it brings another option.
    """
    for name in checkpoint.training:
        if name not in TRAINING:
            raise UserError(
                f"the checkpoint's field 'training' sets {name!r}, which only you may set: "
                f"allowed: {', '.join(TRAINING)}"
            )
    return dict(checkpoint.training)


def check(content: Mapping[str, Any], model: str) -> None:
    """Raise if a search space names an unknown parameter or holds a value that is not allowed.

    Args:
        content: NNI's search space.
        model: the network, unless the space chooses among several.

    Raises:
        UserError: a parameter is unknown, two mean the same, one has values that do not fit, or a
            network is a user's own code that is not known here.
    """
    parameters = [(place[-1], found) for place, found in ParameterSpace.of(content).leaves()]
    models = [str(value) for value in _models(parameters)] or [model]
    for one in models:
        if one != model:  # code that the search space names, not the user
            catalog.check_known("space", one)
    taken = {name for one in models for name in _arguments(load_space(one))}
    meant: dict[str, str] = {}
    for name, parameter in parameters:
        option = ALIASES.get(name, name)
        if option not in {*TUNABLE, *taken, MODEL}:
            raise unknown("parameter", name, [MODEL, *TUNABLE, *ALIASES, *sorted(taken)])
        if meant.setdefault(option, name) != name:
            raise UserError(f"the search space's {meant[option]!r} and {name!r} mean the same")
        if name != MODEL:
            _check_values(name, parameter, models)


def _models(parameters: Iterable[tuple[str, Parameter]]) -> Iterable[Any]:
    """Yield the networks that a search space chooses among."""
    for name, parameter in parameters:
        if name == MODEL and not isinstance(parameter, Choice):
            raise UserError(f"the search space's parameter {MODEL!r}: must be a choice of names")
        if name == MODEL and isinstance(parameter, Choice):
            yield from parameter.options


def _check_values(name: str, parameter: Parameter, models: Iterable[str]) -> None:
    """Raise if one of a parameter's options, or of several values in its range, does not fit."""
    one_of = parameter.options if isinstance(parameter, Choice) else map(parameter.at, PROBES)
    for value in one_of:
        for model in models:
            try:
                NetworkConfig.from_layers(read({name: value}, model).training)
            except UserError as error:
                raise UserError(f"the search space's parameter {name!r}: {error}") from error


_arguments: Callable[[type], arguments.Parameters] = cache(arguments.of_space)


def typed_whole(option: str, value: Any) -> Any:
    """Return ``32.0`` as ``32`` if the option of training is an integer."""
    return _whole(value, _TYPES.get(option))


def _whole(value: Any, kind: Any) -> Any:
    """Return ``32.0`` as ``32`` for an integer option: quantised ranges give floats."""
    return int(value) if kind is int and isinstance(value, float) and value.is_integer() else value
