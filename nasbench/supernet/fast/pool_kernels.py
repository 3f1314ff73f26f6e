"""Loops over poolings 3 wide and their BN, compiled by numba on first use.

All images are float32 in channels-last memory, with a multiple of 4 channels; tensors are given
by their addresses. Averages leave out what lies outside of the image.
"""

from __future__ import annotations

from llvmlite import ir
from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic

from nasbench.supernet.fast.vectors import (
    FAR,
    FLOAT,
    NUMBER,
    SMALL,
    clear,
    compiled,
    instructions,
    lanes_at,
    record,
    record_at,
    table_at,
)

VECTORS = "9b82dca5900b294a5a78ba7490b1d268b8654b2b9a7c7cebc2f394f5ffbb7cd0"
"""The SHA-256 of `vectors.py`, so that a change there changes this file."""
_LOWEST = float("-inf")


def _share(v, height, width):
    """Return one over the number of pixels of a window, in every lane."""
    count = v.builder.sitofp(v.builder.mul(height, width), NUMBER)
    return v.spread(v.builder.fdiv(ir.Constant(NUMBER, 1.0), count))


@intrinsic
def _largest(_, x, out, row, pixel, height, width, lanes):
    """Write the largest values of a window of up to 3x3 pixels."""

    def write(v, x, out, row, pixel, height, width):
        best = v.register(v.all(_LOWEST))
        with cgutils.for_range(v.builder, height) as i:
            start = v.at(x, (row, i.index))
            with cgutils.for_range(v.builder, width) as j:
                one, held = v.load(v.at(start, (pixel, j.index))), v.builder.load(best)
                v.builder.store(v.builder.select(v.exceeds(one, held), one, held), best)
        v.store(v.builder.load(best), out)

    return instructions(6, write)


@intrinsic
def _average(_, x, out, row, pixel, height, width, lanes):
    """Write the averages of a window of up to 3x3 pixels."""

    def write(v, x, out, row, pixel, height, width):
        total = v.register(v.zero)
        with cgutils.for_range(v.builder, height) as i:
            start = v.at(x, (row, i.index))
            with cgutils.for_range(v.builder, width) as j:
                one = v.load(v.at(start, (pixel, j.index)))
                v.builder.store(v.builder.fadd(one, v.builder.load(total)), total)
        v.store(v.builder.fmul(v.builder.load(total), _share(v, height, width)), out)

    return instructions(6, write)


@intrinsic
def _largest_back(_, x, grad, out, row, pixel, height, width, lanes):
    """Add a gradient to that of the first of the largest values of a window."""

    def write(v, x, grad, out, row, pixel, height, width):
        best, place = v.register(v.all(_LOWEST)), v.register(v.spread(ir.Constant(SMALL, 0)))

        def every(run):
            tap = v.register(ir.Constant(SMALL, 0))
            rows, columns = (cgutils.for_range(v.builder, n) for n in (height, width))
            with rows as i, columns as j:
                steps = v.builder.mul(row, i.index), v.builder.mul(pixel, j.index)
                number = v.builder.load(tap)
                run(v.builder.add(*steps), v.spread(number))
                v.builder.store(v.builder.add(number, ir.Constant(SMALL, 1)), tap)

        def find(away, tap):
            one, held = v.load(v.at(x, away)), v.builder.load(best)
            more = v.exceeds(one, held)
            v.builder.store(v.builder.select(more, one, held), best)
            v.builder.store(v.builder.select(more, tap, v.builder.load(place)), place)

        every(find)
        found, value = v.builder.load(place), v.load(grad)

        def add(away, tap):
            here = v.builder.icmp_signed("==", found, tap)
            at = v.at(out, away)
            part = v.builder.select(here, value, v.zero)
            v.store(v.builder.fadd(v.load(at), part), at)

        every(add)

    return instructions(7, write)


@intrinsic
def _average_back(_, grad, out, row, pixel, height, width, lanes):
    """Add a gradient's shares to those of a window."""

    def write(v, grad, out, row, pixel, height, width):
        part = v.builder.fmul(v.load(grad), _share(v, height, width))
        with cgutils.for_range(v.builder, height) as i:
            start = v.at(out, (row, i.index))
            with cgutils.for_range(v.builder, width) as j:
                at = v.at(start, (pixel, j.index))
                v.store(v.builder.fadd(v.load(at), part), at)

    return instructions(6, write)


