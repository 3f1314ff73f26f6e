"""``-o key=value``: options of plug-ins, checked against their declarations and signatures."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from nasbench import plain_yaml
from nasbench.errors import UserError, unknown
from nasbench.options import MOST, shown_number

Parameters = Mapping[str, Any]  # name to type


def parse(assignments: Sequence[str]) -> dict[str, Any]:
    """Return the values by key; they are parsed as YAML, so that numbers, lists and booleans work.

    Raises:
        UserError: an assignment has no ``=``, or its value is not YAML.
    """
    found = {}
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UserError(f"-o {text}: must look like key=value")
        try:
            found[key] = plain_yaml.parse(value)
        except UserError as error:
            raise UserError(f"-o {text}: {value!r} cannot be read as a value") from error
    return found


def of_dataclass(options: type) -> Parameters:
    """Return the fields of a strategy's ``Options`` with their types."""
    hints = typing.get_type_hints(options)
    return {entry.name: hints[entry.name] for entry in dataclasses.fields(options)}


def defaults_of(options: type) -> dict[str, Any]:
    """Return what it means if a record lacks an option of a plug-in, for those with a default."""
    plain = {
        entry.name: entry.metadata.get("older", entry.default)
        for entry in dataclasses.fields(options)
        if entry.default is not dataclasses.MISSING
    }
    return plain


def of_space(space: type) -> Parameters:
    """Return the keyword arguments of a space with their types."""
    try:
        hints = typing.get_type_hints(space.__init__)  # type: ignore[misc]
    except NameError:  # imported for type checkers only: no types to check
        hints = {}
    named = [
        p
        for p in list(inspect.signature(space).parameters.values())[1:]
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    return {p.name: hints.get(p.name, type(p.default)) for p in named}


def complete(space: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given arguments, completed by the defaults of the space that are plain values.

    A record then holds every argument, and a default given explicitly equals an omitted one.
    """
    parameters = list(inspect.signature(space).parameters.values())[1:]
    simple = (bool, int, float, str, type(None))
    defaults = {p.name: p.default for p in parameters if isinstance(p.default, simple)}
    return {**defaults, **given}


def split(given: Mapping[str, Any], **owners: Parameters) -> list[dict[str, Any]]:
    """Assign every argument to its owner, or to the one that a prefix such as ``space.`` names.

    Args:
        given: the arguments by name.
        owners: the parameters of each owner, by its name, which is also the prefix.

    Returns:
        Each owner's arguments, in the order of the owners.

    Raises:
        UserError: an argument has no owner or two, or its value has the wrong type.
    """
    found: dict[str, dict[str, Any]] = {owner: {} for owner in owners}
    for key, value in given.items():
        prefix, dot, rest = key.partition(".")
        name, asked = (rest, [prefix]) if dot and prefix in owners else (key, list(owners))
        knowing = [owner for owner in asked if name in owners[owner]]
        if not knowing:
            raise unknown("argument -o", key, [name for one in owners.values() for name in one])
        if len(knowing) > 1:
            several = " or ".join(f"{owner}.{key}" for owner in knowing)
            raise UserError(f"-o {key}: ambiguous: write {several}")
        found[knowing[0]][name] = typed(key, value, owners[knowing[0]][name])
    return list(found.values())


def typed(key: str, value: Any, kind: Any) -> Any:
    """Return ``value`` as the simple type ``kind``; values of other kinds are not checked.

    Args:
        key: name of the argument, for the error.
        value: the value, parsed as YAML.
        kind: the annotated type of the argument.

    Raises:
        UserError: the value has another type.
    """
    if type(value) is int and abs(value) > MOST:
        raise UserError(f"-o {key}={shown_number(value)}: must be at most {MOST:,}")
    if kind is float and type(value) is int:
        return float(value)
    if kind is float and isinstance(value, str):
        # YAML 1.1 parses 1e-3 as a string.
        try:
            return float(value)
        except ValueError:
            pass
    if kind in (int, float, str, bool) and type(value) is not kind:
        raise UserError(f"-o {key}={value}: must be of type {kind.__name__}")
    return value


def help_of_space(space: type) -> dict[str, str]:
    """Return the help of a space's arguments, from the ``Args:`` sections of its docstrings.

    The sections of its base classes count too; the most derived text of a name wins.
    """
    found: dict[str, str] = {}
    for base in reversed(space.__mro__):
        _, section, rest = inspect.cleandoc(base.__doc__ or "").partition("\nArgs:\n")
        name = ""
        for line in rest.splitlines() if section else ():
            if not line.startswith("    "):
                break
            if not line.startswith("     "):
                name, _, line = line.strip().partition(": ")
                found[name] = ""
            found[name] = f"{found[name]} {line.strip()}".strip().replace("``", "")
    return {name: words[:1].upper() + words[1:] for name, words in found.items()}
