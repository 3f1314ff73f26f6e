"""What a run does when the memory is not enough for its batches."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch

from nasbench.config import RetrainConfig, SearchConfig
from nasbench.engine import oneshot
from nasbench.engine.problem import EVALUATION_BATCH, Problem
from nasbench.engine.session import Outcome, Session
from nasbench.errors import UserError
from nasbench.store.state import StateFile
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.training.loop import ONE_VALUE, Callback

# Errors of torch that have no class of their own: on a CPU, and in libraries on a GPU.
WORDS = ("DefaultCPUAllocator", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")

Config = TypeVar("Config", SearchConfig, RetrainConfig)
Result = TypeVar("Result")


def search(
    kind: type[OneShotStrategy],
    problem: Problem,
    config: SearchConfig,
    running: Session,
    callback: Callback,
) -> tuple[Outcome, SearchConfig]:
    """Search; with ``--auto-batch``, in smaller batches where the memory is not enough.

    Returns:
        What was found, and the options with the batch size that was used.

    Raises:
        Stopped: a signal asked to stop.
        UserError: see :func:`nasbench.engine.oneshot.search` and :func:`fitted`.
    """
    return fitted(
        lambda wanted: oneshot.search(kind, problem, wanted, running, callback),
        lambda wanted: oneshot.try_step(kind, problem, wanted, running),
        config,
        running,
        callback,
    )


def fitted(
    run: Callable[[Config], Result],
    step: Callable[[Config], None],
    config: Config,
    running: Session,
    callback: Callback,
) -> tuple[Result, Config]:
    """Run; with ``--auto-batch``, anew in smaller batches where the memory is not enough.

    Args:
        run: does the work; it continues from ``state.pt``, where there is one.
        step: takes the first step of the work, and forgets it.
        config: the options of both.
        running: the run; the batch size that was used is noted in its folder.
        callback: told of the smaller batch.

    Returns:
        What ``run`` returned, and the options with the batch size that was used.

    Raises:
        UserError: the memory is not enough; the line tells the batch that would do.
    """
    while True:
        try:
            return run(config), config
        except (RuntimeError, MemoryError) as error:  # torch's class is a RuntimeError
            if not is_out_of_memory(error):
                raise
        config = _smaller(step, config, running)
        text = f"out of memory: beginning anew with a batch of {config.batch_size}"
        callback.phase(text)
        if running.leads:
            running.folder.journal.append("note", text=text)
            running.folder.update(config=config.to_json())


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether a device or the machine had no memory left."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or any(words in str(error) for words in WORDS)


def _smaller(step: Callable[[Config], None], config: Config, running: Session) -> Config:
    """Return the options with a batch that fits.

    Raises:
        UserError: none does, the user did not ask for it, or the run has begun in earnest.
    """
    what = f"--batch-size {config.batch_size}: out of memory on {running.device}"
    begun = StateFile(running.folder.path / "state.pt").load()
    if begun is not None and begun["progress"]["epoch"] >= config.epochs:
        raise UserError(
            f"out of memory on {running.device} after the last step, where batches have "
            f"{EVALUATION_BATCH} images: free memory and continue the run with --resume"
        )
    if running.place.world > 1:
        raise UserError(f"{what} in one of {running.place.world} processes: choose a smaller one")
    size = largest_that_fits(
        lambda images: step(replace(config, batch_size=images)), config.batch_size
    )
    if size is None:
        raise UserError(f"{what}; no smaller batch will do: choose a smaller network")
    if begun is not None or not config.auto_batch:
        way = "begin anew with" if begun is not None else "choose --auto-batch or"
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
        except ValueError as error:  # too few images for BN
            if ONE_VALUE not in str(error):
                raise
        else:
            return size
    return None
