"""A one-shot strategy with the two halves of its images, during the training and after it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from nasbench.data.batches import Batches
from nasbench.seeding import derive
from nasbench.strategies.oneshot.base import Batch, OneShotStrategy
from nasbench.training.distributed import any_process
from nasbench.training.loop import Callback
from nasbench.training.stopping import Stopped, StopSignal


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

    def end_epoch(self, means: Mapping[str, float]) -> dict[str, float]:
        """Pass it on; nothing is measured beyond the steps' own validation batches."""
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


class Halves:
    """The images of a search, as a strategy sees them after its training."""

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
            self._callback.phase("choosing an architecture")
