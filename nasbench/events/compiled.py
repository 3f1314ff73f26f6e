"""The loops over single bytes and events, compiled to machine code at their first use.

Numba keeps the machine code beside this file, or in the user's cache where that cannot be written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nasbench.optional import require

Loop = TypeVar("Loop", bound=Callable[..., object])

SHORTEST = len("0 0 0 0\n")
MOST_DIGITS = 18  # any number of so many fits in an int64
_BLANK, _NEWLINE, _MINUS, _ZERO = (ord(one) for one in " \n-0")


def _compiled(loop: Loop) -> Loop:
    made: Loop = require("numba", "reading events").njit(cache=True, nogil=True)(loop)
    return made


@_compiled
def read(block: NDArray[np.uint8], table: NDArray[np.int64]) -> int:  # pragma: no cover
    """Read lines of four whole numbers with blanks between.

    Args:
        block: the bytes of whole lines, the last with its end as well.
        table: where the numbers go, (4, lines).

    Returns:
        how many lines there are, or -1 where one has another form: a comment, nothing, a decimal
        point, more than 18 digits, or something wrong.
    """
    row = column = digits = 0
    sign, value = 1, np.int64(0)
    for byte in block:
        digit = np.uint8(byte - _ZERO)  # anything but a digit wraps around to 10 and more
        if digit < 10:
            value = 10 * value + np.int64(digit)
            digits += 1
        elif byte in (_BLANK, _NEWLINE):
            if digits:
                if column == 4 or digits > MOST_DIGITS:
                    return -1
                table[column, row] = sign * value
                column += 1
                value, digits, sign = np.int64(0), 0, 1
            elif sign < 0:
                return -1
            if byte == _NEWLINE:
                if column != 4:
                    return -1
                row, column = row + 1, 0
        elif byte == _MINUS and not digits and sign > 0:
            sign = -1
        else:
            return -1
    return row


@_compiled
def _coordinate(
    block: NDArray[np.uint8], at: int
) -> tuple[np.int64, int, bool]:  # pragma: no cover
    """Return a number of up to three digits, the place behind it, and whether a blank is there."""
    first = np.uint8(block[at] - _ZERO)
    second = np.uint8(block[at + 1] - _ZERO)
    third = np.uint8(block[at + 2] - _ZERO)
    two = second < 10
    three = two & (third < 10)
    value = np.int64(first)
    value = 10 * value + np.int64(second) if two else value
    value = 10 * value + np.int64(third) if three else value
    at += 1 + int(two) + int(three)
    return value, at, bool((first < 10) & (block[at] == _BLANK))


@_compiled
def read_plain(
    block: NDArray[np.uint8],
    t: NDArray[np.int64],
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    p: NDArray[np.bool_],
) -> int:  # pragma: no cover
    """Read lines ``t x y p`` as recordings have them, with one blank between and no sign.

    Lengths that differ from line to line mislead a processor, so the up to three digits of a
    coordinate are read without a branch.

    Args:
        block: as for :func:`read`.
        t: where times go, (at least as many as lines,), as in the next three.
        x: columns.
        y: rows.
        p: whether the last number is 1.

    Returns:
        how many lines there are, or -1 where one has another form.
    """
    at = row = 0
    while at + SHORTEST <= len(block):
        time, start = np.int64(0), at
        digit = np.uint8(block[at] - _ZERO)
        while digit < 10:
            time = 10 * time + np.int64(digit)
            at += 1
            digit = np.uint8(block[at] - _ZERO)
        # Behind a first number there are seven bytes, else these lines are not whole.
        good = (block[at] == _BLANK) & (0 < at - start <= MOST_DIGITS) & (at + 7 <= len(block))
        if not good:
            return -1
        x[row], at, good = _coordinate(block, at + 1)
        if not good or at + 5 > len(block):
            return -1
        y[row], at, good = _coordinate(block, at + 1)
        if not good or at + 3 > len(block):
            return -1
        polarity = np.uint8(block[at + 1] - _ZERO)
        if polarity > 9 or block[at + 2] != _NEWLINE:
            return -1
        t[row], p[row] = time, polarity == 1
        at += 3
        row += 1
    return row if at == len(block) else -1


@_compiled
def draw(
    t: NDArray[np.int64],
    x: NDArray[np.uint16],
    y: NDArray[np.uint16],
    p: NDArray[np.bool_],
    counts: NDArray[np.int64],
    times: NDArray[np.int64],
) -> None:  # pragma: no cover
    """Count events at their places, and keep the time of the last at each.

    Args:
        t: times (events,), as of the next three.
        x: columns.
        y: rows.
        p: whether they are positive.
        counts: (2, height, width), the negative ones first; changed.
        times: of the same shape; changed.
    """
    for event in range(len(t)):
        place = int(p[event]), y[event], x[event]
        counts[place] += 1
        times[place] = t[event]
