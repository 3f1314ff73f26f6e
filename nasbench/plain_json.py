"""Reads JSON that anybody may have written.

Whatever it returns can be copied, printed and converted to floats: nesting and the digits of
integers are limited. ``NaN`` and ``Infinity`` are read as numbers, since the metrics of a training
may be either; who needs a finite number checks it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nasbench import plain_files
from nasbench.errors import UserError

DEEPEST = 100
"""Levels of lists and objects; a nested search space has about ten."""

DIGITS = 300
"""Digits of the longest integer; the largest float has 309."""


def read(path: Path, *, unique: bool = False, most: int = plain_files.MOST) -> Any:
    """Return what a JSON file holds.

    Args:
        path: the file.
        unique: whether a duplicate key is an error; else the last one counts.
        most: the largest size that is read, bytes.

    Raises:
        UserError: it cannot be read, or see :func:`parse`; the caller names the file.
    """
    try:
        text = plain_files.read_text(path, most)
    except UserError as error:
        raise UserError(f"cannot be read: {error}") from error
    return parse(text, unique=unique)


def parse(text: str | bytes, *, unique: bool = False) -> Any:
    """Return what a JSON text holds; a byte-order mark is passed over.

    Args:
        text: the text, or its bytes.
        unique: whether a duplicate key is an error; else the last one counts.

    Raises:
        UserError: it is not JSON, nested too deeply, or has too large a number or, with
            ``unique``, a duplicate key.
    """
    if isinstance(text, bytes):
        text = plain_files.decode(text)
    text = text.removeprefix("\ufeff")
    pairs = _unique if unique else None
    try:
        found = json.loads(text, parse_int=_integer, object_pairs_hook=pairs)
    except RecursionError as error:
        raise UserError("not JSON: nested too deeply") from error
    except ValueError as error:
        raise UserError(f"not JSON: {error}") from error
    if text.count("[") + text.count("{") > DEEPEST:
        check_depth(found)
    return found


def check_depth(content: Any) -> None:
    """Raise if lists and mappings are nested more than ``DEEPEST`` levels.

    Args:
        content: plain values; it does not contain itself.

    Raises:
        UserError: it is nested too deeply.
    """
    level = [content]
    for _ in range(DEEPEST + 1):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        if not inner:
            return
        level = inner
    raise UserError(f"nested too deeply: at most {DEEPEST} levels are read")


def _integer(digits: str) -> int:
    if len(digits) > DIGITS:
        raise UserError(f"the number {digits[:20]}... has {len(digits)} digits: at most {DIGITS}")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise UserError(f"duplicate key {name!r}")
        found[name] = value
    return found
