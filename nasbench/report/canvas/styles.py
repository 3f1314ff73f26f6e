"""The colors of drawings: families of operations, light and dark, and black and white."""

from __future__ import annotations

import re
from dataclasses import dataclass

STYLES = ("color", "paper")
"""``paper`` is black and white."""


@dataclass(frozen=True)
class Family:
    """How a family of operations looks.

    Attributes:
        fill: of its boxes.
        edge: of its boxes, and of its lines.
        dark: the fill on a dark page.
        gray: the fill in black and white.
        words: in the legend.
    """

    fill: str
    edge: str
    dark: str
    gray: str
    words: str


FAMILIES: dict[str, Family] = {
    "conv": Family("#8DBBE3", "#0072B2", "#0E4F7E", "#C8C8C8", "convolution"),
    "separable": Family("#D3ECFB", "#3C94C8", "#2A6A8E", "#EDEDED", "separable convolution"),
    "dilated": Family("#A6DCCB", "#009E73", "#0A6B50", "#B0B0B0", "dilated convolution"),
    "pool": Family("#F7D48D", "#B87F00", "#6E4D00", "#FFFFFF", "pooling"),
    "skip": Family("#FAF5B0", "#A39A1D", "#57530F", "#FFFFFF", "skip connection"),
    "none": Family("#FFFFFF", "#888888", "#222222", "#FFFFFF", "no connection"),
    "linear": Family("#F2BC9B", "#C15500", "#82390A", "#A8A8A8", "linear layer"),
    "attention": Family("#EBC6DA", "#A84F82", "#743A5C", "#DCDCDC", "attention"),
    "cell": Family("#E2E7EE", "#5B6B80", "#364355", "#F6F6F6", "cell"),
    "join": Family("#FFFFFF", "#555555", "#1E1E1E", "#FFFFFF", "sum or concatenation"),
    "other": Family("#DAD2EA", "#7A68A6", "#4B4070", "#E4E4E4", "other"),
}
"""After Okabe and Ito's palette, which is safe for the common kinds of color blindness."""

_INK = {  # light, dark
    "ink": ("#111111", "#F2F2F2"),
    "faint": ("#5A5A5A", "#B5B5B5"),
    "line": ("#444444", "#C4C4C4"),
    "pale": ("#B4B4B4", "#6A6A6A"),
    "mark": ("#C1121F", "#FF7B7B"),
    "node": ("#EFEFEF", "#3A3A3A"),
    "end": ("#3A3A3A", "#E4E4E4"),
    "endtext": ("#FFFFFF", "#111111"),
    "page": ("#FFFFFF", "#1E1E1E"),
}
_GRAY = {"mark": "#000000", "ink": "#000000", "line": "#000000", "faint": "#333333"}

# The first match counts: "dil_sep_conv" is dilated, and any of these names may contain "conv".
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
    ``"skip_connect"`` and ``"identity"`` skip, ``"conv3"`` conv; an unknown name is ``"other"``.
    """
    name = op_name.lower()
    if _INVERTED.match(name):
        return "separable"
    for kind, signs in _SIGNS:
        if any(sign in name for sign in signs):
            return kind
    return "other"


def colour(name: str, style: str = "color", dark: bool = False) -> str:
    """Return a color, ``#RRGGBB``, or ``none``.

    Args:
        name: of :data:`_INK`, ``fill:KIND``, ``edge:KIND``, or ``none``.
        style: of :data:`STYLES`.
        dark: for a dark page; black and white has none.
    """
    if name == "none":
        return name
    role, _, kind = name.partition(":")
    if not kind:
        light, night = _INK[name]
        return _GRAY.get(name, light) if style == "paper" else night if dark else light
    family = FAMILIES[kind]
    if style == "paper":
        return family.gray if role == "fill" else "#000000"
    if role == "fill":
        return family.dark if dark else family.fill
    return _lighter(family.edge) if dark else family.edge


def _lighter(colour: str) -> str:
    """Return a color half way to white, for lines on a dark page."""
    sides = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{(side + 255) // 2:02X}" for side in sides)
