"""NNI's search-space files, read and checked.

The format: https://nni.readthedocs.io/en/stable/hpo/search_space.html
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nasbench import plain_files, plain_json, plain_yaml
from nasbench.errors import UserError, unknown
from nasbench.hpo.parameters import (
    LARGEST,
    Choice,
    Normal,
    Parameter,
    Randint,
    Real,
    Uniform,
    text_of,
)

REALS = tuple(
    q + log + family for family in ("uniform", "normal") for log in ("", "log") for q in ("", "q")
)
TYPES = ("choice", "randint", *REALS)
RESERVED = ("_name", "_type", "_value", "_index")
"""Keys of NNI's format; its tuners lose a parameter of that name, or fail."""

_LARGEST_INTEGER = 2**53  # floats hold every integer up to it
_MOST_OPTIONS = 10_000
_LEAST_SIGMA = 1e-9  # of the mean: with less, few values are different floats
_LARGEST_EXPONENT = 700.0  # e to the power of 709.8 is the largest float


def read_content(path: Path) -> Any:
    """Return the content of a JSON file, or of a YAML file if it ends in ``.yml`` or ``.yaml``.

    As in NNI, a file that is not JSON is read as YAML: trailing commas, comments after ``#`` and
    single quotes are allowed.

    Raises:
        UserError: the file is missing or cannot be parsed, or a JSON object has a duplicate key.
    """
    where = f"search space {path}"
    try:
        if path.suffix in (".yml", ".yaml"):
            return plain_yaml.read(path)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    try:
        text = plain_files.read_text(path)
    except UserError as error:
        raise UserError(f"{where}: cannot be read: {error}") from error
    try:
        return plain_json.parse(text, unique=True)
    except UserError as error:
        try:  # as NNI does: trailing commas, comments and single quotes are YAML
            return plain_yaml.parse(text)
        except UserError:
            raise UserError(f"{where}: {error}") from error


def parse(content: Any, where: str) -> dict[str, Parameter]:
    """Return the parameters that ``content`` describes.

    Args:
        content: a mapping from names to ``{"_type": …, "_value": […]}``.
        where: the name of the content in an error, for example ``"search space s.json"``.

    Raises:
        UserError: a parameter is invalid; the line names it and what is allowed.
    """
    if not isinstance(content, Mapping):
        raise UserError(f"{where}: must be an object of parameters, not {content!r:.80}")
    if not content:
        raise UserError(f"{where}: has no parameter")
    parameters: dict[str, Parameter] = {}
    for name, entry in content.items():
        inside = f"{where}: {name}"
        if name in RESERVED:
            raise UserError(f"{inside}: is a key of NNI's format: give the parameter another name")
        if str(name) in parameters:
            raise UserError(f"{inside}: two parameters have this name")
        if not isinstance(entry, Mapping) or set(entry) != {"_type", "_value"}:
            raise UserError(
                f"{inside}: must be an object with _type and _value, not {entry!r:.80}"
            )
        kind, values = entry["_type"], entry["_value"]
        if kind not in TYPES:
            raise unknown(f"_type in {inside}", kind, TYPES)
        inside = f"{inside} ({kind})"
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise UserError(f"{inside}: _value must be a list, not {values!r:.80}")
        if kind == "choice":
            parameters[str(name)] = _choice(values, inside)
        elif kind == "randint":
            parameters[str(name)] = _randint(values, inside)
        else:
            parameters[str(name)] = _real(kind, values, inside)
    return parameters


def _randint(values: Sequence[Any], where: str) -> Randint:
    bounds = [_integer(value) for value in values]
    if len(bounds) != 2 or None in bounds:
        raise UserError(f"{where}: {list(values)!r:.80} must be two integers, [low, high)")
    low, high = (bound for bound in bounds if bound is not None)
    if max(abs(low), abs(high)) > _LARGEST_INTEGER:
        raise UserError(f"{where}: {values!r:.80} must lie between -2^53 and 2^53")
    if low >= high:
        raise UserError(f"{where}: [{low}, {high}) is empty: low must be below high")
    return Randint(low, high)


