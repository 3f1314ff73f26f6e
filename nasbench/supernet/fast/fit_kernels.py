"""Loops over the small matrices of batch-normalized products, compiled by numba on first use.

They compute what :class:`nasbench.supernet.fast.pointwise.Fitted` does, for products of as many
channels on either side. All numbers are float32 and given by their addresses.
"""

from __future__ import annotations

import numpy as np
from numba import carray, njit

from nasbench.supernet.fast.products import multiply
from nasbench.supernet.fast.vectors import (
    FLOAT,
    compiled,
    pointer,
    record,
    record_at,
    table_at,
)

VECTORS = "9b82dca5900b294a5a78ba7490b1d268b8654b2b9a7c7cebc2f394f5ffbb7cd0"
"""The SHA-256 of `vectors.py`, so that a change there changes this file."""
PRODUCTS = "ce70c0291c867c0cb02f5a16cb56fa245079d7a40a2ce045bcebc090b3789ae0"
"""That of `products.py`."""
# The columns of the table of products: addresses.
KERNEL, RUNNING_MEAN, RUNNING_VARIANCE, BATCHES = range(4)
COLUMNS = 4
ARGUMENTS = record(
    *("start", "stop", "c", "table", "m", "n", "processes"),
    *("total", "square", "weights", "settings", "zeros"),
    *("matrices", "through", "vectors", "scaled", "biases"),
    *("totals", "apart", "crossed", "spread", "rows", "turned", "d_kernels", "d_weights"),
)
"""Of the loops below: the first product and the one after the last, and addresses.

``c`` is the number of channels C, ``m`` that of products M, ``n`` that of pixels in all processes.
``table`` is int64 ``(M, COLUMNS)``. Vectors are ``(M, C)`` and matrices ``(M, C, C)``, except:
``weights`` and ``d_weights`` ``(M,)``, the former 0 for 1; ``vectors`` ``(M, 4, C)``: mean,
variance, scale and factor; ``totals`` ``(C,)`` for all products unless ``apart`` is 1;
``settings``: eps of BN and the momentum of each product's running statistics; ``zeros``: C of
them.
"""
MEAN, VARIANCE, SCALE, FACTOR = range(4)
ZERO, ONE, TWO, HALF = (np.float32(number) for number in (0, 1, 2, 0.5))


@njit
def _numbers(address, *shape):
    return carray(pointer(address), shape, np.float32)


@compiled(ARGUMENTS)
def fit(address):
    """Compute the statistics of products and what follows from them.

    Reads ``total`` and ``square``, of which the latter becomes the covariances; writes what stands
    from ``matrices`` to ``biases``, and moves the running statistics.
    """
    given = record_at(address, ARGUMENTS)
    c, n, start, stop = given.c, given.n, given.start, given.stop
    table = table_at(given.table, given.m, COLUMNS)
    shape = given.m, c, c
    settings = _numbers(given.settings, 1 + given.m)
    total, square = _numbers(given.total, given.m, c), _numbers(given.square, *shape)
    matrices, through = _numbers(given.matrices, *shape), _numbers(given.through, *shape)
    scaled, biases = _numbers(given.scaled, *shape), _numbers(given.biases, given.m, c)
    vectors = _numbers(given.vectors, given.m, 4, c)
    weights = _numbers(given.weights, given.m)
    share = np.float32(1 / n)
    unbiased = np.float32(n / max(1, n - 1))
    for i in range(start, stop):
        kernel = _numbers(table[i, KERNEL], c, c)
        mean, variance = vectors[i, MEAN], vectors[i, VARIANCE]
        scale, factor = vectors[i, SCALE], vectors[i, FACTOR]
        matrix, covariance = matrices[i], square[i]
        for k in range(c):
            mean[k] = total[i, k] * share
            variance[k] = biases[i, k] = ZERO
            for j in range(c):
                matrix[k, j] = kernel[j, k]
        for k in range(c):
            for j in range(c):
                covariance[k, j] = covariance[k, j] * share - mean[k] * mean[j]
        step = i * c * c * FLOAT
        to = given.through + step
        multiply(given.square + step, given.matrices + step, given.zeros, 0, to, c, c)
        for k in range(c):
            for j in range(c):
                variance[j] += through[i, k, j] * matrix[k, j]
        for j in range(c):
            variance[j] = max(variance[j], ZERO)
            scale[j] = ONE / np.sqrt(variance[j] + settings[0])
            factor[j] = scale[j] * weights[i] if given.weights else scale[j]
        for k in range(c):
            for j in range(c):
                scaled[i, k, j] = matrix[k, j] * factor[j]
                biases[i, j] -= mean[k] * scaled[i, k, j]
        momentum = settings[1 + i]
        batches = carray(pointer(table[i, BATCHES]), 1, np.int64)
        batches[0] += 1
        moving = _numbers(table[i, RUNNING_MEAN], c)
        spread = _numbers(table[i, RUNNING_VARIANCE], c)
        for j in range(c):
            moving[j] *= ONE - momentum
            spread[j] += momentum * (variance[j] * unbiased - spread[j])
        for k in range(c):
            for j in range(c):
                moving[j] += momentum * mean[k] * matrix[k, j]


