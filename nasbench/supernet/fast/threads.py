"""Images spread over threads, and tables of addresses, for compiled loops.

Numba's loops run without the interpreter, so threads of Python keep all cores busy.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
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


def threads_for(count: int) -> int:
    """Return how many threads share so many images: at most as many as torch uses."""
    return max(1, min(torch.get_num_threads(), count))


def share(count: int, run: Callable[[int, int, int], object]) -> None:
    """Call ``run(thread, start, stop)`` for equal parts of a range, at the same time."""
    threads = threads_for(count)
    if threads == 1:
        run(0, 0, count)
        return
    cuts = [count * t // threads for t in range(threads + 1)]
    parts = list(enumerate(itertools.pairwise(cuts)))
    others: list[Future[object]] = []
    try:
        others += (_pool().submit(run, t, *part) for t, part in parts[1:])
        run(0, *parts[0][1])
    finally:
        _finish(others)
    for other in others:
        other.result()


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


def gathered(parts: Tensor) -> Tensor:
    """Return the sum over threads."""
    return parts[0] if len(parts) == 1 else parts.sum(0)


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