@intrinsic
def _moments(_, x, shift, sums, squares, pixel, count, lanes):
    """Add up vectors less a shift, and their squares."""

    def write(v, x, shift, sums, squares, pixel, count):
        less = v.load(shift)
        total, square = v.register(v.load(sums)), v.register(v.load(squares))
        with cgutils.for_range(v.builder, count) as i:
            one = v.builder.fsub(v.load(v.at(x, (pixel, i.index))), less)
            v.builder.store(v.builder.fadd(one, v.builder.load(total)), total)
            v.builder.store(v.fma(one, one, v.builder.load(square)), square)
        v.store(v.builder.load(total), sums)
        v.store(v.builder.load(square), squares)

    return instructions(6, write)


def _here(v, number, pixel, *images):
    """Return the addresses of a pixel in images, and let those of later ones be fetched."""
    found = [v.at(image, (pixel, number)) for image in images]
    for at in found:
        v.ahead(v.at(at, FAR))
    return found


@intrinsic
def _products(_, x, y, sums, products, pixel, count, lanes):
    """Add up the vectors of y, and their products with those of x."""

    def write(v, x, y, sums, products, pixel, count):
        total, product = v.register(v.load(sums)), v.register(v.load(products))
        with cgutils.for_range(v.builder, count) as i:
            one, other = (v.load(at) for at in _here(v, i.index, pixel, y, x))
            v.builder.store(v.builder.fadd(one, v.builder.load(total)), total)
            v.builder.store(v.fma(one, other, v.builder.load(product)), product)
        v.store(v.builder.load(total), sums)
        v.store(v.builder.load(product), products)

    return instructions(6, write)


@intrinsic
def _scale(_, x, mean, factor, pixel, count, lanes):
    """Replace vectors by themselves less a mean, times a factor."""

    def write(v, x, mean, factor, pixel, count):
        less, times = v.load(mean), v.load(factor)
        with cgutils.for_range(v.builder, count) as i:
            (at,) = _here(v, i.index, pixel, x)
            v.store(v.builder.fmul(v.builder.fsub(v.load(at), less), times), at)

    return instructions(5, write)


@intrinsic
def _combine(_, x, y, out, by_x, by_y, constant, pixel, count, lanes):
    """Write ``x by_x + y by_y + constant``, all of them vectors."""

    def write(v, x, y, out, by_x, by_y, constant, pixel, count):
        a, b, c = v.load(by_x), v.load(by_y), v.load(constant)
        with cgutils.for_range(v.builder, count) as i:
            one, other = (v.load(at) for at in _here(v, i.index, pixel, x, y))
            v.store(v.fma(one, a, v.fma(other, b, c)), v.at(out, (pixel, i.index)))

    return instructions(8, write)


# The columns of the tables that describe poolings: sizes, then addresses.
AVERAGE, STRIDE, HEIGHT, WIDTH, OUT_HEIGHT, OUT_WIDTH = range(6)
X, OUT, GRAD, D_X = range(6, 10)
COLUMNS = 10
ARGUMENTS = record(
    *("start", "stop", "c", "table", "poolings", "sums", "products", "shifts"),
    *("scales", "by_out", "by_grad", "constants", "scratch"),
)
"""Of the loops below: the first image and the one after the last, and addresses.

``table`` is int64 ``(poolings, COLUMNS)``; ``scratch`` is as large as an output; all others are
``(poolings, c)``.
"""


@njit
def _poolings(given):
    return table_at(given.table, given.poolings, COLUMNS)


@compiled(ARGUMENTS)
def pool(address):
    """Write poolings, and add up what they give, less a shift, and its squares."""
    given = record_at(address, ARGUMENTS)
    table, c, shifts = _poolings(given), given.c, given.shifts
    sums, squares = given.sums, given.products
    pixel = c * FLOAT
    for b in range(given.start, given.stop):
        for m in range(len(table)):
            stride, height, width = table[m, STRIDE], table[m, HEIGHT], table[m, WIDTH]
            high, wide = table[m, OUT_HEIGHT], table[m, OUT_WIDTH]
            x = table[m, X] + b * height * width * pixel
            out = table[m, OUT] + b * high * wide * pixel
            for i in range(high):
                top = max(0, i * stride - 1)
                rows = min(height, i * stride + 2) - top
                for j in range(wide):
                    left = max(0, j * stride - 1)
                    columns = min(width, j * stride + 2) - left
                    a = x + (top * width + left) * pixel
                    y = out + (i * wide + j) * pixel
                    channel = 0
                    while channel < c:
                        lanes = lanes_at(c, channel)
                        at = channel * FLOAT
                        if table[m, AVERAGE]:
                            _average(a + at, y + at, width * pixel, pixel, rows, columns, lanes)
                        else:
                            _largest(a + at, y + at, width * pixel, pixel, rows, columns, lanes)
                        channel += lanes
            channel = 0
            while channel < c:
                lanes = lanes_at(c, channel)
                at = m * pixel + channel * FLOAT
                y = out + channel * FLOAT
                _moments(y, shifts + at, sums + at, squares + at, pixel, high * wide, lanes)
                channel += lanes


