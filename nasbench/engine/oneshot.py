"""Drives a one-shot search: one supernet, two halves of the training data."""

from __future__ import annotations

import time
from typing import Any

import torch

from nasbench.config import SearchConfig
from nasbench.data.batches import Batches
from nasbench.engine.callbacks import (
    CallbackList,
    JournalCallback,
    NullCallback,
    TensorBoardCallback,
)
from nasbench.engine.limits import Limits, OneShotLimits, limits_of
from nasbench.engine.oneshot_unit import Halves, OneShotSearch
from nasbench.engine.problem import (
    Problem,
    evaluation_batches,
    halves,
    objective,
    on_device,
    optimizer,
    train_batches,
)
from nasbench.engine.session import Outcome, Session
from nasbench.engine.watch import watch
from nasbench.optional import available
from nasbench.seeding import derive, seed_process
from nasbench.space import SearchSpace
from nasbench.store.state import StateFile
from nasbench.strategies.oneshot.base import OneShotContext, OneShotStrategy
from nasbench.supernet.mixture import Mixture
from nasbench.training.loop import Callback, Loop
from nasbench.training.supervised import accuracy


class ProblemSupernets:
    """Makes the supernets of a problem."""

    def __init__(self, problem: Problem, device: torch.device) -> None:
        self.space = problem.space
        self.arguments = problem.arguments
        self._spec = problem.task.spec
        self._device = device

    def __call__(self, partial: int = 1, **arguments: Any) -> SearchSpace:
        """Return a supernet on the device."""
        every = {**self.arguments, **arguments}
        return on_device(self.space.partial_supernet(partial, self._spec, **every), self._device)


def search(
    kind: type[OneShotStrategy],
    problem: Problem,
    config: SearchConfig,
    running: Session,
    callback: Callback,
) -> Outcome:
    """Train the supernet and return the architecture it stands for.

    Raises:
        Stopped: a signal asked to stop.
        UserError: the options do not fit, nothing keeps the limits, or the loss is not finite.
    """
    bounds = None
    if limits_of(config):
        costs = Limits.of_search(problem, config, running)
        bounds = OneShotLimits(costs, problem.domains, running.device)
    train, validation = _batches(problem, config, running)
    strategy = build(kind, problem, config, len(train), running.device, bounds)
    unit = OneShotSearch(strategy, train, validation)
    state = StateFile(running.folder.path / "state.pt")
    told = _watchers(strategy, running, callback)
    progress = Loop(unit, config.epochs, state, told, running.stop).run()
    plain = evaluation_batches(validation.data, problem.task.augmentation, running)
    mixes = isinstance(strategy.relaxed, Mixture)
    whole = accuracy(strategy, plain, objective(config)) if mixes else None
    data = Halves(unit, plain, callback, running.stop)
    begin = time.perf_counter()
    arch = strategy.select(data)
    if bounds is not None:
        arch = bounds.nearest(arch, strategy.mixing_weights())
    seconds = progress.seconds + (time.perf_counter() - begin) * running.place.world
    seen = watch(strategy, arch, data, config, whole, running.device)
    names = {
        "supernet_accuracy": "supernet_val_accuracy",
        "derived_accuracy": "derived_val_accuracy",
    }
    metrics = {name: seen[key] for key, name in names.items() if seen[key] is not None}
    return Outcome(arch, {**progress.history[-1], **metrics}, seconds, evaluations=0, watch=seen)


def try_step(
    kind: type[OneShotStrategy], problem: Problem, config: SearchConfig, running: Session
) -> None:
    """Take the first step of a search, and forget it."""
    train, validation = _batches(problem, config, running)
    strategy = build(kind, problem, config, len(train), running.device)
    unit = OneShotSearch(strategy, train, validation)
    unit.train_step(next(unit.batches(0, 0)))


def _batches(problem: Problem, config: SearchConfig, running: Session) -> tuple[Batches, Batches]:
    """Return the batches of the half to train on, and of the half to choose on."""
    parts = halves(problem.task, config.seed, config.val_fraction)
    augmentation, size = problem.task.augmentation, config.batch_size
    train, validation = (
        train_batches(half, augmentation, size, derive(config.seed, name), running)
        for half, name in zip(parts, ("search-train", "search-val"), strict=True)
    )
    return train, validation


def build(
    kind: type[OneShotStrategy],
    problem: Problem,
    config: SearchConfig,
    steps: int,
    device: torch.device,
    bounds: OneShotLimits | None = None,
) -> OneShotStrategy:
    """Return the strategy with its supernet on the device; ``steps`` are those of an epoch."""
    seed_process(config.seed, "search")
    told: dict[str, Any] = (
        {} if bounds is None else {"violation": bounds.costs.violation, "penalty": bounds.penalty}
    )
    strategy = kind(
        ProblemSupernets(problem, device),
        problem.domains,
        kind.Options(**config.strategy_options),
        OneShotContext(
            optimizer(config, steps),
            objective(config),
            config.epochs * steps,
            config.seed,
            config.epochs,
            **told,
        ),
    )
    strategy.to(device)
    return strategy


def _watchers(strategy: OneShotStrategy, running: Session, callback: Callback) -> Callback:
    """Return everyone who is told: in processes other than the first, nobody."""
    if not running.leads:
        return NullCallback()
    journal = running.folder.journal
    journal.append("decisions", candidates=_candidates(strategy))
    told: list[Callback] = [JournalCallback(journal, lambda: _course(strategy)), callback]
    if available("torch.utils.tensorboard"):
        told.append(TensorBoardCallback(running.folder.path / "tb", lambda: _scalars(strategy)))
    return CallbackList(told)


def _candidates(strategy: OneShotStrategy) -> dict[str, list[str]]:
    """Return the names that belong to the mixing weights of the journal."""
    return {label: [*map(str, d.candidates)] for label, d in strategy.domains.items()}


@torch.no_grad()
def _course(strategy: OneShotStrategy) -> dict[str, Any]:
    """Return the weights after an epoch, and what the search would find if it ended there."""
    found = {"arch": dict(strategy.derive())} if strategy.learns_architecture else {}
    return {"weights": strategy.mixing_weights(), **found}


@torch.no_grad()
def _scalars(strategy: OneShotStrategy) -> dict[str, float]:
    """Return every mixing weight under a name of its own."""
    return {
        f"weights/{label}/{index}": weight
        for label, weights in strategy.mixing_weights().items()
        for index, weight in enumerate(weights)
    }
