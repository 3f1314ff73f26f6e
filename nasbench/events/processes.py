"""Work shared by several processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from nasbench.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")


def shared(work: Callable[[Item], Result], items: Sequence[Item], jobs: int) -> Iterator[Result]:
    """Yield what ``work`` makes of each item, in their order.

    Args:
        work: can be pickled, and so can items and results.
        items: one call each.
        jobs: processes; with 1 all is done in this one.

    Raises:
        UserError: a process was killed.
    """
    jobs = min(jobs, len(items))
    if jobs < 2:
        yield from map(work, items)
        return
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _leave_signals_to_the_parent)
    try:
        yield from pool.map(work, items)
    except BrokenProcessPool as error:
        raise UserError(
            f"a process was killed, perhaps for want of memory; try fewer --jobs than {jobs}"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _leave_signals_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
