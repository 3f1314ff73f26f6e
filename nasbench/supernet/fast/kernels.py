"""Loops over the branches of a node, compiled by numba on first use.

All images are float32 in channels-last memory, with a multiple of 4 channels; tensors are given
by their addresses.
"""

from __future__ import annotations

import functools

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from nasbench.supernet.fast.products import CHAINS, TILE, multiply, multiply_relu, multiply_two
from nasbench.supernet.fast.vectors import (
    FAR,
    FEW,
    FLOAT,
    INTEGER,
    LANES,
    NUMBER,
    add_up,
    ahead,
    ahead_to_write,
    clear,
    compiled,
    copy,
    instructions,
    lanes_at,
    record,
    record_at,
    runs,
    table_at,
)

VECTORS = "9b82dca5900b294a5a78ba7490b1d268b8654b2b9a7c7cebc2f394f5ffbb7cd0"
"""The SHA-256 of `vectors.py`, so that a change there changes this file."""
PRODUCTS = "ce70c0291c867c0cb02f5a16cb56fa245079d7a40a2ce045bcebc090b3789ae0"
"""That of `products.py`."""
WIDEST = 5
"""The widest kernel of a depthwise convolution."""
CHUNK = 128
"""Pixels that stay near the core."""
FARTHEST = 4
"""The largest padding of one, at dilation 2."""


def _convolve(k, pixels):
    """Return the sums over the ``k * k`` taps of a kernel, for pixels of a row side by side.

    Args:
        k: width of the kernel.
        pixels: how many.
    """
    chains = CHAINS // pixels or 1

    @intrinsic
    def convolve(_, x, weights, out, row, column, step, pixel, more, lanes):
        def write(v, x, weights, out, row, column, step, pixel, more):
            adds = v.builder.icmp_signed("!=", more, ir.Constant(INTEGER, 0))
            outs = [v.at(out, (pixel, p)) for p in range(pixels)]
            away = [v.builder.mul(step, ir.Constant(INTEGER, p)) for p in range(pixels)]
            sums = [[v.builder.select(adds, v.load(at), v.zero)] for at in outs]
            for parts in sums:
                parts += [v.zero] * (chains - 1)
            for i in range(k):
                start = x
                for j in range(k):
                    start, weights = v.settled(start), v.settled(weights)
                    weight, chain = v.load(weights), (i * k + j) % chains
                    for p, parts in zip(away, sums, strict=True):
                        parts[chain] = v.fma(v.load(v.at(start, p)), weight, parts[chain])
                    start, weights = v.at(start, column), v.at(weights, pixel)
                x = v.at(x, row)
            for parts, at in zip(sums, outs, strict=True):
                v.store(functools.reduce(v.builder.fadd, parts), at)

        return instructions(8, write)

    return convolve


def _taps(k):
    """Return the products of an image's gradient with its input at each of the ``k * k`` taps."""

    @intrinsic
    def taps(_, x, grad, sums, row, column, step, line, grad_line, pixel, height, width, lanes):
        def write(v, x, grad, sums, row, column, step, line, grad_line, pixel, height, width):
            places = [v.at(sums, (pixel, tap)) for tap in range(k * k)]
            held = [v.register(v.load(at)) for at in places]
            with cgutils.for_range(v.builder, height) as rows:
                left = v.at(x, (line, rows.index))
                grads = v.at(grad, (grad_line, rows.index))
                with cgutils.for_range(v.builder, width) as columns:
                    one = v.load(v.at(grads, (pixel, columns.index)))
                    start = v.at(left, (step, columns.index))
                    for tap, total in enumerate(held):
                        if tap % k == 0:
                            start = v.settled(v.at(start, row) if tap else start)
                        pixels = v.load(v.at(start, (column, tap % k)))
                        v.builder.store(v.fma(pixels, one, v.builder.load(total)), total)
            for at, total in zip(places, held, strict=True):
                v.store(v.builder.load(total), at)

        return instructions(11, write)

    return taps


