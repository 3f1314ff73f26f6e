"""Numbers as a person reads them."""

from __future__ import annotations

from collections.abc import Sequence

_STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def count(number: float) -> str:
    """Return a large count with about three digits: ``"3.35 M"``, ``"650 k"``, ``"12"``."""
    for size, letter in _STEPS:
        if abs(number) >= 0.9995 * size:  # 999,600 is one million, not "1000 k"
            value = number / size
            decimals = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
            return f"{value:.{decimals}f} {letter}"
    return f"{number:.0f}" if float(number).is_integer() else f"{number:.1f}"


def counted(number: int, uncounted: Sequence[str]) -> str:
    """Return a count that may be too small: ``"≥ 650 k"``, or ``"?"`` if nothing was counted.

    Args:
        number: what was counted.
        uncounted: what could not be.
    """
    if not uncounted:
        return count(number)
    return f"\N{GREATER-THAN OR EQUAL TO} {count(number)}" if number else "?"


def multiply_adds(number: str, uncounted: Sequence[str]) -> str:
    """Return a number of multiply-adds in words, with what it leaves out.

    Args:
        number: as text.
        uncounted: names of operations that could not be counted.
    """
    if not uncounted:
        return f"{number} multiply-adds"
    return f"at least {number} multiply-adds (not counted: {', '.join(uncounted)})"


def duration(seconds: float) -> str:
    """Return seconds as ``"3.2 s"``, ``"40 s"``, ``"12 min"`` or ``"5.4 h"``."""
    if seconds < 120:
        return f"{seconds:.1f} s" if 0 < seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def signed(points: float) -> str:
    """Return a difference with its sign and two decimals; the minus is typographic."""
    return f"{points:+.2f}".replace("-", "\N{MINUS SIGN}")
