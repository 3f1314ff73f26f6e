"""How long a run takes, from a step of its training on made-up images."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nasbench.config import HpoConfig, NetworkConfig, RetrainConfig, SearchConfig, TrainingConfig
from nasbench.cost.latency import synchronize
from nasbench.data.images import ImageSet
from nasbench.devices import pick
from nasbench.engine import oneshot
from nasbench.engine.checkpoints import Architecture, open_model, retrain_arguments, space_of
from nasbench.engine.hyperparameters import choices_of_model
from nasbench.engine.problem import Problem, describe, load_space, objective, on_device, supervised
from nasbench.engine.search import load_strategy
from nasbench.errors import UserError
from nasbench.nn.processes import Place, place
from nasbench.space import SearchSpace
from nasbench.store.checkpoint import Checkpoint
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.study.plan import ConfiguredRun, Plan, Step
from nasbench.tasks.base import Task

FEW = 4  # images of the first batch, which says whether a whole one takes longer than ENOUGH
ENOUGH = 0.5  # seconds of a step that is not repeated
Build = Callable[[], SearchSpace]


@dataclass(frozen=True)
class _Here:
    """This process, as a place of training."""

    device: torch.device
    place: Place = field(default_factory=place)


class MeasuredSteps:
    """Measures the seconds of a pass, once for entries that train the same network alike.

    Args:
        plan: the study.
        done: the run folder of each step that succeeded.
    """

    def __init__(self, plan: Plan, done: Mapping[Step, Path]) -> None:
        self.plan, self.done = plan, done
        self.here = _Here(pick(str(plan.given.get("device") or "auto")))
        self._known: dict[str, float] = {}

    def seconds_per_pass(self, step: Step) -> float | None:
        """Return the seconds that a training image takes, forward and backward.

        Args:
            step: a run of the study; of a network that is yet to be found, a random one of the
                space is measured, and of several networks the mean.

        Returns:
            ``None`` if the network cannot be built before the run.
        """
        try:
            run = self._configured(step)
            config = self.plan.options(step) if run is None else run.config
            if isinstance(config, SearchConfig) and self._is_oneshot(config):
                return self._once("one-shot", config, partial(self._searched, config))
            assert isinstance(config, SearchConfig | NetworkConfig)
            times = []
            for key, build in self._networks(step, config):
                prepare = partial(self._trained, config, build)
                times.append(self._once(key, config, prepare))
            return float(np.mean(times)) if times else None
        except (UserError, ValueError):  # reported when the run would start
            return None

    def _configured(self, step: Step) -> ConfiguredRun | None:
        """Return a run that could start now; ``None`` if its source has no result."""
        source = self.plan.source(step)
        if source is not None and source not in self.done:
            return None
        return self.plan.configure(step, self.done[source] if source else None)

    def _is_oneshot(self, config: SearchConfig) -> bool:
        return issubclass(load_strategy(config.strategy), OneShotStrategy)

    def _once(
        self, kind: str, config: TrainingConfig, prepare: Callable[[int], Callable[[], object]]
    ) -> float:
        """Return the seconds of a pass, which are measured if they are not known.

        Args:
            kind: what is trained.
            config: how.
            prepare: returns a step on a batch of a size.
        """
        names = ("strategy", "space", "strategy_options", "space_arguments", "precision")
        of = [getattr(config, name, None) for name in (*names, "batch_size")]
        key = json.dumps([kind, of], default=str)
        if key not in self._known:
            few = min(FEW, config.batch_size)
            seconds = self._seconds(prepare(few)) / few
            if few < config.batch_size and seconds * config.batch_size < ENOUGH:
                seconds = self._seconds(prepare(config.batch_size)) / config.batch_size
            self._known[key] = seconds
        return self._known[key]

    def _seconds(self, step: Callable[[], object]) -> float:
        """Return the time of the fastest of three steps, or of the first if it takes long."""
        times: list[float] = []
        while len(times) < 3 and sum(times) < 2 * ENOUGH:
            synchronize(self.here.device)
            begin = time.perf_counter()
            step()
            synchronize(self.here.device)
            times.append(time.perf_counter() - begin)
        return min(times)

    def _searched(self, config: SearchConfig, size: int) -> Callable[[], object]:
        """Return a step of a one-shot search on batches of a size."""
        least = min(config.val_fraction, 1 - config.val_fraction)
        task = made_up(self.plan.task, math.ceil(2 * size / least))
        space = load_space(config.space)
        problem = Problem.of(task, space, config.space_arguments)
        small = replace(config, batch_size=size, limit_train=None)
        train, validation = oneshot.batches(problem, small, self.here)
        kind = load_strategy(config.strategy)
        assert issubclass(kind, OneShotStrategy)
        strategy = oneshot.build(kind, problem, small, len(train), self.here.device)
        unit = oneshot.OneShotSearch(strategy, train, validation)
        unit.begin_epoch(0, config.epochs)
        batch = next(unit.batches(0, 0))
        return lambda: unit.train_step(batch)

    def _trained(
        self, config: SearchConfig | NetworkConfig, build: Build, size: int
    ) -> Callable[[], object]:
        """Return a step of a network's training on a batch of a size."""
        task = made_up(self.plan.task, size)
        known = NetworkConfig().to_json()
        how = NetworkConfig.from_layers({k: v for k, v in config.to_json().items() if k in known})
        unit = supervised(
            on_device(build(), self.here.device),
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

    def _networks(self, step: Step, config: TrainingConfig) -> Iterator[tuple[str, Build]]:
        """Yield what a run trains, with a name of each network."""
        source, run = self.plan.source(step), self._configured(step)
        if isinstance(config, HpoConfig):
            if run is None and source is not None:
                yield from self._networks(source, self.plan.options(source))
            else:
                yield from self._tuned(config)
        elif run is not None and run.checkpoint is not None:
            assert isinstance(config, RetrainConfig)
            kind = space_of(run.checkpoint, config.space)
            yield self._network(run.checkpoint, kind, config.space_arguments)
        elif isinstance(config, SearchConfig):
            yield self._random(config, config.space_arguments)
        elif source is not None:
            found = self.plan.options(source)
            if isinstance(found, SearchConfig):
                space = load_space(found.space)
                checkpoint = self._checkpoint(found, {})
                given = step.entry.arguments
                kept = retrain_arguments(space, checkpoint, config.preset, given)
                yield self._random(found, kept)
            else:
                yield from self._networks(source, found)

    def _tuned(self, config: HpoConfig) -> Iterator[tuple[str, Build]]:
        """Yield the networks among which a tuning chooses, or the one that it trains."""
        names = choices_of_model(config.space_content)
        for name in names or [config.model]:
            model = open_model(name)
            own = config.space_arguments if name == config.model else {}
            kept = {**model.space.get("arguments", {}), **own}
            yield self._network(model, space_of(model), kept)

    def _random(self, config: SearchConfig, arguments: Mapping[str, Any]) -> tuple[str, Build]:
        """Return a random network of a search's space."""
        space = load_space(config.space)
        domains = describe(space, self.plan.task.spec, arguments)
        arch = domains.sample(np.random.default_rng(0))
        return self._network(self._checkpoint(config, dict(arch)), space, arguments)

    def _checkpoint(self, config: SearchConfig, arch: dict[str, Any]) -> Checkpoint:
        """Return what a search may find."""
        return Checkpoint(
            space={"name": config.space, "arguments": dict(config.space_arguments)},
            arch=arch,
            data=self.plan.task.spec.to_json(),
            strategy={"name": config.strategy, "options": {}},
            task=self.plan.study.task,
            seed=0,
        )

    def _network(
        self, checkpoint: Checkpoint, space: type[SearchSpace], arguments: Mapping[str, Any]
    ) -> tuple[str, Build]:
        """Return a checkpoint's network, with its name."""
        found = Architecture.of(checkpoint, space, self.plan.task.spec, arguments)
        of = [checkpoint.space["name"], dict(found.arch), dict(arguments)]
        return json.dumps(of, default=str), found.build


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
