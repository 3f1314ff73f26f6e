"""The cell of NAS-Bench-201 as its authors write it, as NASLib's indices, and as NNI's keys."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nasbench.errors import UserError, unknown
from nasbench.interop.python_text import shown

NODES = 4
EDGES = tuple((node, source) for node in range(1, NODES) for source in range(node))
OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
FORM = "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|"  # the edges in their order
_PATTERN = re.escape(FORM).replace("op", "([^|~+]+)")
# NASLib: (from, to) counted from 1, and the operations that its indices stand for.
_NASLIB_EDGES = ((1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4))
_NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")


def edge_label(node: int, source: int) -> str:
    """Return the label of the operation on the edge from ``source`` to ``node``."""
    return f"edge_{node}_{source}"


def parse(text: str) -> dict[str, str]:
    """Return label to operation of ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``.

    Raises:
        UserError: the text has another form, or names an unknown operation.
    """
    found = re.fullmatch(_PATTERN, text.strip())
    if found is None:
        raise UserError(f"not a NAS-Bench-201 cell: {text[:120]!r}: must look like {FORM}")
    return {edge_label(*edge): _known(op) for edge, op in zip(EDGES, found.groups(), strict=True)}


def to_text(choices: Mapping[str, object]) -> str:
    """Return the cell as its authors write it; the inverse of :func:`parse`."""
    nodes = (
        "".join(f"|{choices[edge_label(node, source)]}~{source}" for source in range(node))
        for node in range(1, NODES)
    )
    return "+".join(f"{node}|" for node in nodes)


def of_indices(indices: Sequence[Any]) -> dict[str, str]:
    """Return label to operation of NASLib's ``op_indices``.

    Raises:
        UserError: they are not six whole numbers from 0 to 4.
    """
    good = len(indices) == len(EDGES) and all(type(one) is int and 0 <= one < 5 for one in indices)
    if not good:
        raise UserError(f"NASLib's op_indices {shown(list(indices))}: six of 0 to 4 are allowed")
    return {
        edge_label(end - 1, start - 1): _NASLIB_OPERATIONS[index]
        for (start, end), index in zip(_NASLIB_EDGES, indices, strict=True)
    }


def to_indices(choices: Mapping[str, object]) -> list[int]:
    """Return NASLib's ``op_indices``; the inverse of :func:`of_indices`."""
    return [
        _NASLIB_OPERATIONS.index(str(choices[edge_label(end - 1, start - 1)]))
        for start, end in _NASLIB_EDGES
    ]


def recognizes_keys(content: Mapping[str, Any]) -> bool:
    """Return whether all keys look like ``0_1``, as in NNI 1.x's zoo."""
    return bool(content) and all(re.fullmatch(r"[0-3]_[0-3]", key) for key in content)


def of_keys(content: Mapping[str, Any]) -> dict[str, str]:
    """Return label to operation of ``{"0_1": "avg_pool_3x3", ..., "2_3": "skip_connect"}``.

    Raises:
        UserError: an edge is missing or one too many, or an operation is unknown.
    """
    expected = {f"{source}_{node}": edge_label(node, source) for node, source in EDGES}
    for key in {*expected, *content}:
        if (key in expected) != (key in content):
            state = "is missing" if key in expected else "is no edge"
            raise UserError(f"{key} {state}; a cell has {', '.join(expected)}")
    return {label: _known(content[key]) for key, label in expected.items()}


def to_keys(choices: Mapping[str, object]) -> dict[str, str]:
    """Return NNI 1.x's form; the inverse of :func:`of_keys`."""
    return {f"{source}_{node}": str(choices[edge_label(node, source)]) for node, source in EDGES}


def _known(op: object) -> str:
    if op not in OPERATIONS:
        raise unknown("operation of NAS-Bench-201", str(op), OPERATIONS)
    return str(op)
