"""Work shared by several processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import TypeVar

from nasbench.errors import UserError

STDERR = 2  # as libraries know it, whatever Python made of it

Item = TypeVar("Item")
Result = TypeVar("Result")


def shared(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    killed: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """Yield what ``work`` makes of each item, in their order.

    Args:
        work: can be pickled, and so can items and results.
        items: one call each.
        jobs: processes; with 1 all is done in this one, unless ``killed`` is there.
        killed: makes what takes the result's place where an item kills its process; what these
            print of it is not shown.

    Raises:
        UserError: a process was killed, and there is no ``killed``.
    """
    if killed is None and min(jobs, len(items)) < 2:
        yield from map(work, items)
        return
    done = 0
    while done < len(items):
        try:
            for result in _pooled(work, items[done:], jobs, killed is not None):
                yield result
                done += 1
        except BrokenProcessPool as error:
            if killed is None:
                raise UserError(
                    "a process was killed, perhaps for want of memory; "
                    f"try fewer --jobs than {jobs}"
                ) from error
            # Any of those under way may be guilty. The first is tried by itself, then the others.
            yield _alone(work, items[done], killed)
            done += 1


def _pooled(
    work: Callable[[Item], Result], items: Sequence[Item], jobs: int, quiet: bool
) -> Iterator[Result]:
    jobs = min(jobs, len(items))
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (quiet,))
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)


def _alone(work: Callable[[Item], Result], item: Item, killed: Callable[[Item], Result]) -> Result:
    try:
        (result,) = _pooled(work, [item], 1, quiet=True)
        return result
    except BrokenProcessPool:
        return killed(item)


def _begin(quiet: bool) -> None:
    """Leave Ctrl-C to the parent, and end with it, also where it is killed.

    ``quiet``: a library that dies of a damaged file does so without its hundred lines.
    """
    if quiet:
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDERR)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def tidy_when_terminated() -> Iterator[None]:
    """Let SIGTERM leave the block as an exception does, so that temporary files are removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
