"""The tuner and the assessor of an experiment file: names, direction and ``classArgs``."""

from __future__ import annotations

import typing
from dataclasses import Field, dataclass, field, fields
from typing import Any

from nasbench.errors import UserError
from nasbench.hpo.assessors.curvefitting import CurvefittingOptions
from nasbench.hpo.assessors.medianstop import MedianstopOptions
from nasbench.hpo.names import ASSESSORS, TUNERS, UNAVAILABLE, unavailable
from nasbench.hpo.nni_experiment.section import Section
from nasbench.hpo.tuners.nni import EvolutionOptions, NniTpeOptions, PbtOptions
from nasbench.options import PluginOptions, allowed_values

ALLOWED = {
    "tuner": (*TUNERS, *UNAVAILABLE),
    "advisor": ("Hyperband", "BOHB"),  # v2 calls them tuners too
    "assessor": tuple(ASSESSORS),
}
ALIASES = {f"{name}Tuner".lower(): name for name in ("PPO", "Batch", "Metis", "GP", "PBT", "DNGO")}
_MODES = ("minimize", "maximize")
# The default optimize_mode of NNI 3's tuners is maximize but for these, whose default in the
# documentation of NNI 1 and 2 is maximize, too.
_MINIMIZE = ("TPE", "TPE_legacy", "Anneal")
_NEITHER = ("Random", "GridSearch", "Batch", "PPO", *ALLOWED["assessor"])
_FIELDS = {  # by version: those of a user's own algorithm, and those ignored
    1: ("codeDir classFileName className", "includeIntermediateResults gpuIndices"),
    2: ("codeDirectory className", ""),
}
_OPTIONS: dict[str, type[PluginOptions]] = {
    "TPE": NniTpeOptions,
    "Random": PluginOptions,
    "GridSearch": PluginOptions,
    "Evolution": EvolutionOptions,
    "PBT": PbtOptions,
    "Medianstop": MedianstopOptions,
    "Curvefitting": CurvefittingOptions,
}
# Arguments that are no options of the algorithm in nasbench.
_OTHERS = {
    "TPE": "seed tpe_args",
    "Random": "seed",
    "PBT": "all_checkpoint_dir",
    "Curvefitting": "epoch_num",
}
_TPE_OF_VERSION_1 = "parallel_optimize constant_liar_type"
_EPOCHS = 20  # NNI's default of Curvefitting's epoch_num


@dataclass(frozen=True)
class Direction:
    """Whether larger or smaller final results are better, and what says so."""

    mode: str
    reason: str


@dataclass(frozen=True)
class Algorithm:
    """A tuner or an assessor of NNI, with its ``classArgs`` checked.

    Attributes:
        name: as NNI spells it.
        arguments: its ``classArgs`` as they are in the file.
        options: those of them that are options in nasbench.
        seed: ``seed``; ``None`` if it is missing.
        epochs: ``epoch_num`` of an assessor that needs it.
        checkpoint_dir: PBT's ``all_checkpoint_dir``; ``None`` if it is missing.
        ignored: its fields that have no effect here.
    """

    name: str
    arguments: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)
    seed: int | None = None
    epochs: int | None = None
    checkpoint_dir: str | None = None
    ignored: tuple[str, ...] = ()

    @property
    def ours(self) -> str:
        """Its name in nasbench."""
        return {**TUNERS, **ASSESSORS}[self.name]


@dataclass(frozen=True)
class _Named:
    """An algorithm whose ``classArgs`` are not read yet; ``mode`` is ``None`` if it has none."""

    name: str
    section: Section
    arguments: Section
    mode: str | None


def read_algorithms(top: Section, version: int) -> tuple[Algorithm, Algorithm | None, Direction]:
    """Return the tuner, or the advisor in its place, the assessor if any, and the direction.

    Raises:
        UserError: one is unknown or not available here, or an argument of it is unknown, of the
            wrong type or out of range.
    """
    # As in NNI, a section of version 1 that is left empty counts as missing.
    given = [kind for kind in ALLOWED if top.has(kind) and (version == 2 or top.raw(kind) != {})]
    named = {kind: _named(top, kind, version) if kind in given else None for kind in ALLOWED}
    tuner, assessor = named["tuner"] or named["advisor"], named["assessor"]
    if named["tuner"] and named["advisor"]:
        raise top.error("advisor", "left out beside a tuner")
    if tuner is None:
        raise top.error("tuner", "a mapping that names one")
    if assessor and assessor.mode and tuner.mode and assessor.mode != tuner.mode:
        raise assessor.arguments.error(
            "optimize_mode", f"the tuner's, which is {tuner.mode}: trials have one direction"
        )
    direction = _direction(tuner, assessor, version)
    read = [None if one is None else _read(one, direction, version) for one in (tuner, assessor)]
    assert read[0] is not None
    return read[0], read[1], direction


def default_mode(name: str) -> str | None:
    """Return the default ``optimize_mode`` of an algorithm of NNI 3; ``None`` if it has none."""
    if name in _NEITHER:
        return None
    return "minimize" if name in _MINIMIZE else "maximize"