@intrinsic
def _outer(_, x, y, sums, pixel, count, other, lanes):
    """Add the products of as many channels with a vector, over pixels, to a matrix's rows.

    Meanwhile those of the next chunk are fetched: what the vectors and ``other`` have there.
    """

    def write(v, x, y, sums, pixel, count, other):
        held = [v.register(v.zero) for _ in range(v.lanes)]
        with cgutils.for_range(v.builder, count) as pixels:
            vector = v.load(v.at(y, (pixel, pixels.index)))
            start = v.at(x, (pixel, pixels.index))
            v.ahead(v.at(other, (pixel, pixels.index)))
            for k, total in enumerate(held):
                factor = v.repeat(v.at(start, FLOAT * k))
                v.builder.store(v.fma(factor, vector, v.builder.load(total)), total)
        for k, total in enumerate(held):
            at = v.at(sums, (pixel, k))
            v.store(v.builder.fadd(v.load(at), v.builder.load(total)), at)

    return instructions(6, write)


@intrinsic
def _relu_of(_, x, out, numbers):
    """Write the ReLU of numbers, a multiple of 4."""

    def write(v, x, out):
        value = v.load(x)
        v.store(v.positive(value, value), out)

    return runs(2, write)


@intrinsic
def _mask(_, grad, output, numbers):
    """Set a gradient to 0 where a ReLU is 0; its input or its output tells."""

    def write(v, grad, output):
        v.store(v.positive(v.load(output), v.load(grad)), grad)

    return runs(2, write)


@intrinsic
def _add_scaled(_, out, x, weight, numbers):
    """Add images times the number at an address."""

    def write(v, out, x, weight):
        v.ahead(v.at(x, FAR))
        v.store(v.fma(v.load(x), v.repeat(weight), v.load(out)), out)

    # The address of the weight stays.
    return runs(3, write, scalars=1)


@intrinsic
def _dot(_, x, y, sums, numbers):
    """Add products, lane by lane, to the sums of 16 lanes."""

    def write(v, x, y, sums):
        v.ahead(v.at(x, FAR))
        v.store(v.fma(v.load(x), v.load(y), v.load(sums)), sums)

    return runs(3, write, scalars=1)


@intrinsic
def _move(_, source, target):
    """Copy one number."""

    def codegen(context, builder, _, arguments):
        a, b = (builder.inttoptr(at, NUMBER.as_pointer()) for at in arguments)
        builder.store(builder.load(a, align=FLOAT), b, align=FLOAT)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), codegen


_convolve_3, _convolve_3_1 = _convolve(3, TILE), _convolve(3, 1)
_convolve_5, _convolve_5_1 = _convolve(5, TILE), _convolve(5, 1)
_taps_3, _taps_5 = _taps(3), _taps(5)


@njit
def _pad(x, out, height, width, c, q, stride, wide):
    """Write the pixels of an image into one with rows of ``wide`` pixels, from ``q`` on."""
    pixel = c * FLOAT
    for i in range(height):
        row = out + ((q + i * stride) * wide + q) * pixel
        if stride == 1:
            copy(x + i * width * pixel, row, width * c)
        else:
            for j in range(width):
                copy(x + (i * width + j) * pixel, row + j * stride * pixel, c)


@njit
def _pad_relu(x, out, height, width, c, q, wide):
    """Write the ReLU of an image into one with rows of ``wide`` pixels, from ``q`` on."""
    pixel = c * FLOAT
    for i in range(height):
        ahead(x + i * width * pixel + FAR, width * c)
        _relu_of(x + i * width * pixel, out + ((q + i) * wide + q) * pixel, width * c)


@njit
def _kernels(weight, out, c, k, turned):
    """Write the weights ``(c, 1, k, k)`` as ``(k * k, c)``, turned by 180 degrees if asked."""
    taps = k * k
    for channel in range(c):
        for tap in range(taps):
            source = taps - 1 - tap if turned else tap
            _move(weight + (channel * taps + source) * FLOAT, out + (tap * c + channel) * FLOAT)


