"""The ``checkpoint.json`` that NNI 1.x and 2.x exported from their DARTS example.

One flat object: ``normal_n2_p0`` is the operation on the edge from state 0 to node 2, and
``normal_n2_switch`` names the two states that are kept. Values come as indices, names, multi-hot
lists, or, for an edge that the switch drops, as an empty list or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nasbench.errors import UserError, unknown
from nasbench.interop.genotype import INPUTS, KINDS, Cell, Genotype, Pair

OPERATIONS = {
    "maxpool": "max_pool_3x3",
    "avgpool": "avg_pool_3x3",
    "skipconnect": "skip_connect",
    "sepconv3x3": "sep_conv_3x3",
    "sepconv5x5": "sep_conv_5x5",
    "dilconv3x3": "dil_conv_3x3",
    "dilconv5x5": "dil_conv_5x5",
}  # in the order of their indices
_KEY = re.compile(r"(normal|reduce)_n(\d{1,3})_(p\d{1,3}|switch)")


def recognizes(content: Mapping[str, Any]) -> bool:
    """Return whether all keys are those of such a file."""
    return bool(content) and all(_KEY.fullmatch(key) for key in content)


def read(content: Mapping[str, Any]) -> Genotype:
    """Return the two cells.

    Raises:
        UserError: a key is missing, or a value is invalid; the key is named.
    """
    cells: list[Cell] = []
    for kind in KINDS:
        found = (match for match in map(_KEY.fullmatch, content) if match)
        nodes = sorted({int(match[2]) for match in found if match[1] == kind})
        if nodes != list(range(INPUTS, INPUTS + len(nodes))) or not nodes:
            raise UserError(f"{kind}: has the nodes {nodes}; those from 2 on are expected")
        pairs: list[Pair] = []
        for node in nodes:
            key = f"{kind}_n{node}_switch"
            if key not in content:
                raise UserError(f"{key} is missing")
            for source in _sources(key, content[key], f"{kind}_n{node}_p", node):
                edge = f"{kind}_n{node}_p{source}"
                pairs.append((_operation(edge, content.get(edge, [])), source))
        cells.append(Cell.of(pairs))
    return Genotype(*cells)


def write(genotype: Genotype) -> dict[str, Any]:
    """Return the object with indices, the form that all of those versions read.

    Raises:
        UserError: a node does not have two different inputs, or an operation is not NNI's.
    """
    content: dict[str, Any] = {}
    names = list(OPERATIONS.values())
    for kind in KINDS:
        for number, node in enumerate(genotype.cell(kind).nodes, INPUTS):
            ops = {source: op for op, source in node}
            for op in ops.values():
                if op not in names:
                    raise UserError(f"{kind} node {number}: {op}: nni-2 has no such operation")
            for source in range(number):
                chosen: int | list[int] = names.index(ops[source]) if source in ops else []
                content[f"{kind}_n{number}_p{source}"] = chosen
            content[f"{kind}_n{number}_switch"] = sorted(ops)
    return content


def _sources(key: str, value: Any, prefix: str, node: int) -> list[int]:
    """Return the two states that a switch keeps."""
    value = [value] if isinstance(value, int | str) else value
    if isinstance(value, Sequence) and len(value) == node and _is_hot(value):
        value = [number for number, on in enumerate(value) if on]
    try:
        found = [int(str(one).removeprefix(prefix)) for one in value]
    except (TypeError, ValueError):
        found = []
    if len(set(found)) != 2 or not all(0 <= one < node for one in found):
        raise UserError(f"{key} is {value!r}: two of the states 0 to {node - 1} are allowed")
    return sorted(found)


def _operation(key: str, value: Any) -> str:
    names = list(OPERATIONS)
    if isinstance(value, list) and len(value) == len(names) and _is_hot(value) and sum(value) == 1:
        value = [bool(on) for on in value].index(True)
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    if type(value) is int and 0 <= value < len(names):
        return OPERATIONS[names[value]]
    if isinstance(value, str):
        name = value.replace("_", "").removesuffix("3x3") if "pool" in value else value
        name = name.replace("_", "")
        if name not in OPERATIONS:
            raise unknown(f"operation of {key}", value, names)
        return OPERATIONS[name]
    raise UserError(f"{key} is {value!r}: one of {', '.join(names)}, or 0 to 6, is allowed")


def _is_hot(value: Sequence[Any]) -> bool:
    """Return whether this is a multi-hot list rather than a list of indices."""
    return all(isinstance(one, bool | float) and float(one) in (0.0, 1.0) for one in value)
