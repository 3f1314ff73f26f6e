"""The eight digits by which NAS-Bench-Macro names a network, such as ``02012100``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nasbench.errors import UserError

NAMES = ("identity", "mb3_k3", "mb6_k5")  # in the order of the digits 0, 1, 2
STAGES = (2, 3, 3)  # layers
LAYERS = sum(STAGES)


def recognizes(text: str) -> bool:
    """Return whether the text is eight of the digits 0, 1 and 2."""
    return re.fullmatch(f"[012]{{{LAYERS}}}", text) is not None


def arch_of(digits: str) -> dict[str, str]:
    """Return label to value.

    Raises:
        UserError: the text has another form.
    """
    if not recognizes(digits):
        raise UserError(
            f"not a NAS-Bench-Macro architecture: {digits[:40]!r}: must be {LAYERS} digits, "
            "each 0 (identity), 1 (mb3_k3) or 2 (mb6_k5)"
        )
    return {f"layer{layer}": NAMES[int(digit)] for layer, digit in enumerate(digits)}


def digits_of(choices: Mapping[str, object]) -> str:
    """Return the digits; the inverse of :func:`arch_of`."""
    names = (str(choices[f"layer{layer}"]) for layer in range(LAYERS))
    return "".join(str(NAMES.index(name)) for name in names)


def canonical(digits: str) -> str:
    """Return the same digits for equal networks: 3,969 of the 6,561 are different.

    An identity of stride 1 does nothing at any place; here it moves to the end of its stage.

    Raises:
        UserError: the text is no architecture of NAS-Bench-Macro.
    """
    arch_of(digits)
    found, start = "", 0
    for layers in STAGES:
        first, others = digits[start], digits[start + 1 : start + layers]
        found += first + others.replace("0", "").ljust(layers - 1, "0")
        start += layers
    return found
