"""How options are declared: each once, on a dataclass, with its help and the values it may take.

The command line, the YAML file and the presets all fill these classes; errors use the flag's
spelling. Nothing here imports torch.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self

from nasbench.errors import UserError, unknown

Scope = Literal["result", "identity", "place"]
"""What an option decides.

- ``result``: what is found. Runs are repetitions of each other where these options agree.
- ``identity``: which run it is: the seed, or what a record names in a field of another name.
- ``place``: where and how the run is carried out, which leaves its result as it is.
"""


def option(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    above: float | None = None,
    below: float | None = None,
    allowed: tuple[str, ...] | None = None,
    later: bool = False,
    scope: Scope = "result",
) -> Any:
    """Declare an option: its default, its help, and the values it may take.

    Args:
        default: its value where nobody gives one.
        help: one line.
        low: the smallest value.
        above: what the value must be above.
        below: what it must be below.
        allowed: the values there are.
        later: whether there are records from before there was this option; they mean its default.
        scope: what the option decides; see :data:`Scope`.
    """
    limits: dict[str, Any] = {"low": low, "above": above, "below": below, "allowed": allowed}
    limits |= {"later": later, "scope": scope}
    made = {"default_factory": dict} if isinstance(default, dict) else {"default": default}
    return field(metadata={"help": help, **limits}, **made)


@dataclass(frozen=True, kw_only=True)
class Config:
    """A set of options that are checked when it is made."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            _check(entry.name, getattr(self, entry.name), entry.metadata)

    def to_json(self) -> dict[str, Any]:
        """Return every option as plain values."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}

    def compared(self) -> dict[str, Any]:
        """Return what shapes a result: runs are repetitions of each other where this agrees.

        Options that came later are left out at their default, so that older records still agree.
        """
        shaping = [e for e in fields(self) if e.metadata["scope"] == "result"]
        values = self.to_json()
        return {
            e.name: values[e.name]
            for e in shaping
            if not (e.metadata["later"] and values[e.name] == e.default)
        }

    @classmethod
    def placing(cls) -> frozenset[str]:
        """Return the names of the options that decide only where and how a run is carried out."""
        return frozenset(e.name for e in fields(cls) if e.metadata["scope"] == "place")

    @classmethod
    def from_layers(cls, *layers: Mapping[str, Any]) -> Self:
        """Return the configuration where later layers win; ``None`` leaves an option alone.

        Raises:
            UserError: an option is unknown, of the wrong type or out of range.
        """
        types_of = typing.get_type_hints(cls)
        merged: dict[str, Any] = {}
        for layer in layers:
            for name, value in layer.items():
                key = name.replace("-", "_")
                if key not in types_of:
                    raise unknown("option", name, types_of)
                if value is not None:
                    merged[key] = _coerce(key, value, types_of[key])
        return cls(**merged)


def flag(name: str) -> str:
    """Return the option's spelling on the command line."""
    return "--" + name.replace("_", "-")


def _check(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    if value is None:
        return
    allowed, low = limits["allowed"], limits["low"]
    above, below = limits["above"], limits["below"]
    if allowed is not None and value not in allowed:
        raise unknown(flag(name), value, allowed)
    if low is not None and not value >= low:
        raise UserError(f"{flag(name)} {value}: must be at least {low}")
    if above is not None and not value > above:
        raise UserError(f"{flag(name)} {value}: must be above {above}")
    if below is not None and not value < below:
        raise UserError(f"{flag(name)} {value}: must be below {below}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{flag(name)} {value}: must be a finite number")


def _coerce(name: str, value: Any, kind: Any) -> Any:
    """Return ``value`` as ``kind``; a whole number serves as a float, a text as a path.

    YAML 1.1 takes ``1e-3`` for a text, so a text that reads as a number serves as a float, too.
    """
    kinds = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    for wanted in kinds:
        origin = typing.get_origin(wanted) or wanted
        if origin is float and type(value) is int:
            return float(value)
        if origin is float and isinstance(value, str):
            with suppress(ValueError):
                return float(value)
        if origin is Path and isinstance(value, str):
            return Path(value)
        if isinstance(value, origin) and not (type(value) is bool and origin is not bool):
            return value
    names = " or ".join(k.__name__ for k in kinds if k is not type(None))
    raise UserError(f"{flag(name)} {value!r}: must be of type {names}")
