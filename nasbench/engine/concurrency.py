"""How many trials run at once: as many as measure fastest on this machine's CPU.

Threads inside the small operations of a training gain little, while trainings side by side lose
little: two trials of one thread each are mostly done before two that take both cores in turn.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import torch

from nasbench.config import AUTO_CONCURRENCY
from nasbench.devices import pick
from nasbench.engine.hpo import Tuning
from nasbench.engine.measured_step import Stopwatch
from nasbench.engine.pace import networks
from nasbench.engine.processes import kept
from nasbench.engine.search import Search
from nasbench.errors import UserError
from nasbench.executors.local import THREADS, cores

GAIN = 1.1
"""How many times faster more trials at once must be, as workers take time and memory to begin."""

Job = TypeVar("Job", Search, Tuning)


def of_trials(job: Job) -> Job:
    """Return a job whose ``concurrency`` is a number; one with another number stays as it is.

    Raises:
        UserError: trials run on machines that cannot be measured here.
    """
    config = job.config
    if config.concurrency != AUTO_CONCURRENCY:
        return job
    if config.engine == "ray":
        raise UserError(
            "--concurrency auto: measures this machine, and --engine ray has others: give a number"
        )
    own = THREADS in os.environ  # whoever sets it shares out the cores
    alone = own or cores() < 2 or pick(config.device).type != "cpu"
    count = 1 if alone else kept("concurrency", _sizes(job), lambda: _measured(job))
    return replace(job, config=replace(config, concurrency=count))


def _sizes(job: Search | Tuning) -> dict[str, object]:
    config: Any = job.config
    what = "model" if isinstance(job, Tuning) else "space"
    of = (what, "space_arguments", "batch_size", "precision", "optimizer")
    spec = job.data.part(config).spec
    return {"data": spec.to_json(), **{name: getattr(config, name) for name in of}}


def _measured(job: Search | Tuning) -> int:
    config: Any = job.config
    task = job.data.part(config)
    network = next(iter(networks(job, task)))
    return fastest(lambda: Stopwatch(task, "cpu", whole=True).of_network(network, config))


def fastest(seconds: Callable[[], float]) -> int:
    """Return how many trainings at once get the most done, each with its share of the cores.

    Args:
        seconds: returns the seconds of a training's step with torch's threads.
    """
    threads, best, rate, count = torch.get_num_threads(), 1, 0.0, 1
    try:
        while count <= cores():
            torch.set_num_threads(max(1, cores() // count))
            found = count / seconds()
            if found > GAIN * rate:
                best, rate = count, found
            count = 2 * count if count == cores() else min(2 * count, cores())
    finally:
        torch.set_num_threads(threads)
    return best
