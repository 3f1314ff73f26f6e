"""Steps of training as `nasbench search` and `nasbench retrain` take them."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from nasbench import catalog
from nasbench.engine.problem import on_device
from nasbench.interop import foreign, zoo
from nasbench.nn.drop_path import set_drop_path
from nasbench.space import DataSpec, SearchSpace
from nasbench.strategies.oneshot.base import OneShotContext, OneShotStrategy
from nasbench.supernet.mixture import Mixture
from nasbench.testing.supernets import PlainSupernets
from nasbench.training.distributed import leave, meet
from nasbench.training.objective import Objective
from nasbench.training.optimization import Optimization, OptimizerConfig
from peers.turns import CLASSES, RETRAIN, SIZE, Batch, Task, Turns
from search_spaces.darts import Darts

SPEC = DataSpec(channels=3, height=SIZE, width=SIZE, classes=CLASSES)
CPU = torch.device("cpu")
STEPS = 1000  # of the schedule


class Supernets(PlainSupernets):
    """Makes supernets laid out in memory as the engine does it."""

    def __call__(self, partial: int = 1, **arguments: object) -> SearchSpace:
        """Return a supernet with every choice open."""
        return on_device(super().__call__(partial, **arguments), CPU)


class Training(NamedTuple):
    """A training before its first step.

    Attributes:
        step: takes a step on a batch of each half and returns the loss on the first.
        parameters: of the network, architecture parameters left out.
    """

    step: Callable[[Batch, Batch], Tensor]
    parameters: int


def strategy(task: Task, fast: bool) -> OneShotStrategy:
    """Return a one-shot strategy with its defaults, ready for its first step."""
    arguments = {"channels": task.channels, "layers": task.cells}
    domains = Darts.describe(SPEC, **arguments)
    setting = OneShotContext(OptimizerConfig(), Objective(), total_steps=STEPS)
    kind = catalog.resolve("strategy", task.method)
    made: OneShotStrategy = kind(
        Supernets(Darts, arguments, SPEC), domains, kind.Options(), setting
    )
    if isinstance(made.relaxed, Mixture):
        made.relaxed.fast = fast
        for label, kept in made.relaxed.kept.items():
            made.relaxed.keep(label, kept[-task.candidates :])
    return made.train()


def search(task: Task, fast: bool) -> Training:
    """Return the training of a supernet."""
    made = strategy(task, fast)
    made.begin_epoch(0, 1)
    weights = made.relaxed.weight_parameters
    return Training(lambda *batches: made.step(*batches)["loss"], sum(p.numel() for p in weights))


def retraining(task: Task) -> Training:
    """Return the training of DARTS_V2, with the auxiliary classifier and drop-path."""
    arguments = {"channels": task.channels, "layers": task.cells, "auxiliary": True}
    found = foreign.read(zoo.published("DARTS_V2").genotype)
    arch = Darts.describe(SPEC, **arguments).arch(found.arch)
    network = on_device(Darts.freeze(arch, SPEC, **arguments), CPU).train()
    set_drop_path(network, 0.1)
    weights = list(network.parameters())
    objective, optimization = Objective(), Optimization(weights, OptimizerConfig(), STEPS)

    def step(train: Batch, validation: Batch) -> Tensor:
        loss, _ = objective(network, *train)
        optimization.minimize(loss)
        return loss.detach()

    return Training(step, sum(p.numel() for p in weights))


def share(task: Task, fast: bool, rank: int, world: int) -> tuple[Training, tuple[Batch, Batch]]:
    """Return the training, and this process's share of both batches."""
    torch.manual_seed(0)
    made = retraining(task) if task.method == RETRAIN else search(task, fast)
    halves = (task.images(number, channels_last=True) for number in (0, 1))
    train, validation = ((images[rank::world], labels[rank::world]) for images, labels in halves)
    return made, (train, validation)


def run(task: Task, turns: Turns, fast: bool = True, processes: bool = False) -> None:
    """Take all steps, with threads or with as many processes of one thread."""
    if not processes or task.cores == 1:
        made, batches = share(task, fast, 0, 1)
        turns.ready(made.parameters)
        turns.take(task.steps, lambda: made.step(*batches))
        return
    torch.set_num_threads(1)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "store"
        others = [
            context.Process(target=follow, args=(task, fast, rank, file), daemon=True)
            for rank in range(1, task.cores)
        ]
        for other in others:
            other.start()
        turns.with_processes([other.pid for other in others if other.pid])
        meet(0, task.cores, file)
        made, batches = share(task, fast, 0, task.cores)
        turns.ready(made.parameters)
        turns.take(task.steps, lambda: made.step(*batches))
        leave()
        for other in others:
            other.join()


def follow(task: Task, fast: bool, rank: int, file: Path) -> None:
    """Take all steps in another process; it waits in each until the first one begins it."""
    torch.set_num_threads(1)
    meet(rank, task.cores, file)
    made, batches = share(task, fast, rank, task.cores)
    for _ in range(task.steps):
        made.step(*batches)
    leave()
