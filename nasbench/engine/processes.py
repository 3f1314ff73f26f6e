"""How many processes train one network: as many as measure fastest on this machine's CPU.

Threads inside the operations of a network for small images gain little, except in the compiled
sums of a supernet, while processes that share the batch do. Below a certain amount of computing a
process costs more than it gains.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import torch

from nasbench import provenance
from nasbench.config import RetrainConfig, SearchConfig
from nasbench.devices import pick
from nasbench.engine import ranks
from nasbench.engine.checkpoints import Architecture
from nasbench.engine.measured_step import Stopwatch
from nasbench.engine.problem import halves
from nasbench.engine.search import Search
from nasbench.errors import UserError
from nasbench.executors.local import THREADS, cores
from nasbench.known_code import cache_folder
from nasbench.tasks.base import Task

START = 8.0
"""Seconds that processes take to begin and to agree, which they must save at least."""
GAIN = 0.85
"""The largest share of the time that twice as many processes may be expected to take."""
ENOUGH = 2**20
"""Values of all examples that a training sees; below, one process is done in a few seconds."""

Options = TypeVar("Options", SearchConfig, RetrainConfig)


def of_search(search: Search) -> Search:
    """Return a search with the number of its processes.

    Raises:
        UserError: the number does not fit the strategy, the device or the batch.
    """
    config = search.config
    if not search.sampled:
        return replace(search, config=_chosen(config, lambda: _for_search(search)))
    if config.processes not in (ranks.AUTO, "1"):
        raise UserError(
            f"--processes {config.processes}: is for one training, and {config.strategy} trains "
            "its candidates one by one: give --concurrency"
        )
    return replace(search, config=replace(config, processes="1"))


def of_retraining(
    config: RetrainConfig, opened: Callable[[], tuple[Task, Architecture]]
) -> RetrainConfig:
    """Return the options of a retraining with the number of its processes.

    Args:
        config: the options.
        opened: returns the task and the network.

    Raises:
        UserError: the number does not fit the device or the batch.
    """
    return _chosen(config, lambda: _for_network(config, *opened()))


def _chosen(config: Options, fitting: Callable[[], int]) -> Options:
    def measured() -> int:
        own = THREADS in os.environ  # whoever sets it shares out the cores
        if own or config.auto_batch or cores() < 2 or pick(config.device).type != "cpu":
            return 1
        return fitting()

    count = ranks.number(config.processes, config.device, config.batch_size, measured)
    return replace(config, processes=str(count))


def _for_search(search: Search) -> int:
    config, task = search.config, search.data.part(search.config)
    train, _ = halves(task, config.seed, config.val_fraction)
    watch = Stopwatch(task, "cpu", whole=True)
    return _kept(
        task,
        config,
        len(train),
        {"space": config.space, "strategy": config.strategy, **config.compared()},
        lambda size: size * watch.of_search(replace(config, batch_size=size)),
    )


def _for_network(config: RetrainConfig, task: Task, network: Architecture) -> int:
    watch = Stopwatch(task, "cpu", whole=True)
    return _kept(
        task,
        config,
        len(task.train),
        {"network": network.name, "arch": dict(network.arch), **config.compared()},
        lambda size: size * watch.of_network(network, replace(config, batch_size=size)),
    )


def _kept(
    task: Task,
    config: SearchConfig | RetrainConfig,
    examples: int,
    of: dict[str, object],
    seconds: Callable[[int], float],
) -> int:
    """Return the number that was measured before, or measure it.

    Args:
        task: gives the shape of the examples.
        config: the options.
        examples: of an epoch.
        of: what the time depends on.
        seconds: returns the seconds of a step with a batch of a size.
    """
    steps = config.epochs * max(1, examples // config.batch_size)
    if steps * config.batch_size * math.prod(task.spec.shape) < ENOUGH:
        return 1
    of = {"data": task.spec.to_json(), "steps": steps, **of}
    found = kept("processes", of, lambda: fastest(seconds, config.batch_size, steps))
    while not _shared(config.batch_size, found):
        found //= 2
    return found


def _shared(batch_size: int, count: int) -> bool:
    """Return whether so many processes get as many examples each, and more than one.

    A single example has no statistics: BN could not be measured on it.
    """
    return count == 1 or (batch_size % count == 0 and batch_size // count > 1)


def kept(what: str, of: dict[str, object], measured: Callable[[], int]) -> int:
    """Return a number from 1 to that of the cores, measured once on this machine.

    What is kept makes the same command on the same machine give the same bits.

    Args:
        what: the name of the cache's folder for such numbers.
        of: what the number depends on, beside the machine.
        measured: returns it.
    """
    numba = provenance.version("numba")  # compiles the sums of a supernet, if it is there
    machine = (provenance.cpu_model(), cores(), torch.__version__, numba)
    text = json.dumps([machine, of], sort_keys=True, default=str)
    folder = cache_folder() / what
    file = folder / hashlib.sha256(text.encode()).hexdigest()
    with suppress(OSError, ValueError):
        return max(1, min(int(file.read_text()), cores()))
    found = measured()
    with suppress(OSError):  # where nothing can be kept, it is measured again
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{found}\n")
    return found


def fastest(seconds: Callable[[int], float], batch_size: int, steps: int) -> int:
    """Return how many processes a training is expected to be fastest with.

    One thread's time for a step is taken for a whole batch and for half of it; a process with
    another share of the batch is expected on the line through both. Their number is doubled as
    long as that gains something and divides the batch.

    Args:
        seconds: returns the seconds of a step with a batch of a size, with torch's threads.
        batch_size: of all processes together; nothing is measured if two cannot share it.
        steps: of the training.
    """
    if not _shared(batch_size, 2):
        return 1
    threads = torch.get_num_threads()
    together = seconds(batch_size) if threads > 1 else math.inf
    torch.set_num_threads(1)
    try:
        whole, half = seconds(batch_size), seconds(batch_size // 2)
    finally:
        torch.set_num_threads(threads)
    alone, best = min(together, whole), 1
    slope = max(0.0, whole - half) / (batch_size // 2)
    count = 2
    while count <= cores() and _shared(batch_size, count):
        expected = whole - slope * (batch_size - batch_size // count)
        if expected > GAIN * alone or (alone - expected) * steps < START:
            break
        alone, best, count = expected, count, 2 * count
    return best
