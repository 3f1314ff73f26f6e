"""How long runs take on this machine: from earlier runs, else from steps taken for it.

Nothing that is measured here is part of a run: networks and batches are made and thrown away.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasbench import provenance
from nasbench.config import HpoConfig, NetworkConfig, SearchConfig
from nasbench.devices import pick
from nasbench.engine import oneshot
from nasbench.engine.checkpoints import Architecture
from nasbench.engine.hpo import Tuning
from nasbench.engine.problem import Problem, halves, objective, on_device, supervised
from nasbench.engine.search import Search
from nasbench.errors import UserError
from nasbench.nn.processes import Place, place
from nasbench.seeding import derive, seed_process
from nasbench.space import SearchSpace
from nasbench.store.journal import number, table
from nasbench.store.runs import RunFolder, every_run
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.strategies.oneshot.differentiable import DifferentiableStrategy
from nasbench.tasks.base import Task
from nasbench.training.supervised import Supervised

WARM_UP, MOST, SECONDS = 1, 10, 3.0
"""Steps that are not timed; at most so many are, and none begins after so many seconds."""

NETWORKS = 3
"""Architectures of a space whose training is timed, as a trial may get any."""

# Options on which the time of a step depends.
_SIZES = ("space", "space_arguments", "strategy_options", "batch_size", "precision")


@dataclass(frozen=True)
class Pace:
    """The time that an epoch takes.

    Attributes:
        seconds: of one step.
        steps: in an epoch.
        source: where it comes from, in words.
    """

    seconds: float
    steps: int
    source: str

    @property
    def epoch(self) -> float:
        """Seconds of an epoch."""
        return self.seconds * self.steps


@dataclass(frozen=True)
class _Here:
    """Where the steps are taken."""

    device: torch.device
    place: Place


def of_supernet(search: Search, results: Path) -> Pace:
    """Return the pace of a one-shot search.

    Args:
        search: with a one-shot strategy.
        results: the results folder, whose earlier runs are asked first: their time holds the
            choice of the architecture, too.

    Raises:
        UserError: the task, the space and the options do not fit together.
    """
    config, task = search.config, search.data.part(search.config)
    problem = Problem.of(task, search.space, config.space_arguments)
    train, _ = halves(task, config.seed, config.val_fraction)
    steps = max(1, len(train) // config.batch_size)
    earlier = _of_earlier_run(config, task, results)
    if earlier is not None:
        seconds, run = earlier
        return Pace(seconds, steps, f"as in the run {run}")
    return Pace(_supernet_step(search, problem, steps), steps, "measured now")


def _supernet_step(search: Search, problem: Problem, steps: int) -> float:
    config = search.config
    here = _Here(pick(config.device), place())
    assert issubclass(search.strategy, OneShotStrategy)
    strategy = oneshot.build(search.strategy, problem, config, steps, here.device)
    unit = oneshot.OneShotSearch(strategy, *oneshot.batches(problem, config, here))
    unit.begin_epoch(0, config.epochs)
    if isinstance(strategy, DifferentiableStrategy):
        strategy.arch_moves = True  # as after a warm-up, whose steps cost less
    return _timed(unit, here.device)


def _of_earlier_run(config: SearchConfig, task: Task, results: Path) -> tuple[float, str] | None:
    """Return the seconds of a step of the newest equal search on this machine, and its name."""
    cpu, wanted = provenance.cpu_model(), config.to_json()
    kind = pick(config.device).type
    for path in reversed(every_run(results)):
        try:
            run = RunFolder(path)
        except UserError:
            continue
        theirs, made = table(run.info.get("config")), table(run.info.get("provenance"))
        if run.info.get("name") != config.strategy or run.status != "done":
            continue
        if any(theirs.get(name) != wanted[name] for name in _SIZES):
            continue
        if made.get("cpu") != cpu or made.get("data") != task.fingerprint:
            continue
        if ("cuda" if made.get("gpus") and theirs.get("device") != "cpu" else "cpu") != kind:
            continue
        seconds = number(table(run.info.get("cost")).get("device_seconds"))
        steps = number(table(run.info.get("training")).get("steps"))
        if seconds and steps:
            return seconds / steps, run.name
    return None


def of_trial(job: Search | Tuning) -> Pace:
    """Return the pace of a trial of a sampled search or of a tuning, with its defaults.

    Raises:
        UserError: the task, the network and the options do not fit together.
    """
    config: SearchConfig | HpoConfig = job.config
    task = job.data.part(config)
    here = _Here(pick(config.device), place())
    train, _ = halves(task, config.seed, config.val_fraction)
    known = NetworkConfig().to_json()
    shared = {name: value for name, value in config.to_json().items() if name in known}
    training = NetworkConfig.from_layers(shared)
    found = []
    for network in _networks(job, task):
        unit = supervised(
            on_device(network, here.device),
            train,
            None,
            task.augmentation,
            training,
            objective(task, config),
            derive(config.seed, "pace"),
            here,
        )
        found.append(_timed(unit, here.device))
    return Pace(statistics.mean(found), max(1, len(train) // training.batch_size), "measured now")


def _networks(job: Search | Tuning, task: Task) -> Iterator[SearchSpace]:
    """Yield networks that trials train: a tuning's own, or some of a space."""
    seed_process(job.config.seed, "pace")
    if isinstance(job, Tuning):
        yield Architecture.of(
            job.model, spec=task.spec, space_arguments=job.space_arguments
        ).build()
        return
    problem = Problem.of(task, job.space, job.config.space_arguments)
    stream = np.random.default_rng(derive(job.config.seed, "pace"))
    for arch in problem.domains.sample_distinct(min(NETWORKS, problem.domains.size), stream):
        yield job.space.freeze(arch, task.spec, **problem.arguments)


def _timed(unit: Supervised | oneshot.OneShotSearch, device: torch.device) -> float:
    """Return the median time of a step, in seconds.

    Raises:
        UserError: an epoch has no step.
    """
    if not unit.steps_per_epoch():
        raise UserError("--batch-size: larger than the images to train on")
    take_step: Callable[[Any], Any] = unit.train_step
    endless = itertools.chain.from_iterable(unit.batches(0, 0) for _ in itertools.count())

    def take() -> float:
        since = time.perf_counter()
        take_step(next(endless))
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - since

    for _ in range(WARM_UP):
        take()
    found = [take()]
    while len(found) < MOST and sum(found) < SECONDS:
        found.append(take())
    return statistics.median(found)
