"""A one-shot search: one supernet, trained on two halves of the training data."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from nasbench import catalog
from nasbench.config import SearchConfig
from nasbench.data.batches import Batches
from nasbench.engine.callbacks import (
    CallbackList,
    JournalCallback,
    NullCallback,
    TensorBoardCallback,
)
from nasbench.engine.limits import Limits, OneShotLimits, limits_of
from nasbench.engine.problem import (
    Placement,
    Problem,
    evaluation_batches,
    halves,
    objective,
    on_device,
    optimizer,
    train_batches,
)
from nasbench.engine.session import Outcome, Session
from nasbench.nn.processes import devices
from nasbench.optional import available
from nasbench.seeding import derive, seed_process
from nasbench.space import Arch, SearchSpace
from nasbench.store.state import StateFile
from nasbench.strategies.oneshot.base import (
    Batch,
    OneShotContext,
    OneShotStrategy,
    SearchData,
)
from nasbench.strategies.oneshot.collapse import CollapseSigns, entropy, skip_edges, verdict
from nasbench.strategies.oneshot.single_path import inherited_metric
from nasbench.supernet.masks import displaced
from nasbench.supernet.mixture import Mixture
from nasbench.training.distributed import any_process
from nasbench.training.loop import Callback, Loop
from nasbench.training.stopping import Stopped, StopSignal
from nasbench.training.supervised import evaluated_metric

CALIBRATION = 4  # batches for the BN statistics of the derived architecture


class ProblemSupernets:
    """Builds the supernets of a problem."""

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
    """Train the supernet and return the architecture derived from it.

    Args:
        kind: the strategy's class.
        problem: task and space.
        config: the options of the search.
        running: the run.
        callback: receives the progress.

    Raises:
        Stopped: a signal asked to stop.
        UserError: the options do not fit, no architecture is within the limits, or the loss is
            not finite.
    """
    bounds = None
    if limits_of(config):
        costs = Limits.of_search(problem, config, running)
        bounds = OneShotLimits(costs, problem.domains, running.device)
    train, validation = batches(problem, config, running)
    strategy = build(kind, problem, config, len(train), running.device, bounds)
    unit = OneShotSearch(strategy, train, validation)
    running.note_length(len(train.data), config)
    state = StateFile(running.folder.path / "state.pt")
    callbacks = _callbacks(strategy, running, callback)
    progress = Loop(unit, config.epochs, state, callbacks, running.stop).run()
    plain = evaluation_batches(validation.data, problem.task.augmentation, running)
    mixes = isinstance(strategy.relaxed, Mixture)
    whole = evaluated_metric(strategy, plain, strategy.objective) if mixes else None
    data = SearchBatches(unit, plain, callback, running.stop)
    begin = time.perf_counter()
    arch = strategy.select(data)
    if bounds is not None:
        arch = bounds.nearest(arch, strategy.mixing_weights())
    seconds = progress.seconds + (time.perf_counter() - begin) * devices()
    signs, derived = signs_of_collapse(strategy, arch, data, config, whole, running.device)
    name = problem.task.metric.name
    measured = {f"supernet_val_{name}": whole, f"derived_val_{name}": derived}
    metrics = {key: value for key, value in measured.items() if value is not None}
    return Outcome(arch, {**progress.history[-1], **metrics}, seconds, evaluations=0, watch=signs)


def try_step(
    kind: type[OneShotStrategy], problem: Problem, config: SearchConfig, running: Session
) -> None:
    """Take the first step of a search and discard it."""
    train, validation = batches(problem, config, running)
    strategy = build(kind, problem, config, len(train), running.device)
    unit = OneShotSearch(strategy, train, validation)
    unit.train_step(next(unit.batches(0, 0)))


def batches(problem: Problem, config: SearchConfig, running: Placement) -> tuple[Batches, Batches]:
    """Return the batches of the training half and of the validation half."""
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
    """Return the strategy with its supernet on the device.

    Args:
        kind: the strategy's class.
        problem: task and space.
        config: the options of the search.
        steps: steps per epoch.
        device: of the supernet.
        bounds: limits on the architecture's costs.
    """
    seed_process(config.seed, "search")
    limits: dict[str, Any] = (
        {} if bounds is None else {"violation": bounds.costs.violation, "penalty": bounds.penalty}
    )
    strategy = kind(
        ProblemSupernets(problem, device),
        problem.domains,
        kind.Options(**config.strategy_options),
        OneShotContext(
            optimizer(config, steps),
            objective(problem.task, config),
            config.epochs * steps,
            config.seed,
            config.epochs,
            **limits,
        ),
    )
    strategy.to(device)
    return strategy


def _callbacks(strategy: OneShotStrategy, running: Session, callback: Callback) -> Callback:
    """Return the callbacks of the training; only the first process has any."""
    if not running.leads:
        return NullCallback()
    journal = running.folder.journal
    candidates = {label: [*map(str, d.candidates)] for label, d in strategy.domains.items()}
    journal.append("decisions", candidates=candidates)

    @torch.no_grad()
    def history() -> dict[str, Any]:
        """Return the mixing weights, and the architecture if the search ended here."""
        found = {"arch": dict(strategy.derive())} if strategy.learns_architecture else {}
        return {"weights": strategy.mixing_weights(), **found}

    @torch.no_grad()
    def scalars() -> dict[str, float]:
        """Return each mixing weight by name."""
        return {
            f"weights/{label}/{index}": weight
            for label, weights in strategy.mixing_weights().items()
            for index, weight in enumerate(weights)
        }

    callbacks: list[Callback] = [JournalCallback(journal, history), callback]
    if available("torch.utils.tensorboard"):
        callbacks.append(TensorBoardCallback(running.folder.path / "tb", scalars))
    return CallbackList(callbacks)


class OneShotSearch:
    """A strategy and its two streams of batches, as the training loop runs them."""

    def __init__(self, strategy: OneShotStrategy, train: Batches, validation: Batches) -> None:
        self.strategy = strategy.train()
        self.train = train
        self.validation = validation
        self.device = train.device

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Begin an epoch of the strategy."""
        self.strategy.begin_epoch(epoch, epochs)

    def batches(self, epoch: int, start: int) -> Iterator[tuple[Batch, Batch]]:
        """Yield a training batch beside a validation batch."""
        return zip(self.train.epoch(epoch, start), self._validation(epoch, start), strict=False)

    def _validation(self, epoch: int, start: int) -> Iterator[Batch]:
        """Yield as many validation batches as training batches; a smaller half is repeated."""
        rounds = -(-len(self.train) // len(self.validation))
        for turn in range(rounds):
            skip = min(start, len(self.validation))
            start -= skip
            yield from self.validation.epoch(epoch * rounds + turn, skip)

    def steps_per_epoch(self) -> int:
        """Return the number of training batches."""
        return len(self.train)

    def train_step(self, batch: tuple[Batch, Batch]) -> dict[str, Tensor]:
        """Take a step of the strategy."""
        return self.strategy.step(*batch)

    def end_epoch(self, means: Mapping[str, float]) -> dict[str, float]:
        """End an epoch of the strategy; there is no validation beyond that of the steps."""
        self.strategy.end_epoch(means)
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


class SearchBatches:
    """The data of a search, as a strategy uses it after its training.

    Args:
        search: the strategy with its augmented batches.
        plain: batches of the validation half without augmentation.
        callback: receives the progress.
        stop: set by Ctrl-C and SIGTERM.
    """

    def __init__(
        self, search: OneShotSearch, plain: Batches, callback: Callback, stop: StopSignal
    ) -> None:
        self._search = search
        self._plain = plain
        self._callback = callback
        self._stop = stop

    def validation(self) -> Iterator[Batch]:
        """Yield the validation half in order, without augmentation."""
        return self._plain.epoch(0)

    def training(self, name: str, steps: int) -> Iterator[tuple[Batch, Batch]]:
        """Yield ``steps`` augmented batches of both halves, which depend on ``name`` alone."""
        first = derive(0, "after the search", name) % 2**31  # epochs that the search never saw
        for epoch in itertools.count(first):
            for batch in itertools.islice(self._search.batches(epoch, 0), steps):
                steps -= 1
                yield batch
            if steps == 0:
                return

    def tick(self, done: int, total: int) -> None:
        """Report the progress, and stop if asked to.

        Raises:
            Stopped: a signal asked to stop.
        """
        if any_process(self._stop.requested, self._search.device):
            raise Stopped(f"after its training, at {done} of {total}", self._stop.number)
        if done == 0:
            self._callback.phase("choosing an architecture")


def signs_of_collapse(
    strategy: OneShotStrategy,
    arch: Arch,
    data: SearchData,
    config: SearchConfig,
    measured: float | None,
    device: torch.device,
) -> tuple[dict[str, Any], float | None]:
    """Return the signs of a collapse with a ``verdict`` of one line each, and the metric.

    The metric is that of the architecture with the supernet's weights, ``None`` if a mixture has
    them at other places. Only one in [0, 1] is among the signs.

    Args:
        strategy: after its last step; BN's statistics in its supernet are replaced.
        arch: the derived architecture.
        data: the data of the search.
        config: the options of the search.
        measured: the supernet's metric on the validation half; ``None`` if it cannot
            be evaluated as a whole.
        device: the device of the supernet.
    """
    skips, edges = skip_edges(strategy.relaxed.sites, arch)
    early_stop = getattr(strategy, "early_stop", None)
    images = [images for (images, _), _ in data.training("calibration", CALIBRATION)]
    derived: float | None = None
    if not (isinstance(strategy.relaxed, Mixture) and displaced(strategy.relaxed)):
        derived = inherited_metric(
            strategy.relaxed, arch, images, data.validation(), strategy.objective, device
        )
    is_share = strategy.objective.metric.is_share
    signs = CollapseSigns(
        skips,
        edges,
        entropy(strategy.mixing_weights()) if strategy.learns_architecture else None,
        measured if is_share else None,
        derived if is_share else None,
        tuple(early_stop.eigenvalues) if early_stop is not None else (),
    )
    robust = getattr(strategy.options, "robust", None)
    last = (
        () if early_stop is None else tuple(early_stop.of_stage())
    )  # others have other supernets
    lines = verdict(replace(signs, eigenvalues=last), catalog.short(config.strategy), robust)
    return {**signs.to_json(), "verdict": list(lines)}, derived
