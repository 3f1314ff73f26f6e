"""A task and a space put together: all that a search or a retraining starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch

from nasbench import catalog
from nasbench.config import TrainingConfig
from nasbench.data.split import stratified_split
from nasbench.errors import UserError
from nasbench.nn.processes import place
from nasbench.nn.sync_batchnorm import synchronize
from nasbench.seeding import derive
from nasbench.space import Domains, SearchSpace
from nasbench.tasks.base import Task


def load_task(config: TrainingConfig, name: str) -> Task:
    """Return the task of that name, with ``--limit-train`` applied.

    Raises:
        UserError: it is unknown, its data cannot be had, or it has fewer images than the limit.
    """
    load = catalog.resolve("task", name)
    if isinstance(load, type) or not callable(load):
        raise UserError(f"task {name!r}: must be a function that returns a nasbench Task")
    task = load(data_dir=config.data_dir)
    if not isinstance(task, Task):
        raise UserError(f"task {name!r}: returned {type(task).__name__}, not a nasbench Task")
    limit, n = config.limit_train, len(task.train)
    if limit is None or limit == n:
        return task
    if limit > n:
        raise UserError(f"--limit-train {limit}: the task {name} has {n} training images")
    _, kept = stratified_split(task.train.labels, limit / n, derive(config.seed, "limit"))
    return replace(task, train=task.train.subset(kept))


def load_space(name: str) -> type[SearchSpace]:
    """Return the space of that name.

    Raises:
        UserError: it is unknown, or no ``SearchSpace``.
    """
    space = catalog.resolve("space", name)
    if not (isinstance(space, type) and issubclass(space, SearchSpace)):
        raise UserError(f"space {name!r}: must be a subclass of nasbench.space.SearchSpace")
    return space


@dataclass(frozen=True)
class Problem:
    """What is searched, for which data.

    Attributes:
        task: the data.
        space: the class of networks.
        arguments: its keyword arguments.
        domains: its decisions.
    """

    task: Task
    space: type[SearchSpace]
    arguments: Mapping[str, Any]
    domains: Domains

    @classmethod
    def of(cls, task: Task, space: type[SearchSpace], arguments: Mapping[str, Any]) -> Problem:
        """Put them together.

        Raises:
            UserError: the space refuses its arguments or the data's shape.
        """
        try:
            domains = space.describe(task.spec, **arguments)
        except (ValueError, TypeError, RuntimeError) as error:
            raise UserError(f"space {space.__name__}: {error}") from error
        return cls(task, space, arguments, domains)


Network = TypeVar("Network", bound=SearchSpace)


def on_device(network: Network, device: torch.device) -> Network:
    """Move ``network`` to ``device``, and into channels-last memory where its space allows it.

    Among several processes its BN sees the global batch from then on.
    """
    network = network.to(device)
    if place().world > 1:
        synchronize(network)
    return network.to(memory_format=torch.channels_last) if network.channels_last else network
