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
