"""How options are declared: once, on a dataclass, with a default, help and allowed values.

The command line, YAML files and presets fill these classes. Errors use the spelling in which the
user gives an option: ``--name value`` for :class:`Config`, ``-o name=value`` for
:class:`PluginOptions`. Nothing here imports torch.
"""

from __future__ import annotations

import math
import os
import types
import typing
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from nasbench.errors import UserError, unknown

Scope = Literal["result", "identity", "place"]
"""What an option decides.

- ``result``: what is found. Runs are repetitions of each other where these options agree.
- ``identity``: which run it is: the seed, or what a record names in a field of another name.
- ``place``: where and how the run is carried out, which leaves its result as it is.
"""

Bound = float | str | None  # a number, or the name of another option

MOST = 10**9
"""The largest number that an option takes unless its declaration says otherwise."""


def option(
    default: Any,
    help: str,
    *,
    low: Bound = None,
    above: Bound = None,
    high: Bound = None,
    below: Bound = None,
    most: float = MOST,
    allowed: tuple[Any, ...] | None = None,
    only_with: tuple[str, Any] | None = None,
    later: bool = False,
    older: Any = MISSING,
    scope: Scope = "result",
    section: str | None = None,
    or_number: bool = False,
    words: Mapping[str, int] | None = None,
) -> Any:
    """Declare an option of a dataclass: its default, its help and the values it may take.

    A bound may be the name of another option, whose value is then the bound.

    Args:
        default: the value if none is given.
        help: one or two sentences.
        low: the smallest allowed value.
        above: a value that the option must exceed.
        high: the largest allowed value.
        below: a value that the option must stay below.
        most: the largest value that makes sense; a larger one is taken for a mistake. It is named
            in errors alone.
        allowed: the only allowed values.
        only_with: another option and the value of it with which this one has an effect.
        later: whether older records lack this option; they mean its default.
        older: what a record that lacks this option means, if it is not the default.
        scope: what the option decides; see :data:`Scope`.
        section: of the help page; by default that of the class.
        or_number: whether a text may be given as a whole number.
        words: words that stand for numbers; the range need not hold these.
    """
    limits: dict[str, Any] = {
        "low": low,
        "above": above,
        "high": high,
        "below": below,
        "most": most,
        "allowed": allowed,
    }
    metadata = {
        "help": help,
        **limits,
        "only_with": only_with,
        "later": later,
        "scope": scope,
        "section": section,
        "or_number": or_number,
        "words": words or {},
    }
    if older is not MISSING:
        metadata["older"] = older
    if isinstance(default, dict):
        return field(metadata=metadata, default_factory=dict)
    return field(metadata=metadata, default=default)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A set of options, checked on construction.

    Attributes:
        section: of the help page, in which the options that a class declares stand.
    """

    section: ClassVar[str] = "Options"

    def __post_init__(self) -> None:
        for entry in fields(self):
            _check(self, entry, f"{flag(entry.name)} ")

    def shown(self, name: str) -> str:
        """Return an option as a user gives it, such as ``--epochs 10``."""
        value = getattr(self, name)
        (entry,) = (entry for entry in fields(self) if entry.name == name)
        word = {number: word for word, number in entry.metadata["words"].items()}
        return f"{flag(name)} {word.get(value, value)}"

    def to_json(self) -> dict[str, Any]:
        """Return every option as plain values."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}

    def compared(self) -> dict[str, Any]:
        """Return the options that shape a result; runs that agree in them are repetitions.

        Options added later are left out at their default, so that older records still agree.
        """
        shaping = [e for e in fields(self) if e.metadata["scope"] == "result"]
        values = self.to_json()
        return {
            e.name: values[e.name]
            for e in shaping
            if not (e.metadata["later"] and values[e.name] in ({}, e.default))
        }

    @classmethod
    def sections(cls) -> dict[str, str]:
        """Return the section of each option's help, by option."""
        found = {}
        for entry in fields(cls):
            declaring = next(
                kind
                for kind in reversed(cls.__mro__)
                if entry.name in vars(kind).get("__annotations__", {})
            )
            found[entry.name] = entry.metadata["section"] or vars(declaring).get(
                "section", "Options"
            )
        return found

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        """Return the default of each option that shapes a result."""
        shaping = [e for e in fields(cls) if e.metadata["scope"] == "result"]
        return {e.name: {} if e.default is MISSING else e.default for e in shaping}

    @classmethod
    def placing(cls) -> frozenset[str]:
        """Return the names of the options that decide only where and how a run is carried out."""
        return frozenset(e.name for e in fields(cls) if e.metadata["scope"] == "place")

    @classmethod
    def from_layers(cls, *layers: Mapping[str, Any]) -> Self:
        """Return the configuration in which later layers win; ``None`` leaves an option alone.

        Raises:
            UserError: an option is unknown, of the wrong type or out of range.
        """
        types_of = _types(cls)
        or_number = {e.name for e in fields(cls) if e.metadata.get("or_number")}
        words = {e.name: e.metadata.get("words", {}) for e in fields(cls)}
        merged: dict[str, Any] = {}
        for layer in layers:
            for name, value in layer.items():
                key = name.replace("-", "_")
                if key not in types_of:
                    raise unknown("option", name, types_of)
                if key in or_number and type(value) is int:
                    value = str(value)
                if isinstance(value, str):
                    value = words[key].get(value, value)
                if value is not None:
                    merged[key] = _coerce(key, value, types_of[key])
        return cls(**merged)


