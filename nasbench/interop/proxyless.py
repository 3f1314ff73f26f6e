"""NNI's dictionaries of the ProxylessNAS space: ``{"s2_depth": 2, "s2_i0": "k3e6", ...}``.

A stage of depth 2 has blocks 0 and 1; here the remaining blocks are ``skip``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nasbench.errors import UserError

BLOCKS = {2: 4, 3: 4, 4: 4, 5: 4, 6: 4, 7: 1}  # stage: blocks
SKIP = "skip"
_KEY = re.compile(r"s(\d)_(?:i(\d)|depth)")


def recognizes(content: Mapping[str, Any]) -> bool:
    """Return whether all keys are blocks or depths of stages."""
    return bool(content) and all(_KEY.fullmatch(key) for key in content)


def read(content: Mapping[str, Any]) -> dict[str, str]:
    """Return label to value of the space ``proxyless``.

    Raises:
        UserError: a block is missing or unknown, or a depth is out of range.
    """
    arch: dict[str, str] = {}
    for stage, blocks in BLOCKS.items():
        depth = content.get(f"s{stage}_depth", blocks)
        if type(depth) is not int or not 1 <= depth <= blocks:
            raise UserError(f"s{stage}_depth is {depth!r}: 1 to {blocks} is allowed")
        for block in range(blocks):
            label = f"s{stage}_i{block}"
            if block < depth and label not in content:
                raise UserError(f"{label} is missing")
            arch[label] = str(content[label]) if block < depth else SKIP
    known = {*arch, *(f"s{stage}_depth" for stage in BLOCKS)}
    for key in content:
        if key not in known:
            raise UserError(f"{key}: the space proxyless has no such decision")
    return arch


def write(choices: Mapping[str, object]) -> dict[str, Any]:
    """Return the dictionary.

    Raises:
        UserError: a block is skipped and a later one of its stage is not.
    """
    content: dict[str, Any] = {}
    for stage, blocks in BLOCKS.items():
        values = [str(choices[f"s{stage}_i{block}"]) for block in range(blocks)]
        depth = values.index(SKIP) if SKIP in values else blocks
        if any(value != SKIP for value in values[depth:]):
            raise UserError(f"stage {stage}: block {depth} is skipped and a later one is not")
        content[f"s{stage}_depth"] = depth
        content |= {f"s{stage}_i{block}": value for block, value in enumerate(values[:depth])}
    return content
