"""Many seeds of a search, spread over processes."""

from __future__ import annotations

import signal
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
    context = get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_signals) as pool:
        yield partial(pool.map, chunksize=CHUNK)


def _leave_signals() -> None:
    """Leave an interrupt from the keyboard to the process that asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
