"""What a one-shot search does when the memory is not enough for its batches."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace

import torch

from nasbench.config import SearchConfig
from nasbench.engine import oneshot
from nasbench.engine.outcome import Outcome
from nasbench.engine.problem import Problem
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.store.state import StateFile
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.training.loop import Observer

CPU_WORDS = "DefaultCPUAllocator"  # torch's error on a CPU has no class of its own


def search(
    kind: type[OneShotStrategy],
    problem: Problem,
    config: SearchConfig,
    running: Session,
    observer: Observer,
) -> tuple[Outcome, SearchConfig]:
    """Search; with ``--auto-batch``, in smaller batches where the memory is not enough.

    Returns:
        What was found, and the options with the batch size that was used.

    Raises:
        Stopped: a signal asked to stop.
        UserError: see :func:`nasbench.engine.oneshot.search`; or the memory is not enough, which
            tells the batch that would do.
    """
    while True:
        try:
            return oneshot.search(kind, problem, config, running, observer), config
        except (RuntimeError, MemoryError) as error:  # torch's class is a RuntimeError
            if not is_out_of_memory(error):
                raise
        config = _smaller(kind, problem, config, running)
        size = config.batch_size
        observer.phase(f"out of memory: beginning anew with a batch of {size}")
        if running.leads:
            running.folder.update(config=config.to_json())


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a device or the machine had no memory left."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or CPU_WORDS in str(error)


def _smaller(
    kind: type[OneShotStrategy], problem: Problem, config: SearchConfig, running: Session
) -> SearchConfig:
    """Return the options with a batch that fits.

    Raises:
        UserError: none does, the user did not ask for it, or the search has begun in earnest.
    """
    what = f"--batch-size {config.batch_size}: out of memory on {running.device}"
    if running.place.world > 1:
        raise UserError(f"{what} in one of {running.place.world} processes: choose a smaller one")

    def step(size: int) -> None:
        oneshot.try_step(kind, problem, replace(config, batch_size=size), running)

    size = largest_that_fits(step, config.batch_size)
    if size is None:
        raise UserError(f"{what}; not even a batch of 1 fits: choose a smaller network")
    begun = StateFile(running.folder.path / "state.pt").load() is not None
    if begun or not config.auto_batch:
        way = "begin anew with" if begun else "choose --auto-batch or"
        raise UserError(f"{what}; a step of {size} images fits: {way} --batch-size {size}")
    return replace(config, batch_size=size)


def largest_that_fits(step: Callable[[int], None], size: int) -> int | None:
    """Return the first of ``size / 2, size / 4, ..., 1`` whose step has memory enough.

    Args:
        step: takes one step with so many images.
        size: a batch that does not fit.

    Returns:
        The size, or ``None`` where none fits.
    """
    while size > 1:
        size //= 2
        gc.collect()  # what the failed step held
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            step(size)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            return size
    return None
