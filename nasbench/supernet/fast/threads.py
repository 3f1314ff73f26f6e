"""Images spread over threads, and tables of addresses, for compiled loops.

The threads are those of torch's OpenMP, which find their work faster than a thread of Python
wakes, and do not compete with a second pool for the cores. Where torch has none of that kind,
threads of Python do the same.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Table = NDArray[np.int64]


class _Pool:
    """Threads that compute beside the calling one; a forked process makes its own."""

    def __init__(self) -> None:
        self._process = 0
        self._threads: ThreadPoolExecutor | None = None

    def __call__(self) -> ThreadPoolExecutor:
        """Return them."""
        if self._threads is None or self._process != os.getpid():
            self._process = os.getpid()
            self._threads = ThreadPoolExecutor(thread_name_prefix="nasbench-images")
        return self._threads


_pool = _Pool()
_imported_by = os.getpid()


def threads_for(count: int) -> int:
    """Return how many threads share so many images: at most as many as torch uses."""
    return max(1, min(torch.get_num_threads(), count))


def share(loop: Any, count: int, **arguments: Sequence[int] | int) -> None:
    """Call a compiled loop for equal parts of a range, at the same time.

    Args:
        loop: of :mod:`nasbench.supernet.fast.vectors`; among its arguments are ``start`` and
            ``stop`` of a part.
        count: the length of the range.
        arguments: the others; those that a thread has for itself are sequences.
    """
    threads = threads_for(count)
    given = np.zeros(threads, dtype=loop.kind)
    cuts = [count * t // threads for t in range(threads + 1)]
    given["start"], given["stop"] = cuts[:-1], cuts[1:]
    for name, values in arguments.items():
        given[name] = values
    if threads == 1:
        loop.call(given.ctypes.data)
    else:
        _together(loop, given)


def _together(loop: Any, given: NDArray[Any]) -> None:
    """Call a loop with each of several records, at the same time."""
    from nasbench.supernet.fast import vectors

    work = vectors.work
    team = np.array([(0, len(given), loop.address, given.ctypes.data, given.itemsize)], work.kind)
    at, start = team.ctypes.data, _openmp()
    # A process forked since has none of its parent's threads, for which OpenMP would wait.
    if start is not None and os.getpid() == _imported_by:
        # All of torch's threads, even for fewer calls: OpenMP ends those that are left out.
        start(work.address, at, torch.get_num_threads(), 0)
        return
    others: list[Future[object]] = []
    try:
        others += (_pool().submit(work.call, at) for _ in given[1:])
        work.call(at)
    finally:
        _finish(others)


@cache
def _openmp() -> Callable[[int, int, int, int], None] | None:
    """Return what calls a function in threads of torch's OpenMP: GNU's or one that can do it."""
    try:
        found = ctypes.CDLL(None).GOMP_parallel
    except (AttributeError, OSError, TypeError):  # not there, or no such library on this system
        return None
    found.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    found.restype = None
    return found


def _finish(others: Sequence[Future[object]]) -> None:
    """Wait, even if interrupted: the threads write to memory that is freed afterwards."""
    interrupted: BaseException | None = None
    while not all(other.done() for other in others):
        try:
            wait(others)
        except BaseException as error:  # noqa: BLE001 - raised below
            interrupted = error
    if interrupted is not None:
        raise interrupted


def empty(*shape: int) -> Tensor:
    """Return memory for numbers of the loops, whatever torch's default type and device are."""
    return torch.empty(*shape, dtype=torch.float32, device="cpu")


def zeros(*shape: int) -> Tensor:
    """Return the same, filled with 0."""
    return torch.zeros(*shape, dtype=torch.float32, device="cpu")


class Totals:
    """Sums that each thread computes for itself, from 0, and that are added up afterwards.

    Args:
        threads: how many.
        shapes: of the sums of a thread.
    """

    def __init__(self, threads: int, *shapes: tuple[int, ...]) -> None:
        self._shapes = shapes
        self._sizes = [math.prod(shape) for shape in shapes]
        self._parts = zeros(threads, sum(self._sizes))

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the addresses of each of the sums, one for each thread."""
        first = within(self._parts)
        for size in itertools.accumulate(self._sizes[:-1], initial=0):
            yield [at + size * self._parts.element_size() for at in first]

    def gathered(self) -> list[Tensor]:
        """Return the sums over all threads."""
        parts = torch.split(summed(self._parts), self._sizes)
        return [part.view(shape) for part, shape in zip(parts, self._shapes, strict=True)]


def summed(parts: Tensor) -> Tensor:
    """Return the sum over the first dimension of ``(threads, n)``, in its order."""
    total = parts[0]
    for part in parts[1:]:  # costs less than a loop for all threads
        total = total + part
    return total


def mix(table: Table, out: Tensor) -> None:
    """Write a weighted sum of tensors.

    Args:
        table: the addresses of the tensors and of their weights, shape ``(n, 2)``.
        out: as large as one of them, a multiple of 4 numbers.
    """
    from nasbench.supernet.fast import kernels
    from nasbench.supernet.fast.vectors import FEW

    share(
        kernels.mixed,
        out.numel() // FEW,
        plain=table.ctypes.data,
        images=len(table),
        out=out.data_ptr(),
    )


def addresses(tensors: Sequence[Tensor | None]) -> list[int]:
    """Return the addresses of tensors, 0 for none."""
    return [0 if tensor is None else tensor.data_ptr() for tensor in tensors]


def within(tensor: Tensor) -> list[int]:
    """Return the addresses of the parts along the first dimension of a contiguous tensor."""
    step = max(1, tensor.stride(0) * tensor.element_size())
    start = tensor.data_ptr()
    return list(range(start, start + tensor.shape[0] * step, step))


def table_of(loops: Any, rows: int) -> Table:
    """Return an empty table for the loops of a module."""
    return np.zeros((rows, loops.COLUMNS), dtype=np.int64)


def pairs(tensors: Sequence[Tensor], others: Sequence[int]) -> Table:
    """Return the addresses of tensors beside other addresses, shape ``(n, 2)``."""
    made: Table = np.zeros((len(tensors), 2), dtype=np.int64)
    made[:, 0], made[:, 1] = addresses(tensors), others
    return made


def fill(table: Table, loops: Any, **columns: Sequence[int] | int) -> None:
    """Fill columns of a table, which are given by their names in the module of the loops."""
    for name, values in columns.items():
        table[:, getattr(loops, name)] = values