@compiled(ARGUMENTS)
def small(address):
    """Compute the gradients of products other than those of images.

    Reads ``totals``, ``crossed``, whose memory it uses afterwards, and what :func:`fit` wrote;
    writes the last ones of the arguments.
    """
    given = record_at(address, ARGUMENTS)
    c, n, start, stop = given.c, given.n, given.start, given.stop
    table = table_at(given.table, given.m, COLUMNS)
    shape = given.m, c, c
    matrices, through = _numbers(given.matrices, *shape), _numbers(given.through, *shape)
    scaled, crossed = _numbers(given.scaled, *shape), _numbers(given.crossed, *shape)
    spread, turned = _numbers(given.spread, *shape), _numbers(given.turned, *shape)
    d_kernels, rows = _numbers(given.d_kernels, *shape), _numbers(given.rows, given.m, c)
    vectors = _numbers(given.vectors, given.m, 4, c)
    d_weights = _numbers(given.d_weights, given.m)
    own, pixels = np.float32(1 / given.processes), np.float32(n)
    d_variance = np.empty(c, np.float32)
    for i in range(start, stop):
        totals = _numbers(given.totals + (i * c * FLOAT if given.apart else 0), c)
        mean, scale, factor = vectors[i, MEAN], vectors[i, SCALE], vectors[i, FACTOR]
        matrix, d_scaled, row = matrices[i], crossed[i], rows[i]
        for j in range(c):
            row[j] = ZERO
        for k in range(c):
            for j in range(c):
                d_scaled[k, j] -= mean[k] * totals[j]
                row[j] += d_scaled[k, j] * matrix[k, j]  # by column, for now
        d_weight = ZERO
        for j in range(c):
            d_weight += row[j] * scale[j]
            d_variance[j] = row[j] * factor[j] * scale[j] * scale[j] * -HALF
        d_weights[i] = d_weight * own
        for k in range(c):
            for j in range(c):
                one = d_scaled[k, j] * factor[j] + through[i, k, j] * TWO * d_variance[j]
                d_kernels[i, j, k] = one * own
                turned[i, j, k] = scaled[i, k, j]
                d_scaled[k, j] = matrix[k, j] * d_variance[j]
        step = i * c * c * FLOAT
        to = given.spread + step
        multiply(given.crossed + step, table[i, KERNEL], given.zeros, 0, to, c, c)
        for k in range(c):
            d_mean = ZERO
            for j in range(c):
                d_mean += scaled[i, k, j] * totals[j] + TWO * spread[i, k, j] * mean[j]
            row[k] = -d_mean / pixels
        for k in range(c):
            for j in range(c):
                spread[i, k, j] *= TWO / pixels