@compiled(ARGUMENTS)
def normalize(address):
    """Replace what poolings gave by itself less a shift, times a scale."""
    given = record_at(address, ARGUMENTS)
    table, c, means, scales = _poolings(given), given.c, given.shifts, given.scales
    start, stop = given.start, given.stop
    pixel = c * FLOAT
    for m in range(len(table)):
        n = table[m, OUT_HEIGHT] * table[m, OUT_WIDTH]
        channel = 0
        while channel < c:
            lanes = lanes_at(c, channel)
            at = m * pixel + channel * FLOAT
            y = table[m, OUT] + start * n * pixel + channel * FLOAT
            _scale(y, means + at, scales + at, pixel, (stop - start) * n, lanes)
            channel += lanes


@compiled(ARGUMENTS)
def moments_back(address):
    """Add up the gradients, and their products with what normalization gave."""
    given = record_at(address, ARGUMENTS)
    table, c, sums, products = _poolings(given), given.c, given.sums, given.products
    start, stop = given.start, given.stop
    pixel = c * FLOAT
    for m in range(len(table)):
        n = table[m, OUT_HEIGHT] * table[m, OUT_WIDTH]
        channel = 0
        while channel < c:
            lanes = lanes_at(c, channel)
            at = m * pixel + channel * FLOAT
            away = start * n * pixel + channel * FLOAT
            x, y = table[m, OUT] + away, table[m, GRAD] + away
            _products(x, y, sums + at, products + at, pixel, (stop - start) * n, lanes)
            channel += lanes


@compiled(ARGUMENTS)
def pool_back(address):
    """Write the gradients of the inputs.

    That of a pooling is ``out by_out + grad by_grad + constant``. Poolings with the same ``D_X``
    follow each other; theirs are added.
    """
    given = record_at(address, ARGUMENTS)
    table, c, scratch = _poolings(given), given.c, given.scratch
    by_out, by_grad, constants = given.by_out, given.by_grad, given.constants
    pixel = c * FLOAT
    for b in range(given.start, given.stop):
        for m in range(len(table)):
            stride, height, width = table[m, STRIDE], table[m, HEIGHT], table[m, WIDTH]
            high, wide = table[m, OUT_HEIGHT], table[m, OUT_WIDTH]
            image, n = b * high * wide * pixel, high * wide
            channel = 0
            while channel < c:
                lanes = lanes_at(c, channel)
                away = channel * FLOAT
                at = m * pixel + away
                _combine(
                    table[m, OUT] + image + away,
                    table[m, GRAD] + image + away,
                    scratch + away,
                    by_out + at,
                    by_grad + at,
                    constants + at,
                    pixel,
                    n,
                    lanes,
                )
                channel += lanes
            d_x = table[m, D_X] + b * height * width * pixel
            x = table[m, X] + b * height * width * pixel
            if m == 0 or table[m, D_X] != table[m - 1, D_X]:
                clear(d_x, height * width * c)
            for i in range(high):
                top = max(0, i * stride - 1)
                rows = min(height, i * stride + 2) - top
                for j in range(wide):
                    left = max(0, j * stride - 1)
                    columns = min(width, j * stride + 2) - left
                    away = (top * width + left) * pixel
                    grad = scratch + (i * wide + j) * pixel
                    channel = 0
                    while channel < c:
                        lanes = lanes_at(c, channel)
                        at = channel * FLOAT
                        line, to = width * pixel, d_x + away + at
                        if table[m, AVERAGE]:
                            _average_back(grad + at, to, line, pixel, rows, columns, lanes)
                        else:
                            a = x + away + at
                            _largest_back(a, grad + at, to, line, pixel, rows, columns, lanes)
                        channel += lanes
