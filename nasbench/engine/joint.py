"""Options of training as decisions of a search, beside those of the space: ``--tune``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from nasbench.config import ALIASES, NetworkConfig, SearchConfig, TrainingConfig
from nasbench.engine import hyperparameters
from nasbench.engine.hyperparameters import typed_whole
from nasbench.engine.presets import STEPS_PER_EPOCH, Amount
from nasbench.engine.problem import check_cutout
from nasbench.errors import UserError, unknown
from nasbench.hpo.parameters import Choice, Numeric, Parameter
from nasbench.hpo.space import ParameterSpace, Place
from nasbench.space import Arch, Condition, Domain, Domains, JointDomains
from nasbench.space.domain import Scalar, Value
from nasbench.store.records import TUNED
from nasbench.tasks.base import Task

PREFIX = TUNED
"""Begins the label of an option of training: a choice of the space may be called like one."""

LEVELS = 25
"""Values of a range: a decade of a logarithmic one over three decades has eight."""

_DIGITS = 4  # significant, of a value on a logarithmic or uniform scale
TUNABLE = tuple(name for name in hyperparameters.TUNABLE if name != "epochs")
"""The options that a search can tune: how data are read and how long is trained are none."""

_SGD = [1e-3, 1.0]
_ADAPTIVE = [1e-4, 1e-1]
RANGES: dict[str, dict[str, Any]] = {
    "lr": {"_type": "loguniform", "_value": _SGD},
    "final_lr": {"_type": "loguniform", "_value": [1e-5, 1e-2]},
    "weight_decay": {"_type": "loguniform", "_value": [1e-5, 1e-2]},
    "momentum": {"_type": "uniform", "_value": [0.5, 0.99]},
    "batch_size": {"_type": "choice", "_value": [16, 32, 64, 128, 256]},
    "optimizer": {"_type": "choice", "_value": ["sgd", "adam", "adamw"]},
    "schedule": {"_type": "choice", "_value": ["constant", "linear", "cosine"]},
    "warmup": {"_type": "choice", "_value": [0.0, 0.05, 0.1, 0.2]},
    "label_smoothing": {"_type": "choice", "_value": [0.0, 0.05, 0.1, 0.2]},
    "drop_path": {"_type": "choice", "_value": [0.0, 0.1, 0.2, 0.3]},
    "cutout": {"_type": "choice", "_value": [0, 2, 4, 8, 16]},
    "grad_clip": {"_type": "choice", "_value": [0.0, 1.0, 5.0]},
    "ema": {"_type": "choice", "_value": [0.0, 0.9, 0.99, 0.999]},
}
"""What is searched where ``--tune`` gives names alone, in NNI's format."""


def content_of(tune: str, optimizer: str, amount: Amount | None = None) -> dict[str, Any]:
    """Return what is tuned, in NNI's format, with options by their names in the configuration.

    Args:
        tune: names of options separated by commas, or a file in NNI's format.
        optimizer: the one of the trials, by which the range of ``lr`` is chosen.
        amount: how much data a trial trains on; ``None`` for all of a built-in task.

    Raises:
        UserError: a name is unknown or has no built-in range, or the file is invalid.
    """
    if tune.endswith((".json", ".yml", ".yaml")) or Path(tune).is_file():
        return named(ParameterSpace.read(Path(tune)).content)
    names = [name.strip() for name in tune.split(",")]
    found: dict[str, Any] = {}
    for name in names:
        option = ALIASES.get(name, name)
        _check_name("--tune", name)
        if option not in RANGES:
            raise UserError(
                f"--tune {name}: has no built-in range: allowed: {', '.join(RANGES)}; or a "
                "search_space.json with its range"
            )
        if option in found:
            raise UserError(f"--tune {tune}: {name} is given twice")
        found[option] = RANGES[option]
    if "lr" in found:
        kinds = found["optimizer"]["_value"] if "optimizer" in found else [optimizer]
        ranges = [_SGD if kind == "sgd" else _ADAPTIVE for kind in kinds]
        bounds = [min(low for low, _ in ranges), max(high for _, high in ranges)]
        found["lr"] = {"_type": "loguniform", "_value": bounds}
    if "batch_size" in found and amount is not None:
        sizes = found["batch_size"]["_value"]
        largest = amount.batch(sizes[-1], STEPS_PER_EPOCH)
        few = {max(1, largest >> k) for k in range(3)}
        sizes = sorted({*few, *(size for size in sizes if size <= largest)})
        found["batch_size"] = {"_type": "choice", "_value": sizes}
    return found


