"""Families of operations, and the colour in which each is drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """How a family of operations looks: fill and text colour, and its words in the legend."""

    fill: str
    text: str
    words: str


FAMILIES: dict[str, Family] = {
    "conv": Family("#0072B2", "#FFFFFF", "convolution"),
    "separable": Family("#56B4E9", "#000000", "separable convolution"),
    "dilated": Family("#009E73", "#000000", "dilated convolution"),
    "pool": Family("#E69F00", "#000000", "pooling"),
    "skip": Family("#F0E442", "#000000", "skip connection"),
    "none": Family("#FFFFFF", "#555555", "no connection"),
    "other": Family("#CC79A7", "#000000", "other"),
}
"""Okabe and Ito's palette, which stays apart under the common kinds of colour blindness."""

# The first match counts: "dil_sep_conv" is dilated, and every name here may hold "conv".
_SIGNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("dilated", ("dil",)),
    ("separable", ("sep", "depthwise", "dw_", "mbconv", "mobile", "inverted")),
    ("pool", ("pool",)),
    ("skip", ("skip", "identity", "shortcut", "residual")),
    ("none", ("none", "zero")),
    ("conv", ("conv",)),
)
_INVERTED = re.compile(r"k\d+_?e\d+|mb\d+_k\d+")  # "k3e6", "mb6_k3": an inverted bottleneck


def kind_of(op_name: str) -> str:
    """Return the family of an operation's name: a key of :data:`FAMILIES`.

    ``"sep_conv_3x3"`` is separable, ``"dil_conv_5x5"`` dilated, ``"max_pool_3x3"`` pool,
    ``"skip_connect"`` and ``"identity"`` skip, ``"conv3"`` conv; a stranger is ``"other"``.
    """
    name = op_name.lower()
    if _INVERTED.match(name):
        return "separable"
    for kind, signs in _SIGNS:
        if any(sign in name for sign in signs):
            return kind
    return "other"
