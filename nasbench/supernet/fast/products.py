"""Products of pixels with small matrices, by loops that numba compiles.

All numbers are float32, and the number of channels a multiple of 4.
"""

from __future__ import annotations

import functools

from llvmlite import ir
from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic

from nasbench.supernet.fast.vectors import (
    FAR,
    FLOAT,
    INTEGER,
    ahead,
    instructions,
    lanes_at,
)

TILE = 8
"""Pixels that the innermost loops compute at once."""
CHAINS = 4
"""Sums that do not wait for each other, at least; the number of channels is a multiple of it."""


def _affine(pixels, terms, relu=False):
    """Return ``start + x a`` of pixels, or of two terms, for one vector of channels.

    Args:
        pixels: how many.
        terms: 1 or 2.
        relu: what becomes of the sum.
    """
    chains = CHAINS // pixels or 1

    def write(v, start, step, out, pixel, depth, *pairs):
        sums = [[v.register(v.load(v.at(start, (step, p))))] for p in range(pixels)]
        for parts in sums:
            parts += [v.register(v.zero) for _ in range(chains - 1)]
        rounds = v.builder.udiv(depth, ir.Constant(INTEGER, chains))
        for x, matrix in zip(pairs[::2], pairs[1::2], strict=True):
            with cgutils.for_range(v.builder, rounds) as some:
                first = v.builder.mul(some.index, ir.Constant(INTEGER, chains))
                for chain in range(chains):
                    channel = v.builder.add(first, ir.Constant(INTEGER, chain))
                    row, one = v.load(v.at(matrix, (pixel, channel))), v.at(x, (FLOAT, channel))
                    for p, parts in enumerate(sums):
                        factor, total = v.repeat(v.at(one, (pixel, p))), parts[chain]
                        v.builder.store(v.fma(factor, row, v.builder.load(total)), total)
        for p, parts in enumerate(sums):
            value = functools.reduce(v.builder.fadd, [v.builder.load(one) for one in parts])
            v.store(v.positive(value, value) if relu else value, v.at(out, (pixel, p)))

    @intrinsic
    def affine(_, start, step, out, pixel, depth, x, matrix, lanes):
        return instructions(7, write)

    @intrinsic
    def affine_of_two(_, start, step, out, pixel, depth, x, matrix, y, other, lanes):
        return instructions(9, write)

    return affine if terms == 1 else affine_of_two


_products, _products_1 = _affine(TILE, 2), _affine(1, 2)


def _over_pixels(several, one):
    """Return a loop over pixels that computes several at once while there are so many."""

    @njit
    def multiply(x, matrix, start, step, out, n, c):
        pixel = c * FLOAT
        channel = 0
        while channel < c:
            lanes = lanes_at(c, channel)
            away = channel * FLOAT
            p = 0
            while p + TILE <= n:
                at = p * pixel
                if channel == 0:
                    ahead(x + at + FAR, TILE * c)
                begin, end = start + p * step + away, out + at + away
                several(begin, step, end, pixel, c, x + at, matrix + away, lanes)
                p += TILE
            while p < n:
                at = p * pixel
                begin, end = start + p * step + away, out + at + away
                one(begin, step, end, pixel, c, x + at, matrix + away, lanes)
                p += 1
            channel += lanes

    return multiply


multiply = _over_pixels(_affine(TILE, 1), _affine(1, 1))
"""Writes ``start + x matrix`` of ``n`` pixels; ``step`` is 0 for the same start of all."""
multiply_relu = _over_pixels(_affine(TILE, 1, relu=True), _affine(1, 1, relu=True))
"""The ReLU of the same."""


@njit
def multiply_two(x, matrix, y, other, row, out, n, c):
    """Write ``row + x matrix + y other`` of ``n`` pixels."""
    pixel = c * FLOAT
    channel = 0
    while channel < c:
        lanes = lanes_at(c, channel)
        away = channel * FLOAT
        a, b = matrix + away, other + away
        p = 0
        while p + TILE <= n:
            at = p * pixel
            if channel == 0:
                ahead(x + at + FAR, TILE * c)
                ahead(y + at + FAR, TILE * c)
            _products(row + away, 0, out + at + away, pixel, c, x + at, a, y + at, b, lanes)
            p += TILE
        while p < n:
            at = p * pixel
            _products_1(row + away, 0, out + at + away, pixel, c, x + at, a, y + at, b, lanes)
            p += 1
        channel += lanes