def _named(top: Section, kind: str, version: int) -> _Named:
    key = f"builtin{kind.title()}Name" if version == 1 else "name"
    own, ignored = _FIELDS[version]
    section = top.section(kind, f"{key} classArgs {own}", ignored)
    if section.has("className"):
        raise section.error("className", f"left out: only NNI's own run here, by their {key}")
    name = section.text(key)
    spelled = {one.lower(): one for one in ALLOWED[kind]}
    if kind == "tuner":
        spelled |= ALIASES
    if name.lower() not in spelled:
        raise section.unknown(key, name, ALLOWED[kind])
    name = spelled[name.lower()]
    if name in UNAVAILABLE:
        raise UserError(f"{section.where(key)}: {unavailable(name)}")
    known = [option.name for option in fields(_OPTIONS[name]) if name != "TPE"]
    known += ["optimize_mode", _OTHERS.get(name, "")]
    known += [_TPE_OF_VERSION_1] if name == "TPE" and version == 1 else []
    arguments = section.section("classArgs", " ".join(known), exact=True)
    mode = arguments.raw("optimize_mode")
    if mode not in (None, *_MODES):
        raise section.unknown("classArgs.optimize_mode", mode, _MODES)
    return _Named(name, section, arguments, mode)


def _direction(tuner: _Named, assessor: _Named | None, version: int) -> Direction:
    """Return the direction; an ``optimize_mode`` that is left empty counts as missing."""
    for kind, one in (("tuner", tuner), ("assessor", assessor)):
        if one is not None and one.mode is not None:
            return Direction(one.mode, f"{kind}.classArgs.optimize_mode says so")
    default = default_mode(tuner.name)
    if default == "minimize" and version == 1:
        default, reason = "maximize", f"the default of {tuner.name} in NNI 1's documentation"
    else:
        reason = f"the default of {tuner.name} in NNI 3" if default else "the default"
    return Direction(default or "maximize", f"{reason}, since no optimize_mode is given")


def _read(one: _Named, direction: Direction, version: int) -> Algorithm:
    """Return the algorithm with its arguments.

    Raises:
        UserError: an argument is unknown, of the wrong type or out of range.
    """
    arguments, kind = one.arguments, _OPTIONS[one.name]
    if one.name == "TPE":
        inner = arguments.section("tpe_args", _names(kind), exact=True)
        options = _options(inner, kind) | _liar(arguments, inner, direction)
    else:
        options = _options(arguments, kind)
    if one.name == "Curvefitting" and direction.mode == "minimize":
        raise one.section.error(
            "name" if version == 2 else "builtinAssessorName",
            "left out: it extrapolates accuracies, and final results are minimized: "
            + direction.reason,
        )
    epochs = arguments.maybe_whole("epoch_num", 1, 9999)
    return Algorithm(
        name=one.name,
        arguments=arguments.content,
        options=options,
        seed=arguments.maybe_whole("seed", 0),
        epochs=epochs or (_EPOCHS if one.name == "Curvefitting" else None),
        checkpoint_dir=arguments.text("all_checkpoint_dir")
        if arguments.has("all_checkpoint_dir")
        else None,
        ignored=tuple(one.section.ignored),
    )


def _names(kind: type[PluginOptions]) -> str:
    return " ".join(entry.name for entry in fields(kind))


def _options(section: Section, kind: type[PluginOptions]) -> dict[str, Any]:
    """Return the options that a section holds."""
    hints = typing.get_type_hints(kind)
    return {
        entry.name: _option(section, kind, entry, hints[entry.name])
        for entry in fields(kind)
        if section.has(entry.name)
    }


def _option(section: Section, kind: type[PluginOptions], entry: Field[Any], hint: type) -> Any:
    """Return one option as its type."""
    value: Any = section.raw(entry.name)
    words = {int: "a whole number", float: "a number"}.get(hint)
    limits = allowed_values(entry.metadata)
    try:
        # YAML 1.1 reads 1e-3 as a text.
        if hint is float and type(value) in (int, str):
            value = float(value)
        if hint is str and isinstance(value, str):
            value = value.lower()  # as in NNI
        if type(value) is not hint:
            raise ValueError
        kind(**{entry.name: value})
    except (ValueError, OverflowError, UserError):
        must = ", ".join(part for part in (words, limits) if part)
        raise section.error(entry.name, must) from None
    return value


def _liar(arguments: Section, inner: Section, direction: Direction) -> dict[str, Any]:
    """Return TPE's ``constant_liar_type``, also as version 1 gives it.

    There ``min`` is the smallest of the results, so the best or the worst one.
    """
    if "constant_liar_type" in inner.content and not inner.has("constant_liar_type"):
        return {"constant_liar_type": "none"}  # null in YAML
    parallel, liar = arguments.raw("parallel_optimize"), arguments.raw("constant_liar_type")
    if parallel is None and liar is None:
        return {}
    if not isinstance(parallel, bool | None):
        raise arguments.error("parallel_optimize", "true or false")
    if liar not in (None, "min", "max", "mean"):
        raise arguments.error("constant_liar_type", "min, max or mean")
    if inner.has("constant_liar_type"):
        name = "parallel_optimize" if liar is None else "constant_liar_type"
        raise arguments.error(name, "left out beside tpe_args.constant_liar_type")
    if parallel is False:
        return {"constant_liar_type": "none"}
    if liar == "mean":
        return {"constant_liar_type": "mean"}
    smallest = liar in (None, "min")
    best = smallest == (direction.mode == "minimize")
    return {"constant_liar_type": "best" if best else "worst"}
