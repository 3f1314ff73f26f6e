"""Smaller batches if a run does not fit in memory (``--auto-batch``)."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import torch

from nasbench.config import RetrainConfig, SearchConfig
from nasbench.engine.problem import EVALUATION_BATCH
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.faults import is_out_of_memory
from nasbench.store.state import StateFile
from nasbench.training.loop import ONE_VALUE, Callback

Config = TypeVar("Config", SearchConfig, RetrainConfig)
Result = TypeVar("Result")


def run_with_auto_batch(
    run: Callable[[Config], Result],
    step: Callable[[Config], None],
    config: Config,
    running: Session,
    callback: Callback,
) -> tuple[Result, Config]:
    """Run; if a batch does not fit in memory, halve it until a step fits.

    With ``--auto-batch`` the run then restarts with the batch size that fits; without it, or after
    the first epoch, an error reports that size.

    Args:
        run: does the work; it continues from ``state.pt``, if that exists.
        step: takes the first step of the work, and discards it.
        config: the options of both.
        running: the run; its folder keeps the batch size that was used.
        callback: notified of the smaller batch.

    Returns:
        The result of ``run``, and the options with the batch size that was used.

    Raises:
        UserError: the memory is not sufficient; the message gives the batch size that fits.
    """
    while True:
        try:
            return run(config), config
        except (RuntimeError, MemoryError) as error:  # torch's class is a RuntimeError
            if not is_out_of_memory(error):
                raise
        config = _smaller(step, config, running)
        text = f"out of memory: restarting with a batch size of {config.batch_size}"
        callback.phase(text)
        if running.leads:
            running.folder.journal.append("note", text=text)
            running.folder.update(config=config.to_json())


def _smaller(step: Callable[[Config], None], config: Config, running: Session) -> Config:
    """Return the options with a batch that fits.

    Raises:
        UserError: no batch fits, ``--auto-batch`` is not set, or an epoch was finished already.
    """
    what = f"--batch-size {config.batch_size}: out of memory on {running.device}"
    begun = StateFile(running.folder.path / "state.pt").load()
    if begun is not None and begun["progress"]["epoch"] >= config.epochs:
        raise UserError(
            f"out of memory on {running.device} after the last step, in batches of "
            f"{EVALUATION_BATCH} images: free memory and continue the run with --resume"
        )
    if running.place.world > 1:
        raise UserError(
            f"{what} in one of {running.place.world} processes: choose a smaller batch size"
        )
    size = largest_that_fits(
        lambda images: step(replace(config, batch_size=images)), config.batch_size
    )
    if size is None:
        raise UserError(f"{what}; no smaller batch fits: choose a smaller network")
    if begun is not None or not config.auto_batch:
        way = "start a new run with" if begun is not None else "choose --auto-batch or"
        raise UserError(f"{what}; a step of {size} images fits: {way} --batch-size {size}")
    return replace(config, batch_size=size)


def largest_that_fits(step: Callable[[int], None], size: int) -> int | None:
    """Return the first of ``size / 2, size / 4, ..., 1`` whose step fits in memory.

    Args:
        step: takes one step with this number of images.
        size: a batch size that does not fit.

    Returns:
        The size, or ``None`` if none fits.
    """
    while size > 1:
        size //= 2
        gc.collect()  # what the failed step held
        if torch.accelerator.is_available():
            torch.accelerator.empty_cache()
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