def named(content: Any) -> dict[str, Any]:
    """Return a search space with its parameters under their names in the configuration.

    Raises:
        UserError: it is invalid, or two of its parameters mean the same.
    """
    return _named(ParameterSpace.of(content).content)


def _named(content: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, entry in content.items():
        option = ALIASES.get(name, name)
        if option in found:
            raise UserError(f"the search space has two parameters that mean {option!r}")
        values = [
            {"_name": value["_name"], **_named({k: v for k, v in value.items() if k != "_name"})}
            if isinstance(value, Mapping) and "_name" in value
            else value
            for value in entry["_value"]
        ]
        found[option] = {"_type": entry["_type"], "_value": values}
    return found


def _check_name(where: str, name: str) -> None:
    option = ALIASES.get(name, name)
    if option == "epochs":
        raise UserError(
            f"{where} epochs: a search sets the length of its trials itself: leave it out; "
            "hyperband and asha train at several lengths"
        )
    if option not in TUNABLE:
        raise unknown("option of training", name, TUNABLE)


def check(content: Mapping[str, Any], config: TrainingConfig, task: Task | None = None) -> None:
    """Raise if what is tuned is no option of training, or has a value that is not allowed.

    Args:
        content: what is tuned, in NNI's format.
        config: the options of the search, to which the tuned ones are added.
        task: the data, which not every option fits; ``None`` if they are not read yet.

    Raises:
        UserError: one line names the option, the value and what is allowed.
    """
    known = NetworkConfig().to_json()
    plain = {name: value for name, value in config.to_json().items() if name in known}
    for place, parameter in ParameterSpace.of(content).leaves():
        name = place[-1]
        _check_name("the search space's", name)
        for value in candidates(name, parameter):
            if value is None:
                raise UserError(f"the search space's parameter {name!r}: null is no value of it")
            try:
                made = NetworkConfig.from_layers(plain, {name: value})
            except UserError as error:
                raise UserError(f"the search space's parameter {name!r}: {error}") from error
            if task is not None:
                check_cutout(made, task.spec.shape)
                if made.label_smoothing and not task.loss.smooths:
                    raise UserError(
                        f"the search space's parameter {name!r}: the loss {task.loss.name} takes "
                        "no label smoothing: leave it out"
                    )


def candidates(name: str, parameter: Parameter) -> tuple[Scalar, ...]:
    """Return the values among which an option is searched, ascending if they are numbers.

    A range with more than :data:`LEVELS` values, or infinitely many, has that many at even steps
    of its scale: log-spaced for a logarithmic one, quantiles for a normal distribution.
    """
    if isinstance(parameter, Choice):
        values = list(parameter.options)
        return tuple(sorted(values) if all(map(_is_number, values)) else values)
    return tuple(dict.fromkeys(typed_whole(name, value) for value in _levels(parameter)))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _levels(parameter: Numeric) -> Iterator[float]:
    size = parameter.size
    if size is not None and size <= LEVELS:
        yield from parameter.levels(LEVELS)
        return
    content = parameter.to_json()
    exact = "q" in content["_type"] or content["_type"] == "randint"
    ends = "normal" not in content["_type"]  # which has no bounds to begin at
    for i in range(LEVELS):
        value = parameter.at(i / (LEVELS - 1) if ends else (i + 0.5) / LEVELS)
        yield value if exact else parameter.snap(float(f"{value:.{_DIGITS}g}"))


class Joint:
    """The decisions of a search: those of its space, and the options of training that it tunes.

    Args:
        network: the decisions of the space.
        content: what is tuned, in NNI's format; empty for nothing.

    Attributes:
        domains: all decisions. The label of an option is ``training.`` and its name; that of an
            option below a choice also has the names above: ``training.optimizer/sgd/momentum``.

    Raises:
        UserError: the space has a choice of such a label.
    """

    def __init__(self, network: Domains, content: Mapping[str, Any] | None = None) -> None:
        space = ParameterSpace.of(content) if content else None
        self._options: dict[str, str] = {}
        beside = [] if space is None else list(self._decisions(space))
        self.domains = JointDomains(network, beside)

    def _decisions(self, space: ParameterSpace) -> Iterator[Domain]:
        for place, parameter in space.leaves():
            label, name = label_of(place), place[-1]
            self._options[label] = name
            values = candidates(name, parameter)
            numbers = all(map(_is_number, values))
            site: tuple[Condition, ...] = ()
            if len(place) > 1:  # ("optimizer", "sgd", "momentum") is below ("optimizer",)
                site = (Condition(label_of(place[:-2]), frozenset({place[-2]})),)
            ordered = numbers and len(values) > 2
            yield Domain(label, "hyper", values, sites=(site,), ordered=ordered)

    def network(self, arch: Arch) -> Arch:
        """Return the architecture of the network alone."""
        return self.domains.split(arch)[0]

    def tuned(self, arch: Arch) -> dict[str, Any]:
        """Return the chosen options of training by label without ``training.``."""
        beside = self.domains.split(arch)[1]
        return {label.removeprefix(PREFIX): value for label, value in beside.items()}

    def training(self, arch: Arch) -> dict[str, Any]:
        """Return the chosen options of training by their names in the configuration."""
        beside = self.domains.split(arch)[1]
        return {self._options[label]: value for label, value in beside.items()}

    def arch(self, network: Mapping[str, object], tuned: Mapping[str, object]) -> Arch:
        """Return the joint architecture of a network and of :meth:`tuned` options.

        Raises:
            UserError: something is missing or not allowed.
        """
        beside = {f"{PREFIX}{name}": value for name, value in tuned.items()}
        return self.domains.arch({**network, **beside})

    def nearest(
        self, network: Mapping[str, object], options: Mapping[str, Any], inside: bool = False
    ) -> Arch:
        """Return the joint architecture of a network and of options of any training.

        Of an option with numbers it has the nearest, on a logarithmic scale if all are above 0.

        Args:
            network: label to what was chosen.
            options: options of training by their names in the configuration.
            inside: whether a value outside of the range, or beside the only two numbers, is
                refused instead of moved.

        Raises:
            UserError: an option has a value that is not searched, or the network does not fit.
        """
        beside: dict[str, object] = {}

        def choose(domain: Domain) -> Any:
            name = self._options[domain.label]
            value = options.get(name)
            if _is_number(value) and all(map(_is_number, domain.options)):
                low, high = domain.options[0], domain.options[-1]
                if inside and not low <= value <= high:  # type: ignore[operator]
                    raise UserError(f"{name}={value}: is not searched: {low} to {high}")
                found: Any = _nearest(value, domain.options)
                if inside and not domain.ordered and found != value:
                    found = None
            else:
                found = domain.normalize(value)
            if found is None:
                raise UserError(f"{name}={value!r:.80}: is not searched: {domain.allowed()}")
            return found

        beside = dict(self.domains.beside.decide(choose))
        return self.domains.arch({**network, **beside})


def names(content: Mapping[str, Any]) -> frozenset[str]:
    """Return the options that are tuned, by their names in the configuration.

    Args:
        content: what is tuned, in NNI's format; may be empty.
    """
    if not content:
        return frozenset()
    return frozenset(place[-1] for place, _ in ParameterSpace.of(content).leaves())


CHOICE = "architecture."
"""Begins the names of a space's choices among the parameters of a tuner."""


def with_choices(space: ParameterSpace, network: Domains) -> ParameterSpace:
    """Return the parameters of a tuning, and the choices of a space beside them.

    Every choice is a parameter, whether it is active or not: tuners do not know the conditions
    of a space.

    Args:
        space: the options of training.
        network: the decisions of the space; none for a network without choices.
    """
    choices = {f"{CHOICE}{one.label}": Choice(_plain(one)) for one in network.values()}
    return ParameterSpace({**space.parameters, **choices})


def chosen(parameters: Mapping[str, Any], network: Domains) -> Arch:
    """Return the architecture that the parameters of :func:`with_choices` describe."""
    found: dict[str, Value] = {}
    for label, domain in network.items():
        value = domain.normalize(parameters[f"{CHOICE}{label}"])
        assert value is not None
        found[label] = value
    return Arch(network.active(found))


def _plain(domain: Domain) -> tuple[Any, ...]:
    """Return the options of a decision as JSON has them."""
    return tuple(list(one) if isinstance(one, tuple) else one for one in domain.options)


def trained_with(config: SearchConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options for a retraining: those of the trials, then the tuned ones.

    How data are read and how long is trained are none of them.

    Args:
        config: the options of the search.
        found: the tuned options by name.
    """
    plain = config.to_json()
    return {**{name: plain[name] for name in TUNABLE if name in plain}, **found}


def label_of(place: Place) -> str:
    """Return the label of the decision on the option at that place of a search space."""
    return PREFIX + "/".join(place)


def _nearest(value: float, options: Sequence[Any]) -> Any:
    """Return the option nearest to a value, on a logarithmic scale if all are above 0."""
    if value > 0 and options[0] > 0:
        return min(options, key=lambda one: abs(math.log(one / value)))
    return min(options, key=lambda one: abs(one - value))


def words(options: Mapping[str, Any]) -> str:
    """Return tuned options in one line, such as ``lr 0.03, batch_size 64``."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in options.items()
    )