@njit
def _convolution(x, wide, weights, out, height, width, c, k, dilation, stride, more):
    """Write a depthwise convolution of an image with zeros around it.

    Args:
        x: what the first tap of the first output reads.
        wide: pixels of a row of the input.
        weights: of :func:`_kernels`.
        out: ``height * width`` pixels.
        height: of the output.
        width: of the output.
        c: channels.
        k: width of the kernel, 3 or 5.
        dilation: of the kernel.
        stride: of the convolution.
        more: not 0 to add to what is there.
    """
    pixel = c * FLOAT
    row, column, step = dilation * wide * pixel, dilation * pixel, stride * pixel
    for i in range(height):
        channel = 0
        while channel < c:
            lanes = lanes_at(c, channel)
            away = channel * FLOAT
            source = x + i * stride * wide * pixel + away
            target = out + i * width * pixel + away
            taps = weights + away
            j = 0
            while j + TILE <= width:
                a, b = source + j * step, target + j * pixel
                if channel == 0:
                    ahead_to_write(b + FAR, TILE * c)
                if k == 3:
                    _convolve_3(a, taps, b, row, column, step, pixel, more, lanes)
                else:
                    _convolve_5(a, taps, b, row, column, step, pixel, more, lanes)
                j += TILE
            while j < width:
                a, b = source + j * step, target + j * pixel
                if k == 3:
                    _convolve_3_1(a, taps, b, row, column, step, pixel, more, lanes)
                else:
                    _convolve_5_1(a, taps, b, row, column, step, pixel, more, lanes)
                j += 1
            channel += lanes


@njit
def _weight_gradient(x, wide, grad, grad_line, sums, height, width, c, k, dilation, stride):
    """Add the gradient of the weights, shape ``(k * k, c)``; arguments as of the convolution."""
    pixel = c * FLOAT
    row, column = dilation * wide * pixel, dilation * pixel
    step, line = stride * pixel, stride * wide * pixel
    channel = 0
    while channel < c:
        lanes = lanes_at(c, channel)
        a, b, s = x + channel * FLOAT, grad + channel * FLOAT, sums + channel * FLOAT
        if k == 3:
            _taps_3(a, b, s, row, column, step, line, grad_line, pixel, height, width, lanes)
        else:
            _taps_5(a, b, s, row, column, step, line, grad_line, pixel, height, width, lanes)
        channel += lanes


@njit
def _cross(x, y, sums, n, c):
    """Add the products of all channels of x with those of y over ``n`` pixels, ``(c, c)``.

    Those of x with itself are left to :func:`_mirror` below the diagonal.
    """
    pixel = c * FLOAT
    start = 0
    while start < n:
        count = min(CHUNK, n - start)
        k = 0
        while k < c:
            rows = lanes_at(c, k)
            channel = k if x == y else 0
            while channel < c:
                lanes = lanes_at(c, channel)
                a, b = x + start * pixel, y + start * pixel
                next_one = a + CHUNK * pixel + channel * FLOAT
                if rows == LANES and lanes == LANES:
                    at = sums + (k * c + channel) * FLOAT
                    _outer(a + k * FLOAT, b + channel * FLOAT, at, pixel, count, next_one, LANES)
                else:
                    for i in range(k, k + rows, FEW):
                        for j in range(channel, channel + lanes, FEW):
                            at = sums + (i * c + j) * FLOAT
                            _outer(a + i * FLOAT, b + j * FLOAT, at, pixel, count, next_one, FEW)
                channel += lanes
            k += rows
        start += count


@njit
def _mirror(matrix, c):
    """Copy what stands above the diagonal of ``(c, c)`` to below it."""
    for i in range(c):
        for j in range(i):
            _move(matrix + (j * c + i) * FLOAT, matrix + (i * c + j) * FLOAT)


@njit
def _sum(x, sums, n, c):
    """Add the pixels up."""
    channel = 0
    while channel < c:
        lanes = lanes_at(c, channel)
        add_up(x + channel * FLOAT, sums + channel * FLOAT, c * FLOAT, n, lanes)
        channel += lanes


# The columns of the tables that describe units: sizes, then addresses.
K, DILATION, STRIDE, HEIGHT, WIDTH, WANTED, MORE = range(7)
X, WEIGHT, APART, BEFORE, SCALED, BIAS, GRAD, TURNED, SPREAD, ROW, D_X = range(7, 18)
COLUMNS = 18
ARGUMENTS = record(
    *("start", "stop", "c", "height", "width", "reach"),
    *("table", "units", "plain", "images", "bias", "grad", "out"),
    *("sums", "products", "dots", "taps", "scratch"),
)
"""Of the loops below: the first image or pixel and the one after the last, sizes and addresses.

``reach`` is the largest padding; ``table`` is int64 ``(units, COLUMNS)``, and units with the same
input follow each other; ``plain`` is int64 ``(images, 2)``, addresses of images and of their
weights; ``scratch`` has :func:`room` numbers.
"""


@njit
def _units(given):
    return table_at(given.table, given.units, COLUMNS)


