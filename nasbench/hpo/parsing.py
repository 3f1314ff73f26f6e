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

from nasbench import plain_yaml
from nasbench.errors import UserError, unknown
from nasbench.hpo.parameters import Choice, Normal, Parameter, Randint, Real, Uniform, text_of

REALS = tuple(
    q + log + family for family in ("uniform", "normal") for log in ("", "log") for q in ("", "q")
)
TYPES = ("choice", "randint", *REALS)
_LARGEST_EXPONENT = 700.0  # e to the power of 709.8 is the largest float


def read_content(path: Path) -> Any:
    """Return the content of a JSON file, or of a YAML file if it ends in ``.yml`` or ``.yaml``.

    Raises:
        UserError: the file is missing or cannot be parsed, or a JSON object has a duplicate key.
    """
    where = f"search space {path}"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{where}: cannot be read: {reason}") from error
    if path.suffix not in (".yml", ".yaml"):
        return _json(text, where)
    try:
        return plain_yaml.parse(text)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error


def _json(text: str, where: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in pairs:
            if name in found:
                raise UserError(f"{where}: duplicate key {name!r}")
            found[name] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise UserError(f"{where}: not JSON: {error}") from error


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
    return {str(name): _parameter(entry, f"{where}: {name}") for name, entry in content.items()}


def _parameter(entry: Any, where: str) -> Parameter:
    if not isinstance(entry, Mapping) or set(entry) != {"_type", "_value"}:
        raise UserError(f"{where}: must be an object with _type and _value, not {entry!r:.80}")
    kind, values = entry["_type"], entry["_value"]
    if kind not in TYPES:
        raise unknown(f"_type in {where}", kind, TYPES)
    where = f"{where} ({kind})"
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise UserError(f"{where}: _value must be a list, not {values!r:.80}")
    if kind == "choice":
        return _choice(values, where)
    return _randint(values, where) if kind == "randint" else _real(kind, values, where)


def _choice(values: Sequence[Any], where: str) -> Choice:
    if not values:
        raise UserError(f"{where}: _value is empty, at least one option is needed")
    if not any(isinstance(value, Mapping) for value in values):
        return Choice(_distinct(values, where))
    for value in values:
        if not isinstance(value, Mapping) or not isinstance(value.get("_name"), str):
            raise UserError(
                f"{where}: {value!r:.80} must be an object with a _name, as every option of a "
                "nested choice"
            )
    names = _distinct([value["_name"] for value in values], where)
    return Choice(names, tuple(_nested(value, where) for value in values))


def _nested(option: Mapping[str, Any], where: str) -> dict[str, Parameter]:
    """Return the parameters of a nested choice's option; there may be none."""
    inner = {key: entry for key, entry in option.items() if key != "_name"}
    return parse(inner, f"{where}: {option['_name']}") if inner else {}


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


def _randint(values: Sequence[Any], where: str) -> Randint:
    if len(values) != 2 or any(type(value) is not int for value in values):
        raise UserError(f"{where}: {list(values)!r:.80} must be two integers, [low, high)")
    low, high = values
    if low >= high:
        raise UserError(f"{where}: [{low}, {high}) is empty: low must be below high")
    return Randint(low, high)


def _real(kind: str, values: Sequence[Any], where: str) -> Real:
    numbers = [_number(value, where) for value in values]
    wanted = 2 + kind.startswith("q")
    if len(numbers) != wanted:
        raise UserError(f"{where}: {list(values)!r:.80} must be {wanted} numbers")
    a, b, q = (*numbers, None)[:3]
    assert a is not None
    assert b is not None
    if q is not None and q <= 0:
        raise UserError(f"{where}: q={q:g} must be above 0")
    log = "log" in kind
    if kind.endswith("uniform"):
        _check_bounds(a, b, log, where)
        return Uniform(a, b, log, q)
    _check_spread(a, b, log, where)
    return Normal(a, b, log, q)


def _number(value: Any, where: str) -> float:
    """Return a number; a text like 1e-3 is accepted, since YAML 1.1 reads it as a text."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{where}: {value!r:.80} must be a finite number")
    return number


def _check_bounds(low: float, high: float, log: bool, where: str) -> None:
    if low >= high:
        raise UserError(
            f"{where}: low={low:g} must be below high={high:g}; a fixed value is a choice of one"
        )
    if log and low <= 0:
        raise UserError(f"{where}: low={low:g} must be above 0 on a logarithmic scale")


def _check_spread(mu: float, sigma: float, log: bool, where: str) -> None:
    if sigma <= 0:
        raise UserError(f"{where}: sigma={sigma:g} must be above 0")
    if log and mu + 6 * sigma > _LARGEST_EXPONENT:
        raise UserError(
            f"{where}: mu={mu:g} and sigma={sigma:g} are those of the logarithm, and "
            f"mu + 6 sigma must be at most {_LARGEST_EXPONENT:g}"
        )
