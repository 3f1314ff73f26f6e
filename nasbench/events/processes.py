"""Work in several processes: parallel map, clean-up after a kill, progress bar."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager, suppress
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import TypeVar

from nasbench.errors import UserError

STDERR = 2  # the descriptor that libraries write to, even if Python replaced sys.stderr
SCRATCH_PREFIX = ".nasbench-images-"
ABANDONED_S = 86_400  # a running conversion writes to its folder more often

#: Called with the number of steps; yields a function that is called after each of them.
Progress = Callable[[int], AbstractContextManager[Callable[[], None]]]
Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    jobs: int,
    killed: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """Yield ``work(item)`` for each item, in order.

    Args:
        work: a picklable function; items and results must be picklable too.
        items: the arguments, one call each.
        jobs: number of processes; 1 works in this process, unless ``killed`` is given.
        killed: gives the result of an item that kills its process. The workers' standard error
            is then discarded, as a dying library may write hundreds of lines.

    Raises:
        UserError: a process was killed, and ``killed`` is not given.
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
                    "a process was killed, perhaps because memory ran out; "
                    f"try fewer --jobs than {jobs}"
                ) from error
            # Any item in progress may be the cause. The first is retried in a process of its own.
            try:
                (alone,) = _pooled(work, items[done : done + 1], 1, quiet=True)
            except BrokenProcessPool:
                alone = killed(items[done])
            yield alone
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


def _begin(quiet: bool) -> None:
    """Set up a worker: leave Ctrl-C to the parent, and exit when it exits, even if killed.

    ``quiet`` discards the worker's standard error.
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
def clean_up_on_sigterm() -> Iterator[None]:
    """Make SIGTERM leave the block as an exception does, so that temporary files are removed."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def scratch_folder(parent: Path, prefix: str = SCRATCH_PREFIX) -> Iterator[Path]:
    """Yield a new folder in ``parent``, after removing those that killed runs left there.

    Args:
        parent: an existing folder.
        prefix: of the folders' names; nothing else may use it.

    Raises:
        OSError: ``parent`` cannot be written.
    """
    for left in parent.glob(f"{prefix}*"):
        with suppress(FileNotFoundError):  # another run may have ended just now
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent) as folder:
        yield Path(folder)


@contextmanager
def progress_bar(total: int) -> Iterator[Callable[[], None]]:
    """Yield a function that advances a bar of ``total`` recordings, shown only on a terminal."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True)) as bar:
        task = bar.add_task("recordings", total=total)
        yield lambda: bar.advance(task)