@njit
def _plain(given):
    return table_at(given.plain, given.images, 2)


@njit
def _pad_product(table, i, b, inner, c, wide):
    """Write the ReLU of the product of a unit's image into rows of ``wide`` pixels."""
    pixel = c * FLOAT
    h, w = table[i, HEIGHT], table[i, WIDTH]
    for row in range(h):
        x = table[i, BEFORE] + (b * h + row) * w * pixel
        out = inner + row * wide * pixel
        multiply_relu(x, table[i, SCALED], table[i, BIAS], 0, out, w, c)


@compiled(ARGUMENTS)
def separate(address):
    """Write depthwise convolutions, and add up what they give and its products.

    The input is the ReLU of the image at ``X``, or of the product of that at ``BEFORE``; the sums
    of the outputs are ``(M, c)``, 0 for neither these nor products, which are ``(M, c, c)``.
    """
    given = record_at(address, ARGUMENTS)
    table, sums, products, scratch = _units(given), given.sums, given.products, given.scratch
    c, height, width, q = given.c, given.height, given.width, given.reach
    pixel = c * FLOAT
    taps = WIDEST * WIDEST * pixel
    padded = scratch + len(table) * taps
    for i in range(len(table)):
        _kernels(table[i, WEIGHT], scratch + i * taps, c, table[i, K], False)
    tall = wide = 0
    for b in range(given.start, given.stop):
        held = 0
        for i in range(len(table)):
            k, dilation, stride = table[i, K], table[i, DILATION], table[i, STRIDE]
            h, w = table[i, HEIGHT], table[i, WIDTH]
            if tall != h + 2 * q or wide != w + 2 * q:
                tall, wide = h + 2 * q, w + 2 * q
                clear(padded, tall * wide * c)
                held = 0
            inner = padded + (q * wide + q) * pixel
            if table[i, BEFORE]:
                _pad_product(table, i, b, inner, c, wide)
            elif table[i, X] != held:
                _pad_relu(table[i, X] + b * h * w * pixel, padded, h, w, c, q, wide)
                held = table[i, X]
            r = dilation * (k // 2)
            out = table[i, APART] + b * height * width * pixel
            _convolution(
                inner - (r * wide + r) * pixel,
                wide,
                scratch + i * taps,
                out,
                height,
                width,
                c,
                k,
                dilation,
                stride,
                0,
            )
            if sums:
                _sum(out, sums + i * pixel, height * width, c)
                _cross(out, out, products + i * c * pixel, height * width, c)
    if sums:
        for i in range(len(table)):
            _mirror(products + i * c * pixel, c)


@compiled(ARGUMENTS)
def total(address):
    """Write the sum of all products and plain images, and a bias ``(c,)``, for pixels."""
    given = record_at(address, ARGUMENTS)
    table, plain, bias, out = _units(given), _plain(given), given.bias, given.out
    start, stop, c = given.start, given.stop, given.c
    pixel = c * FLOAT
    while start < stop:
        n = min(512, stop - start)  # what stays near the core
        at = start * pixel
        for i in range(len(table)):
            begin, step = (out + at, pixel) if i else (bias, 0)
            multiply(table[i, APART] + at, table[i, SCALED], begin, step, out + at, n, c)
        for i in range(len(plain)):
            _add_scaled(out + at, plain[i, 0] + at, plain[i, 1], n * c)
        start += n


@compiled(ARGUMENTS)
def mixed(address):
    """Write the weighted sum of tensors; ``start`` and ``stop`` count vectors of 4 numbers."""
    given = record_at(address, ARGUMENTS)
    plain, out, start, stop = _plain(given), given.out, FEW * given.start, FEW * given.stop
    while start < stop:
        n = min(4096, stop - start)  # what stays near the core
        at = start * FLOAT
        clear(out + at, n)
        for i in range(len(plain)):
            _add_scaled(out + at, plain[i, 0] + at, plain[i, 1], n)
        start += n


@compiled(ARGUMENTS)
def crossed(address):
    """Add up a gradient, and its products with what the convolutions gave and plain images.

    They are ``(c,)``, ``(M, c, c)`` and, lane by lane, ``(P, LANES)``.
    """
    given = record_at(address, ARGUMENTS)
    table, plain, grad = _units(given), _plain(given), given.grad
    sums, products, dots = given.sums, given.products, given.dots
    n, c = given.height * given.width, given.c
    pixel = c * FLOAT
    for b in range(given.start, given.stop):
        at = b * n * pixel
        _sum(grad + at, sums, n, c)
        for i in range(len(table)):
            _cross(table[i, APART] + at, grad + at, products + i * c * pixel, n, c)
        for i in range(len(plain)):
            _dot(plain[i, 0] + at, grad + at, dots + i * LANES * FLOAT, n * c)


@compiled(ARGUMENTS)
def back(address):
    """Write the gradients of the inputs and add up those of the depthwise weights.

    They are those before the ReLU. Where that is of the product of images at ``BEFORE``, they are
    added up, as are their products with those images: ``(M, c)`` and ``(M, c, c)``. The gradients
    of the weights are ``(M, WIDEST ** 2, c)``, at 0 if they do not learn.
    """
    given = record_at(address, ARGUMENTS)
    table, taps, scratch = _units(given), given.taps, given.scratch
    sums, products = given.sums, given.products
    c, height, width, q = given.c, given.height, given.width, given.reach
    pixel = c * FLOAT
    size = WIDEST * WIDEST * pixel
    largest = 0
    for i in range(len(table)):
        largest = max(largest, (table[i, HEIGHT] + 2 * q) * (table[i, WIDTH] + 2 * q))
        _kernels(table[i, WEIGHT], scratch + i * size, c, table[i, K], True)
    padded = scratch + len(table) * size
    apart = padded + largest * pixel
    grown = apart + height * width * pixel
    tall = wide = 0
    known = np.zeros((FARTHEST + 1, 3), dtype=np.int64)
    for b in range(given.start, given.stop):
        held = 0
        for i in range(len(table)):
            if not table[i, WANTED] and not taps:
                continue
            k, dilation, stride = table[i, K], table[i, DILATION], table[i, STRIDE]
            h, w = table[i, HEIGHT], table[i, WIDTH]
            if tall != h + 2 * q or wide != w + 2 * q:
                tall, wide = h + 2 * q, w + 2 * q
                clear(padded, tall * wide * c)
                held = 0
            inner = padded + (q * wide + q) * pixel
            if table[i, BEFORE]:
                _pad_product(table, i, b, inner, c, wide)
            elif taps and table[i, X] != held:
                _pad_relu(table[i, X] + b * h * w * pixel, padded, h, w, c, q, wide)
                held = table[i, X]
            at = b * height * width * pixel
            multiply_two(
                table[i, GRAD] + at,
                table[i, TURNED],
                table[i, APART] + at,
                table[i, SPREAD],
                table[i, ROW],
                apart,
                height * width,
                c,
            )
            r = dilation * (k // 2)
            if taps:
                _weight_gradient(
                    inner - (r * wide + r) * pixel,
                    wide,
                    apart,
                    width * pixel,
                    taps + i * size,
                    height,
                    width,
                    c,
                    k,
                    dilation,
                    stride,
                )
            if not table[i, WANTED]:
                continue
            around = grown + r * largest * pixel
            span = w + 2 * r
            if known[r, 0] != h or known[r, 1] != w or known[r, 2] != stride:
                known[r, 0], known[r, 1], known[r, 2] = h, w, stride
                clear(around, (h + 2 * r) * span * c)
            _pad(apart, around, height, width, c, r, stride, span)
            d_x = table[i, D_X] + b * h * w * pixel
            weights = scratch + i * size
            _convolution(around, span, weights, d_x, h, w, c, k, dilation, 1, table[i, MORE])
            if table[i, BEFORE]:
                for row in range(h):
                    _mask(d_x + row * w * pixel, inner + row * wide * pixel, w * c)
                _sum(d_x, sums + i * pixel, h * w, c)
                before = table[i, BEFORE] + b * h * w * pixel
                _cross(before, d_x, products + i * c * pixel, h * w, c)
            elif i + 1 == len(table) or table[i + 1, D_X] != table[i, D_X]:
                _mask(d_x, table[i, X] + b * h * w * pixel, h * w * c)


def room(units: int, c: int, size: int, largest: int) -> int:
    """Return how many numbers of scratch memory a thread needs.

    Args:
        units: M.
        c: channels.
        size: pixels of an output.
        largest: pixels of the largest input with its padding.
    """
    return c * (units * WIDEST**2 + largest * (FARTHEST + 2) + size)