def _integer(value: Any) -> int | None:
    """Return an integer, also one that is written as a float such as 1e3."""
    if type(value) is int:
        return value
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else None


def _choice(values: Sequence[Any], where: str) -> Choice:
    if not values:
        raise UserError(f"{where}: _value is empty, at least one option is needed")
    if len(values) > _MOST_OPTIONS:
        raise UserError(
            f"{where}: _value has {len(values):,} options, at most {_MOST_OPTIONS:,} are possible"
        )
    if not any(isinstance(value, Mapping) for value in values):
        return Choice(_distinct(values, where))
    for value in values:
        if not isinstance(value, Mapping) or not isinstance(value.get("_name"), str):
            raise UserError(
                f"{where}: {value!r:.80} must be an object with a _name, as every option of a "
                "nested choice"
            )
    names = _distinct([value["_name"] for value in values], where)
    nested: list[dict[str, Parameter]] = []
    for value in values:
        inner = {key: entry for key, entry in value.items() if key != "_name"}
        nested.append(parse(inner, f"{where}: {value['_name']}") if inner else {})
    return Choice(names, tuple(nested))


def _distinct(options: Sequence[Any], where: str) -> tuple[Any, ...]:
    seen = set[str]()
    for option in options:
        try:
            json.dumps(option, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UserError(f"{where}: {option!r:.80} is no JSON value ({error})") from error
        if text_of(option) in seen:
            raise UserError(f"{where}: duplicate option {option!r:.80}")
        seen.add(text_of(option))
    return tuple(copy.deepcopy(list(options)))


def _real(kind: str, values: Sequence[Any], where: str) -> Real:
    numbers = [_number(value, where) for value in values]
    wanted = 2 + kind.startswith("q")
    if len(numbers) != wanted:
        raise UserError(f"{where}: {list(values)!r:.80} must be {wanted} numbers")
    a, b = numbers[:2]
    q = numbers[2] if wanted == 3 else None
    if q is not None and q <= 0:
        raise UserError(f"{where}: q={q:g} must be above 0")
    log = "log" in kind
    if kind.endswith("uniform"):
        found: Real = _uniform(a, b, log, q, where)
        largest = max(abs(a), abs(b))
    else:
        found = _normal(a, b, log, q, where)
        largest = math.exp(a + 6 * b) if log else abs(a) + 6 * b
    if q is not None and not math.isfinite(largest / q):
        raise UserError(f"{where}: q={q:g} is too small for values up to {largest:g}")
    return found


def _number(value: Any, where: str) -> float:
    try:  # a text like 1e-3 is accepted, since YAML 1.1 reads it as a text
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    except OverflowError:  # an integer beyond the floats
        number = math.inf
    if not math.isfinite(number):
        raise UserError(f"{where}: {value!r:.80} must be a finite number")
    if abs(number) > LARGEST:
        raise UserError(f"{where}: {value!r:.80} must lie between -{LARGEST:g} and {LARGEST:g}")
    return number


def _uniform(low: float, high: float, log: bool, q: float | None, where: str) -> Uniform:
    if low >= high:
        raise UserError(
            f"{where}: low={low:g} must be below high={high:g}; a fixed value is a choice of one"
        )
    if log and low <= 0:
        raise UserError(f"{where}: low={low:g} must be above 0 on a logarithmic scale")
    return Uniform(low, high, log, q)


def _normal(mu: float, sigma: float, log: bool, q: float | None, where: str) -> Normal:
    if sigma <= 0:
        raise UserError(f"{where}: sigma={sigma:g} must be above 0")
    if sigma < _LEAST_SIGMA * abs(mu):
        raise UserError(f"{where}: sigma={sigma:g} must be at least {_LEAST_SIGMA:g} of mu={mu:g}")
    if log and mu + 6 * sigma > _LARGEST_EXPONENT:
        raise UserError(
            f"{where}: mu={mu:g} and sigma={sigma:g} are those of the logarithm, and "
            f"mu + 6 sigma must be at most {_LARGEST_EXPONENT:g}"
        )
    return Normal(mu, sigma, log, q)
