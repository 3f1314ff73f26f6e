"""Many seeds of a search, spread over processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import Protocol

from nasbench.tabular.simulate import Trace

CHUNK = 5  # seeds that a process takes at once: the table travels with each chunk


class Mapper(Protocol):
    """``map`` over seeds; the results come in the order of the seeds."""

    def __call__(self, work: Callable[[int], Trace], seeds: Iterable[int], /) -> Iterable[Trace]:
        """Return what ``work`` makes of each seed."""


@contextmanager
def processes(jobs: int) -> Iterator[Mapper]:
    """Yield a mapper over ``jobs`` spawned processes, or over this one alone where it is one.

    A search depends on its seed only, so the results do not depend on ``jobs``.

    Args:
        jobs: processes, at least 1.
    """
    if jobs == 1:
        yield map
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield partial(pool.map, chunksize=CHUNK)
