"""Lines of four whole numbers, read as arrays of bytes: no line is looked at by itself.

It takes the lines that recordings have (``t x y p``, one blank between, up to 16 digits in the
first column, three in the next two, one in the last) and declines all others.

The ends of the lines are found in words of eight bytes. For every byte, a few passes over the
block compute how many digits end there, and which number of at most four digits ends there. Then
all lines are read from their ends: the last number, how long it is, the number before it. The
passes are over contiguous bytes, for which numpy has the processor's vector instructions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Numbers = NDArray[np.int64]

PAD = 24  # blanks before a block, so that looking back stays inside
SHORT = 3  # digits of the columns after the first
LONG = 16  # digits of the first
WORD = 8

_BLANK, _NEWLINE, _ZERO = (np.uint8(ord(one)) for one in " \n0")
_PLACES = np.uint64(0x0001020304050607)  # times a word with a 1 in byte k: k in the highest byte


class Tables(NamedTuple):
    """What ends at each byte; entry i belongs to the byte i + 3, and both count from its end."""

    run: Bytes  # how many digits, 4 for four and more
    value: NDArray[np.uint16]  # the number that the last four of them make


def numbers(block: bytes) -> list[NDArray[np.integer]] | None:
    """Return the four columns of a block of whole lines, or ``None`` for other lines.

    Args:
        block: lines, the last with its end as well; at least 8 bytes each.

    Returns:
        the first column as int64, the others as uint16, one entry a line.
    """
    padding = b" " * (-len(block) % WORD)
    bytes_ = np.frombuffer(b" " * PAD + block + padding, np.uint8)
    ends = _newlines(bytes_)
    tables = _tables(bytes_, len(ends), PAD + len(padding))
    return None if tables is None or not len(ends) else _columns(tables, ends)


def _newlines(bytes_: Bytes) -> Numbers:
    """Return the places of the line ends, of which a word of eight bytes holds one at most."""
    words = (bytes_ == _NEWLINE).view("<u8")
    places = np.flatnonzero(words != 0)
    inside = words.take(places)  # 1 in the byte that is the newline
    inside *= _PLACES
    inside >>= np.uint64(56)
    places *= WORD
    places += inside.view(np.int64)
    return places


def _tables(bytes_: Bytes, lines: int, padding: int) -> Tables | None:
    """Return the tables, or ``None`` where there are other bytes than digits and separators."""
    digits = bytes_ - _ZERO
    is_digit = digits < 10
    is_one = is_digit.view(np.uint8)
    digits *= is_one
    blanks = 3 * lines + padding
    if np.count_nonzero(bytes_ == _BLANK) != blanks:
        return None
    if np.count_nonzero(is_digit) != len(bytes_) - blanks - lines:
        return None
    return Tables(_runs(is_one), _values(digits, is_one))


def _runs(is_one: Bytes) -> Bytes:
    run = is_one[:-3] + np.uint8(1)
    run *= is_one[1:-2]
    run += np.uint8(1)
    run *= is_one[2:-1]
    run += np.uint8(1)
    run *= is_one[3:]
    return run


def _values(digits: Bytes, is_one: Bytes) -> NDArray[np.uint16]:
    pairs = digits[:-1] * np.uint8(10)
    pairs += digits[1:]
    hundreds = pairs[:-2] * is_one[1:-2]  # a pair that ends in a separator is none
    hundreds *= is_one[2:-1]
    values = hundreds.astype(np.uint16)
    values *= np.uint16(100)
    values += pairs[2:]
    return values


def _columns(tables: Tables, ends: Numbers) -> list[NDArray[np.integer]] | None:
    """Read every line from its end."""
    at = ends - 4  # the entry of the last digit
    if (tables.run.take(at) != 1).any():
        return None
    found: list[NDArray[np.integer]] = [tables.value.take(at)]
    at -= 2
    for _ in range(2):
        length = tables.run.take(at)
        if length.min() < 1 or length.max() > SHORT:
            return None
        found.append(tables.value.take(at))
        at -= length
        at -= 1
    first = _long(tables.value, at, _lengths(at, ends))
    return None if first is None else [first, *reversed(found)]


def _lengths(at: Numbers, ends: Numbers) -> Numbers:
    """Return how many digits the first number of each line has."""
    lengths = np.empty_like(at)
    lengths[0] = at[0] + 4 - PAD
    np.subtract(at[1:], ends[:-1], out=lengths[1:])
    lengths[1:] += 3
    return lengths


def _long(values: NDArray[np.uint16], at: Numbers, lengths: Numbers) -> Numbers | None:
    """Return numbers of up to 16 digits, in fours; moves ``at``."""
    fewest, most = lengths.min(), lengths.max()
    if fewest < 1 or most > LONG:
        return None
    total = values.take(at).astype(np.int64)
    for done in range(4, int(most), 4):
        at -= 4
        more = values.take(at).astype(np.int64)
        more *= 10**done
        if fewest <= done:
            more *= lengths > done
        total += more
    return total
