"""Drives a one-shot search: one supernet, two halves of the training data."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from nasbench.config import SearchConfig
from nasbench.data.batches import Batches
from nasbench.engine import limits
from nasbench.engine.limits import Limits
from nasbench.engine.observers import Several, Silent, ToJournal
from nasbench.engine.oneshot_limits import OneShotLimits
from nasbench.engine.outcome import Outcome
from nasbench.engine.problem import Problem, on_device
from nasbench.engine.recipe import evaluation_batches, objective, optimizer, train_batches
from nasbench.engine.session import Session
from nasbench.engine.tensorboard import ToTensorBoard
from nasbench.engine.watch import watch
from nasbench.optional import available
from nasbench.seeding import derive, seed_process
from nasbench.space import SearchSpace
from nasbench.store.state import StateFile
from nasbench.strategies.oneshot.base import Batch, OneShotStrategy, Setting
from nasbench.supernet.mixture import Mixture
from nasbench.training.distributed import any_process
from nasbench.training.loop import Loop, Observer
from nasbench.training.stopping import Stopped, StopSignal
from nasbench.training.supervised import accuracy


class OneShotSearch:
    """A strategy with its two streams of batches, as the loop drives it."""

    def __init__(self, strategy: OneShotStrategy, train: Batches, validation: Batches) -> None:
        self.strategy = strategy.train()
        self.train = train
        self.validation = validation
        self.device = train.data.device

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Pass it on."""
        self.strategy.begin_epoch(epoch, epochs)

    def batches(self, epoch: int, start: int) -> Iterator[tuple[Batch, Batch]]:
        """Yield a training batch beside a validation batch."""
        return zip(self.train.epoch(epoch, start), self._validation(epoch, start), strict=False)

    def _validation(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield validation batches without end: the smaller half goes round again."""
        rounds = -(-len(self.train) // len(self.validation))
        for turn in range(rounds):
            skip = min(start, len(self.validation))
            start -= skip
            yield from self.validation.epoch(epoch * rounds + turn, skip)

    def steps_per_epoch(self) -> int:
        """Return the number of training batches."""
        return len(self.train)

    def train_step(self, batch: tuple[Batch, Batch]) -> dict[str, Tensor]:
        """Let the strategy take a step."""
        return self.strategy.step(*batch)

    def end_epoch(self) -> dict[str, float]:
        """Nothing is measured beyond the steps' own validation batches."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return supernet, architecture parameters and optimizers."""
        return {
            "strategy": self.strategy.state_dict(),
            "optimizers": self.strategy.optimizer_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self.strategy.load_state_dict(state["strategy"])
        self.strategy.load_optimizer_state(state["optimizers"])


class Halves:
    """The images of a search, as a strategy sees them after its training."""

    def __init__(
        self, search: OneShotSearch, plain: Batches, observer: Observer, stop: StopSignal
    ) -> None:
        self._search = search
        self._plain = plain
        self._observer = observer
        self._stop = stop

    def validation(self) -> Iterator[Batch]:
        """Yield the validation half in order, without augmentation."""
        return self._plain.epoch(0)

    def training(self, name: str, steps: int) -> Iterator[tuple[Batch, Batch]]:
        """Yield so many augmented batches of both halves, the same for the same ``name``."""
        first = derive(0, "after the search", name) % 2**31  # epochs that the search never saw
        for epoch in itertools.count(first):
            for batch in itertools.islice(self._search.batches(epoch, 0), steps):
                steps -= 1
                yield batch
            if steps == 0:
                return

    def tick(self, done: int, total: int) -> None:
        """Tell how far the work is, and stop when asked."""
        if any_process(self._stop.requested, self._search.device):
            raise Stopped(f"after its training, at {done} of {total}", self._stop.number)
        if done == 0:
            self._observer.phase("choosing an architecture")


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
    observer: Observer,
) -> Outcome:
    """Train the supernet and return the architecture it stands for.

    Raises:
        Stopped: a signal asked to stop.
        UserError: the options do not fit, nothing keeps the limits, or the loss is not finite.
    """
    bounds = _limits(problem, config, running)
    halves = problem.task.search_split(derive(config.seed, "halves"), config.val_fraction)
    augmentation, size = problem.task.augmentation, config.batch_size
    train, validation = (
        train_batches(half, augmentation, size, derive(config.seed, name), running)
        for half, name in zip(halves, ("search-train", "search-val"), strict=True)
    )
    strategy = build(kind, problem, config, len(train), running.device, bounds)
    unit = OneShotSearch(strategy, train, validation)
    state = StateFile(running.folder.path / "state.pt")
    told = _watchers(strategy, running, observer)
    progress = Loop(unit, config.epochs, state, told, running.stop).run()
    plain = evaluation_batches(validation.data, augmentation, running)
    mixes = isinstance(strategy.relaxed, Mixture)
    whole = accuracy(strategy, plain, objective(config)) if mixes else None
    data = Halves(unit, plain, observer, running.stop)
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


def _limits(problem: Problem, config: SearchConfig, running: Session) -> OneShotLimits | None:
    """Return the limits of the search, or ``None`` where the user set none.

    Raises:
        UserError: no architecture keeps one of them.
    """
    asked = limits.asked(config)
    if not asked:
        return None
    measure = limits.measured(problem, running.device)
    costs = Limits(asked, limits.noted(measure, problem.domains, running))
    costs.check_possible(problem.domains, config.seed)
    return OneShotLimits(costs, problem.domains, running.device)


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
        Setting(
            optimizer(config),
            objective(config),
            config.epochs * steps,
            config.seed,
            config.epochs,
            **told,
        ),
    )
    strategy.to(device)
    return strategy


def _watchers(strategy: OneShotStrategy, running: Session, observer: Observer) -> Observer:
    """Return everyone who is told: in processes other than the first, nobody."""
    if not running.leads:
        return Silent()
    told: list[Observer] = [
        ToJournal(running.folder.journal, lambda: {"weights": strategy.mixing_weights()}),
        observer,
    ]
    if available("torch.utils.tensorboard"):
        told.append(ToTensorBoard(running.folder.path / "tb", lambda: _scalars(strategy)))
    return Several(told)


@torch.no_grad()
def _scalars(strategy: OneShotStrategy) -> dict[str, float]:
    """Return every mixing weight under a name of its own."""
    return {
        f"weights/{label}/{index}": weight
        for label, weights in strategy.mixing_weights().items()
        for index, weight in enumerate(weights)
    }
