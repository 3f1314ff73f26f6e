"""The dictionaries that NNI 3.0 exports: ``{"normal/op_2_0": "sep_conv_3x3", ...}``.

``normal/op_2_0`` and ``normal/input_2_0`` are the first operation of node 2 and the state that it
reads; ``width`` and ``depth`` are the network's channels and cells.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nasbench.errors import UserError
from nasbench.interop.genotype import INPUTS, KINDS, Cell, Genotype, Pair

NETWORK = {"width": "channels", "depth": "layers"}
_KEY = re.compile(r"(normal|reduce)/(op|input)_(\d{1,3})_([01])")


def recognizes(content: Mapping[str, Any]) -> bool:
    """Return whether all keys are those of such a dictionary."""
    cells = [key for key in content if _KEY.fullmatch(key)]
    return bool(cells) and all(key in NETWORK or key in cells for key in content)


def read(content: Mapping[str, Any]) -> tuple[Genotype, dict[str, int]]:
    """Return the two cells, and arguments of the network.

    Raises:
        UserError: a key is missing or a value is invalid; the key is named.
    """
    arguments = {}
    for key, name in NETWORK.items():
        if key in content:
            arguments[name] = _whole(key, content[key], 1)
    return Genotype(*(_cell(content, kind) for kind in KINDS)), arguments


def write(genotype: Genotype, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dictionary, with ``width`` and ``depth`` if ``arguments`` has them.

    Raises:
        UserError: a node does not have two inputs, or is not in the output.
    """
    content: dict[str, Any] = {}
    for kind in KINDS:
        cell = genotype.cell(kind)
        for number, node in enumerate(cell.nodes, INPUTS):
            if len(node) != 2 or number not in cell.concat:
                raise UserError(
                    f"{kind} node {number}: nni-3 holds nodes of two edges, all in the output"
                )
            for place, (op, source) in enumerate(node):
                content[f"{kind}/op_{number}_{place}"] = op
                content[f"{kind}/input_{number}_{place}"] = [source]
    return content | {key: arguments[name] for key, name in NETWORK.items() if name in arguments}


def _cell(content: Mapping[str, Any], kind: str) -> Cell:
    nodes = {int(m[3]) for key in content if (m := _KEY.fullmatch(key)) and m[1] == kind}
    if sorted(nodes) != list(range(INPUTS, INPUTS + len(nodes))) or not nodes:
        raise UserError(f"{kind}: has the nodes {sorted(nodes)}; those from 2 on are expected")
    pairs: list[Pair] = []
    for number in sorted(nodes):
        for place in (0, 1):
            op, source = f"{kind}/op_{number}_{place}", f"{kind}/input_{number}_{place}"
            for key in (op, source):
                if key not in content:
                    raise UserError(f"{key} is missing")
            if not isinstance(content[op], str):
                raise UserError(f"{op} is {content[op]!r}: the name of an operation is expected")
            read = content[source]
            read = read[0] if isinstance(read, list) and len(read) == 1 else read
            pairs.append((content[op], _whole(source, read, 0)))
    return Cell.of(pairs)


def _whole(key: str, value: Any, least: int) -> int:
    if type(value) is not int or value < least:
        raise UserError(f"{key} is {value!r}: a whole number of at least {least} is expected")
    return value
