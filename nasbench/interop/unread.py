"""Architectures of other tools that are not read: one line says what they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from nasbench.errors import UserError

STRUCTURE = (
    "a Structure(...) of AutoDL-Projects: it is not read; a cell of NAS-Bench-201 is read as the "
    "text that its tostr() gives, |op~0|+|op~0|op~1|+|op~0|op~1|op~2|"
)
NB101 = "a cell of NAS-Bench-101 (adjacency matrix and operations): it is not read"
_FORMS: tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    (NB101, lambda one: _has(one, "matrix", "ops") or "module_adjacency" in one),
    (
        "the configuration of a ProxylessNAS network: it is not read; the dictionaries of NNI's "
        "ProxylessNAS space are",
        lambda one: _has(one, "first_conv", "blocks") and "Proxyless" in str(one.get("name")),
    ),
    (
        "the configuration of a once-for-all network: it is not read",
        lambda one: _has(one, "first_conv", "blocks") or _has(one, "ks", "e", "d"),
    ),
    (
        "a configuration of NAS-Bench-301: it is not read; its Genotype(...) is",
        lambda one: any(key.startswith("NetworkSelectorDatasetInfo:") for key in one),
    ),
    (
        "a search space of NNI, not an architecture",
        lambda one: all(isinstance(value, dict) and "_type" in value for value in one.values()),
    ),
    (
        "a recurrent cell of DARTS: it is not read; cells of convolutional networks are",
        lambda one: _has(one, "recurrent", "concat"),
    ),
)


def what(text: str, content: Any) -> str | None:
    """Return a line on an architecture that is not read, else ``None``.

    Args:
        text: of the file or the command line.
        content: what it holds as JSON or as a Python literal, else ``None``.
    """
    if isinstance(content, dict) and content:
        return next((line for line, fits in _FORMS if fits(content)), None)
    if isinstance(content, list | tuple) and _is_matrix(content):
        return NB101
    called = re.match(r"\s*(?:[\w.]+\s*=\s*)?(?:\w+\.)*(\w+)\s*\(", text)
    return _CALLED.get(called[1]) if called else None


def _has(content: Mapping[str, Any], *keys: str) -> bool:
    return all(key in content for key in keys)


def _is_matrix(content: list[Any] | tuple[Any, ...]) -> bool:
    """Return whether this is a square matrix of zeros and ones, or such a one with operations."""
    if len(content) == 2 and isinstance(content[0], list) and content[0]:
        content = content[0] if isinstance(content[0][0], list) else content
    rows = [row for row in content if isinstance(row, list) and len(row) == len(content)]
    return len(rows) == len(content) > 1 and all(one in (0, 1) for row in rows for one in row)


def _refuse(line: str) -> Callable[[list[Any], dict[str, Any]], NoReturn]:
    def refuse(given: list[Any], named: dict[str, Any]) -> NoReturn:
        raise UserError(line)

    return refuse


_CALLED = {"Structure": STRUCTURE, "ModelSpec": NB101, "Cell101": NB101}
CALLS = {name: _refuse(line) for name, line in _CALLED.items()}
"""Name of a class to what its call in a Python file means."""
