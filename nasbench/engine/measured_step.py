"""How long a training takes for each image, from a step on made-up ones."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from nasbench.config import NetworkConfig, SearchConfig, TrainingConfig
from nasbench.cost.latency import synchronize
from nasbench.data.images import ImageSet
from nasbench.devices import pick
from nasbench.engine import oneshot
from nasbench.engine.checkpoints import Architecture
from nasbench.engine.problem import Problem, describe, load_space, objective, on_device, supervised
from nasbench.engine.search import load_strategy
from nasbench.nn.processes import Place, place
from nasbench.space import DataSpec
from nasbench.store.checkpoint import Checkpoint
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.tasks.base import Task

FEW = 4  # images of the first batch; if it takes less than ENOUGH, a whole one is measured
MORE = 4 * FEW  # images of the second batch otherwise: a step's fixed costs do not grow with it
ENOUGH = 0.5  # seconds of a step that is not repeated
Run = Callable[[], object]


@dataclass(frozen=True)
class _Here:
    """This process, as a place of training."""

    device: torch.device
    place: Place = field(default_factory=place)


def checkpoint_of(config: SearchConfig, spec: DataSpec, arch: Mapping[str, Any]) -> Checkpoint:
    """Return the checkpoint that a search may write.

    Args:
        config: the options of the search.
        spec: the shape of the task's data.
        arch: what it chose.
    """
    return Checkpoint(
        space={"name": config.space, "arguments": dict(config.space_arguments)},
        arch=dict(arch),
        data=spec.to_json(),
        strategy={"name": config.strategy, "options": {}},
        task=config.task,
        seed=0,
    )


def random_networks(
    config: SearchConfig,
    spec: DataSpec,
    space_arguments: Mapping[str, Any],
    count: int,
    seed: int,
) -> Iterator[Architecture]:
    """Yield different random networks of a search's space, fewer if it is smaller.

    Args:
        config: the options of the search.
        spec: the shape of the task's data.
        space_arguments: keyword arguments of the space.
        count: number of networks, at least 1.
        seed: decides which.
    """
    space = load_space(config.space)
    domains = describe(space, spec, space_arguments)
    stream = np.random.default_rng(seed)
    for arch in domains.sample_distinct(count, stream):
        checkpoint = checkpoint_of(config, spec, arch)
        yield Architecture.of(checkpoint, space, spec, space_arguments)


class Stopwatch:
    """Measures the seconds that a training takes for each image, once for equal trainings.

    Args:
        task: gives the shape of the examples.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, ``xpu`` or ``xpu:N``.
        whole: whether batches are whole ones, however long a step takes; a few images take longer
            each.

    Raises:
        UserError: the machine lacks the device.
    """

    def __init__(self, task: Task, device: str, whole: bool = False) -> None:
        self.task = task
        self.whole = whole
        self.here = _Here(pick(device))
        self._known: dict[str, float] = {}

    @property
    def device(self) -> str:
        """The name of the device."""
        return str(self.here.device)

    def of_search(self, config: SearchConfig) -> float:
        """Return the seconds of a training image in a one-shot search, its validation included.

        Raises:
            UserError: the space does not fit the task.
        """
        of = ("strategy", "space", "strategy_options", "space_arguments")
        name = json.dumps([getattr(config, one) for one in of], default=str)
        return self._once(name, config, partial(self._search, config))

    def of_network(self, network: Architecture, config: TrainingConfig) -> float:
        """Return the seconds of an image in the training of a network.

        Args:
            network: it is built anew.
            config: how it is trained.
        """
        of = [network.name, dict(network.arch), dict(network.space_arguments)]
        name = json.dumps(of, default=str)
        return self._once(name, config, partial(self._training, network, config))

    def _once(self, name: str, config: TrainingConfig, prepare: Callable[[int], Run]) -> float:
        """Return the seconds of an image, which are measured if they are not known.

        Args:
            name: what is trained.
            config: how.
            prepare: returns a step on a batch of a size.
        """
        key = json.dumps([name, config.precision, config.batch_size])
        if key not in self._known:
            whole = config.batch_size
            few = whole if self.whole else min(FEW, whole)
            step = self._seconds(prepare(few))
            if few < whole:
                more = whole if step < ENOUGH else min(MORE, whole)
                longer = self._seconds(prepare(more))
                step = longer + (whole - more) * max(0.0, longer - step) / (more - few)
            self._known[key] = step / whole
        return self._known[key]

    def _seconds(self, step: Run) -> float:
        """Return the time of the fastest of three steps, or of one if it takes long.

        A step before them, which also prepares what they use again, does not count.
        """
        step()
        times: list[float] = []
        while len(times) < 3 and sum(times) < 2 * ENOUGH:
            synchronize(self.here.device)
            begin = time.perf_counter()
            step()
            synchronize(self.here.device)
            times.append(time.perf_counter() - begin)
        return min(times)

    def _search(self, config: SearchConfig, size: int) -> Run:
        """Return a step of a one-shot search on batches of a size."""
        least = min(config.val_fraction, 1 - config.val_fraction)
        task = made_up(self.task, math.ceil(2 * size / least))
        problem = Problem.of(task, load_space(config.space), config.space_arguments)
        small = replace(config, batch_size=size, limit_train=None)
        train, validation = oneshot.batches(problem, small, self.here)
        kind = load_strategy(config.strategy)
        assert issubclass(kind, OneShotStrategy)
        strategy = oneshot.build(kind, problem, small, len(train), self.here.device)
        unit = oneshot.OneShotSearch(strategy, train, validation)
        unit.begin_epoch(0, config.epochs)
        batch = next(unit.batches(0, 0))
        return lambda: unit.train_step(batch)

    def _training(self, network: Architecture, config: TrainingConfig, size: int) -> Run:
        """Return a step of a network's training on a batch of a size."""
        task = made_up(self.task, size)
        known = NetworkConfig().to_json()
        how = NetworkConfig.from_layers({k: v for k, v in config.to_json().items() if k in known})
        unit = supervised(
            on_device(network.build(), self.here.device),
            task.train,
            None,
            task.augmentation,
            replace(how, batch_size=size, limit_train=None),
            objective(task, how),
            0,
            self.here,
        )
        unit.begin_epoch(0, how.epochs)
        batch = next(unit.batches(0, 0))
        return lambda: unit.train_step(batch)


def made_up(task: Task, examples: int) -> Task:
    """Return a task with random training images, or with some of its own if they are no pictures.

    Args:
        task: gives the shape of the examples.
        examples: at least; there are several of each class.
    """
    n = examples + 4 * task.spec.outputs
    images = task.train.images
    if images.dtype is not torch.uint8:
        return task.part(torch.arange(min(n, len(task.train))))
    noise = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (n, *task.spec.shape), dtype=torch.uint8, generator=noise)
    labels = task.train.labels[torch.arange(n) % len(task.train.labels)]
    if task.target == "class":
        labels = torch.arange(n) % task.spec.outputs
    return replace(task, train=ImageSet(pixels, labels), held_out=None)
