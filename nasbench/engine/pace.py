"""How long an epoch takes on this machine: from an earlier run, else from a measured step."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nasbench import provenance
from nasbench.config import HpoConfig, SearchConfig
from nasbench.devices import pick
from nasbench.engine.checkpoints import Architecture
from nasbench.engine.hpo import Tuning
from nasbench.engine.measured_step import Stopwatch, random_networks
from nasbench.engine.problem import halves
from nasbench.engine.search import Search
from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.store.journal import number, table
from nasbench.store.runs import RunFolder, every_run
from nasbench.tasks.base import Task

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
    steps = _steps(config, task)
    earlier = _of_earlier_run(config, task, results)
    if earlier is not None:
        seconds, run = earlier
        return Pace(seconds, steps, f"as in the run {run}")
    seconds = Stopwatch(task, config.device, whole=True).of_search(config) * config.batch_size
    return Pace(seconds, steps, "measured now")


def _steps(config: SearchConfig | HpoConfig, task: Task) -> int:
    train, _ = halves(task, config.seed, config.val_fraction)
    return max(1, len(train) // config.batch_size)


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
        if theirs.get("strategy") != config.strategy or run.status != "done":
            continue
        if any(theirs.get(name) != wanted[name] for name in _SIZES):
            continue
        if theirs.get("processes", "1") not in ("1", "auto"):
            continue  # a study's searches have one process
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
    watch = Stopwatch(task, config.device, whole=True)
    found = [watch.of_network(network, config) for network in networks(job, task)]
    return Pace(statistics.mean(found) * config.batch_size, _steps(config, task), "measured now")


def networks(job: Search | Tuning, task: Task) -> Iterator[Architecture]:
    """Yield networks that trials train: a tuning's own, or some of a space."""
    if isinstance(job, Tuning):
        yield Architecture.of(job.model, spec=task.spec, space_arguments=job.space_arguments)
        return
    config, seed = job.config, derive(job.config.seed, "pace")
    yield from random_networks(config, task.spec, config.space_arguments, NETWORKS, seed)
