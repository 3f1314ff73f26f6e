"""Loops over single bytes and single events, compiled by numba on first use.

Numba caches the machine code beside this file, or in the user's cache folder if this one is
read-only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from nasbench.events.text import SHORTEST
from nasbench.optional import require

Loop = TypeVar("Loop", bound=Callable[..., object])

MAX_DIGITS = 18  # any number of this length fits in an int64
_BLANK, _NEWLINE, _MINUS, _ZERO = (ord(one) for one in " \n-0")


def _compiled(loop: Loop) -> Loop:
    made: Loop = require("numba", "reading events").njit(cache=True, nogil=True)(loop)
    return made


@_compiled
def read(block: NDArray[np.uint8], table: NDArray[np.int64]) -> int:  # pragma: no cover
    """Read lines of four integers separated by blanks.

    Args:
        block: uint8 ``(bytes,)``, complete lines; the last one ends with a newline too.
        table: int64 ``(4, at least the number of lines)``, filled with the numbers.

    Returns:
        The number of lines, or -1 if a line has another form: a comment, an empty line, a decimal
        point, more than 18 digits, or an error.
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
                if column == 4 or digits > MAX_DIGITS:
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
    """Return a number of up to three digits, its end, and whether a blank follows it."""
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
    """Read lines ``t x y p`` as recordings have them: single blanks and no sign.

    Numbers whose lengths vary from line to line defeat branch prediction, so the up to three
    digits of a coordinate are read without a branch.

    Args:
        block: uint8 ``(bytes,)``, as for :func:`read`.
        t: int64 ``(at least the number of lines,)``, filled with times, like the next three.
        x: columns.
        y: rows.
        p: whether the last number is 1.

    Returns:
        The number of lines, or -1 if a line has another form.
    """
    at = row = 0
    while at + SHORTEST <= len(block):
        time, start = np.int64(0), at
        digit = np.uint8(block[at] - _ZERO)
        while digit < 10:
            time = 10 * time + np.int64(digit)
            at += 1
            digit = np.uint8(block[at] - _ZERO)
        # At least seven bytes follow the first number of a complete line.
        good = (block[at] == _BLANK) & (0 < at - start <= MAX_DIGITS) & (at + 7 <= len(block))
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
    """Count the events of each pixel, and keep the time of its last one.

    Args:
        t: int64 ``(events,)``, times in ascending order.
        x: uint16 ``(events,)``, columns.
        y: uint16 ``(events,)``, rows.
        p: bool ``(events,)``, whether an event is positive.
        counts: int64 ``(2, height, width)``, negative events first; updated in place.
        times: int64 of the same shape; updated in place.
    """
    for event in range(len(t)):
        place = int(p[event]), y[event], x[event]
        counts[place] += 1
        times[place] = t[event]