@dataclass(frozen=True)
class PluginOptions:
    """Options of a strategy, tuner or assessor, checked on construction; ``-o name=value``.

    A subclass may give an inherited option another default: help and range stay declared once.

    Example:
        >>> @dataclass(frozen=True)
        ... class DartsOptions(PluginOptions):
        ...     order: int = option(1, "Order of the gradient.", allowed=(1, 2))
    """

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for base in cls.__mro__[1:]:
            for name, inherited in getattr(base, "__dataclass_fields__", {}).items():
                default = vars(cls).get(name, MISSING)
                if default is not MISSING and not isinstance(default, Field):
                    setattr(cls, name, field(default=default, metadata=inherited.metadata))

    def __post_init__(self) -> None:
        for entry in fields(self):
            _check(self, entry, f"-o {entry.name}=")


def _types_of(kind: Any) -> dict[str, Any]:
    """Return the types of the options; class variables are none."""
    hints = typing.get_type_hints(kind)
    return {entry.name: hints[entry.name] for entry in fields(kind)}


_types: Callable[[Any], dict[str, Any]] = cache(_types_of)


def require_effect(options: Any, given: Container[str]) -> None:
    """Raise if an option was given that has no effect because of another option's value.

    Args:
        options: a dataclass whose fields are declared with :func:`option`.
        given: names of the options that the user gave.

    Raises:
        UserError: an option was given, but the one it belongs to has another value.
    """
    for entry in fields(options):
        needed = entry.metadata.get("only_with")
        if entry.name in given and needed is not None:
            other, value = needed
            if (found := getattr(options, other)) != value:
                raise UserError(
                    f"-o {entry.name}={getattr(options, entry.name)}: is for -o {other}={value}, "
                    f"and this search has {other}={found}"
                )


def flag(name: str) -> str:
    """Return the option's spelling on the command line."""
    return "--" + name.replace("_", "-")


def allowed_values(limits: Mapping[str, Any], values: Mapping[str, Any] | None = None) -> str:
    """Return the values that an option may take in words, such as ``at least 1`` or ``in [0, 1)``.

    Args:
        limits: metadata of the option's field.
        values: the other options by name; a bound that is one of them is then given as a number.

    Returns:
        An empty text if there is no limit.
    """
    if limits.get("allowed"):
        return f"one of {', '.join(map(str, limits['allowed']))}"

    def text(bound: float | str) -> str:
        if isinstance(bound, str):
            return bound if values is None else f"{bound}={values[bound]}"
        return f"{bound:g}" if isinstance(bound, float) else str(bound)

    low, above, high, below = (limits.get(name) for name in ("low", "above", "high", "below"))
    start = f"[{text(low)}" if low is not None else f"({text(above)}" if above is not None else ""
    end = f"{text(high)}]" if high is not None else f"{text(below)})" if below is not None else ""
    if start and end:
        return f"in {start}, {end}"
    if start:
        return f"at least {start[1:]}" if low is not None else f"above {start[1:]}"
    if end:
        return f"at most {end[:-1]}" if high is not None else f"below {end[:-1]}"
    return ""


def _check(options: Any, entry: Field[Any], spelled: str) -> None:
    """Raise a UserError that begins with ``spelled`` if an option's value is not allowed."""
    value, limits = getattr(options, entry.name), entry.metadata
    if value is None or not limits or value in limits["words"].values():
        return
    if limits["allowed"] is not None and value not in limits["allowed"]:
        raise unknown(spelled.rstrip("= "), value, limits["allowed"])

    def bound(name: str) -> Any:
        found = limits[name]
        return getattr(options, found) if isinstance(found, str) else found

    low, above, high, below = (bound(name) for name in ("low", "above", "high", "below"))
    if (
        (low is not None and not value >= low)
        or (above is not None and not value > above)
        or (high is not None and not value <= high)
        or (below is not None and not value < below)
    ):
        allowed = allowed_values(limits, vars(options))
        raise UserError(f"{spelled}{shown_number(value)}: must be {allowed}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{spelled}{value}: must be a finite number")
    if isinstance(value, int | float) and abs(value) > limits["most"]:
        raise UserError(f"{spelled}{shown_number(value)}: must be at most {limits['most']:,}")


def _path(name: str, text: str) -> Path:
    """Return a path that the file system can have."""
    try:
        possible = "\0" not in text and os.fsencode(text)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise UserError(f"{flag(name)} {text!r}: must be the name of a file or folder")
    return Path(text)


def shown_number(value: float) -> str:
    """Return a number in at most 23 characters."""
    text = str(value)
    return text if len(text) <= 23 else f"{text[:20]}..."


def _coerce(name: str, value: Any, kind: Any) -> Any:
    """Return ``value`` as ``kind``; an integer is accepted as a float, a text as a path.

    YAML 1.1 reads ``1e-3`` as a text, so a text that is a number is accepted as a float, too.
    """
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for wanted in kinds:
        origin = typing.get_origin(wanted) or wanted
        if origin is float and type(value) is int:
            return float(value) if abs(value) < MOST**9 else math.inf * (1 if value > 0 else -1)
        if origin is float and isinstance(value, str):
            with suppress(ValueError):
                return float(value)
        if origin is Path and isinstance(value, str):
            return _path(name, value)
        if isinstance(value, origin) and not (type(value) is bool and origin is not bool):
            return value
    names = " or ".join(k.__name__ for k in kinds if k is not type(None))
    raise UserError(f"{flag(name)} {value!r}: must be of type {names}")
