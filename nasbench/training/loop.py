"""The one training loop: epochs of steps that can be stopped and continued anywhere.

It drives anything :class:`Trainable`: a network under supervision, or a one-shot search. The
result is a function of the seed and the saved state alone, so a run that was killed and continued
ends with the same bits as an uninterrupted one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from nasbench.errors import UserError
from nasbench.nn.processes import devices, place
from nasbench.seeding import global_state, restore_global_state
from nasbench.training.distributed import any_process, average
from nasbench.training.stopping import Stopped, StopSignal

CHECK_EVERY = 50  # steps between two looks at the loss; each look waits for the device
ONE_VALUE = "Expected more than 1 value per channel"  # how torch says that BN has no variance
SAVE_EVERY_S = 300.0  # an epoch longer than this is saved on the way, too


class Trainable(Protocol):
    """What the loop trains."""

    device: torch.device

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Prepare for ``epoch``, counted from 0."""
        ...

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """Yield the batches of ``epoch`` from step ``start`` on."""
        ...

    def steps_per_epoch(self) -> int:
        """Return how many batches an epoch has."""
        ...

    def train_step(self, batch: Any) -> dict[str, Tensor]:
        """Take one step; return scalars on the device, including ``"loss"``."""
        ...

    def end_epoch(self, means: Mapping[str, float]) -> dict[str, float]:
        """Return the metrics measured after an epoch, such as ``"val_accuracy"``.

        Args:
            means: of the metrics of ``train_step``, over the steps and the processes.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return the state needed to continue, as tensors and plain values."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        ...


class Store(Protocol):
    """Storage of the loop's state."""

    def save(self, state: dict[str, Any]) -> None:
        """Save ``state``; the previous one must survive a crash while saving."""
        ...

    def load(self) -> dict[str, Any] | None:
        """Return the last saved state, or ``None``."""
        ...


class Callback(Protocol):
    """Receives the events of a training."""

    def phase(self, text: str) -> None:
        """Handle the start of a part of the run, such as the training of one candidate."""
        ...

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        """Handle the start of the loop at ``epoch``."""
        ...

    def step(self, epoch: int, step: int, sums: dict[str, Tensor]) -> None:
        """Handle the end of a step.

        Args:
            epoch: counted from 0.
            step: steps done in this epoch.
            sums: of the metrics over the epoch so far, on the device.
        """
        ...

    def epoch(self, metrics: dict[str, float]) -> None:
        """Handle the end of an epoch."""
        ...


class StoppingRule(Protocol):
    """Decides whether a training ends before its last epoch."""

    def exhausted(self, history: Sequence[dict[str, float]]) -> bool:
        """Return whether to stop, given the metrics of every epoch so far."""
        ...


@dataclass(frozen=True)
class EarlyStopping:
    """Stop after ``patience`` epochs without improvement of ``metric``.

    The decision is a function of the history alone, so there is no state to save.

    Attributes:
        patience: epochs to wait, at least 1.
        metric: a name in the history.
        larger_is_better: its direction.
    """

    patience: int
    metric: str = "val_accuracy"
    larger_is_better: bool = True

    def exhausted(self, history: Sequence[dict[str, float]]) -> bool:
        """Return whether the best value is at least ``patience`` epochs old."""
        sign = 1 if self.larger_is_better else -1
        values = [sign * epoch[self.metric] for epoch in history]
        return bool(values) and len(values) - 1 - values.index(max(values)) >= self.patience


@dataclass
class Progress:
    """The progress of a training.

    Attributes:
        epoch: completed epochs.
        step: completed steps of the current epoch.
        seconds: device-seconds spent, without those lost to a kill.
        history: the metrics of every epoch.
        sums: the current epoch's metrics, summed over its steps.
        bad_step: the first step of the epoch whose loss is not finite, or -1.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    sums: dict[str, Tensor] = field(default_factory=dict)
    bad_step: Tensor | None = None

    def check(self) -> None:
        """Raise unless every field is of its kind, which a file need not be.

        Raises:
            ValueError: one is not; the message names it.
        """
        for name in ("epoch", "step"):
            if type(value := getattr(self, name)) is not int or value < 0:
                raise ValueError(f"{name} {value!r:.80}: must be a whole number of at least 0")
        if not isinstance(self.seconds, float):
            raise ValueError(f"seconds {self.seconds!r:.80}: must be a number")
        if not all(isinstance(epoch, dict) for epoch in self.history):
            raise ValueError("history: must hold the metrics of each epoch")
        sums = (*self.sums.values(), *([] if self.bad_step is None else [self.bad_step]))
        if not all(isinstance(total, Tensor) and total.numel() == 1 for total in sums):
            raise ValueError("sums: must be single numbers")

    def add(self, metrics: dict[str, Tensor]) -> None:
        """Count one step's metrics, without waiting for the device."""
        for name, value in metrics.items():
            wide = torch.float32 if value.device.type == "mps" else torch.float64  # mps lacks it
            value = value.detach().to(wide)
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        loss = metrics["loss"].detach()
        if self.bad_step is None:
            self.bad_step = torch.full((), -1, device=loss.device)
        first = ~loss.isfinite() & (self.bad_step < 0)
        self.bad_step = torch.where(first, self.step, self.bad_step)
        self.step += 1

    def to(self, device: torch.device) -> None:
        """Move the tensors to ``device``."""
        self.sums = {name: total.to(device) for name, total in self.sums.items()}
        self.bad_step = None if self.bad_step is None else self.bad_step.to(device)

    def means(self) -> dict[str, float]:
        """Return the current epoch's means, over the steps and over the processes."""
        return {name: float(total) / self.step for name, total in self.shared_sums().items()}

    def shared_sums(self) -> dict[str, Tensor]:
        """Return the current epoch's sums, averaged over the processes."""
        if not self.sums:
            return {}
        sums = torch.stack(list(self.sums.values()))
        average([sums])
        return dict(zip(self.sums, sums.unbind(), strict=True))


class Loop:
    """Runs a :class:`Trainable` for some epochs.

    Args:
        unit: what to train.
        epochs: the number of epochs.
        store: where the state is saved; training continues from a state found there.
        callback: receives the events.
        stop: requests a stop, before which the state is saved.
        stopping: the rule for stopping early, or ``None``.
    """

    def __init__(
        self,
        unit: Trainable,
        epochs: int,
        store: Store,
        callback: Callback,
        stop: StopSignal,
        stopping: StoppingRule | None = None,
    ) -> None:
        self.unit = unit
        self.epochs = epochs
        self.store = store
        self.callback = callback
        self.stop = stop
        self.stopping = stopping
        self.progress = Progress()
        self._since = time.perf_counter()

    def run(self) -> Progress:
        """Train to the end and return the progress.

        Raises:
            Stopped: a signal asked to stop; the state is saved.
            UserError: the loss is not finite, and the last good state is kept; or the batch is too
                small for BN.
        """
        state = self.store.load()
        if state is not None:
            self._restore(state)
        self._since = time.perf_counter()
        p, rule = self.progress, self.stopping
        self.callback.start(p.epoch, self.epochs, self.unit.steps_per_epoch())
        with _denormals_flushed():
            while p.epoch < self.epochs and not (rule and rule.exhausted(p.history)):
                self._epoch()
        return p

    def _restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state.

        Raises:
            UserError: it is of other options, or has been changed.
        """
        try:
            self.progress = Progress(**state["progress"])
            self.progress.check()
            self.progress.to(self.unit.device)
            self.unit.load_state_dict(state["unit"])
            restore_global_state(state["random"], self.unit.device)
        except (RuntimeError, LookupError, TypeError, ValueError, AttributeError) as error:
            reason = " ".join(str(error).split())[:200]
            where = getattr(self.store, "path", "the saved state")
            raise UserError(
                f"{where} does not fit the options of this run: {type(error).__name__}: {reason}: "
                "it was saved with others, or has changed since: start the run anew"
            ) from error

    def _epoch(self) -> None:
        p, steps = self.progress, self.unit.steps_per_epoch()
        self.unit.begin_epoch(p.epoch, self.epochs)
        for batch in self.unit.batches(p.epoch, p.step):
            p.add(self._step(batch))
            self.callback.step(p.epoch, p.step, p.sums)
            self._between_steps(steps)
        self._check()
        means = p.means()
        metrics = {**means, **self.unit.end_epoch(means)}
        p.epoch, p.step, p.sums, p.bad_step = p.epoch + 1, 0, {}, None
        p.history.append({"epoch": p.epoch, **metrics})
        self._count_time()
        # Reported before saving: a crash in between repeats the report of an epoch but loses none.
        self.callback.epoch({**p.history[-1], "seconds": p.seconds})
        self._save()

    def _step(self, batch: Any) -> dict[str, Tensor]:
        try:
            return self.unit.train_step(batch)
        except ValueError as error:
            if ONE_VALUE not in str(error):
                raise
            while not isinstance(batch, Tensor):
                batch = batch[0]  # the images, or the first of several batches
            world = place().world
            raise UserError(
                f"--batch-size {len(batch) * world}: BN was given a single value of a "
                f"channel, which has no variance: allowed: at least {2 * world}"
            ) from error

    def _between_steps(self, steps: int) -> None:
        """Check the loss now and then, save in long epochs, stop on request."""
        p = self.progress
        if p.step % CHECK_EVERY == 0:
            self._check()
        # All processes act together, or they would wait for each other in different places.
        overdue = p.step < steps and time.perf_counter() - self._since > SAVE_EVERY_S
        if any_process(self.stop.requested or overdue, self.unit.device):
            self._check()
            self._save()
            if any_process(self.stop.requested, self.unit.device):
                where = f"in epoch {p.epoch + 1} after step {p.step}"
                raise Stopped(where, self.stop.number)

    def _check(self) -> None:
        """Raise if a loss of this epoch was not finite."""
        p = self.progress
        bad = -1 if p.bad_step is None else int(p.bad_step)
        if any_process(bad >= 0, self.unit.device):
            step = f"step {bad + 1}" if bad >= 0 else "in another process"
            raise UserError(
                f"the loss is not finite at epoch {p.epoch + 1}, {step}: "
                "the last good state is kept; try a lower --lr or --precision fp32"
            )

    def _count_time(self) -> None:
        now = time.perf_counter()
        self.progress.seconds += (now - self._since) * devices()
        self._since = now

    def _save(self) -> None:
        self._count_time()
        state = {
            "progress": {**vars(self.progress), "sums": self.progress.shared_sums()},
            "unit": self.unit.state_dict(),
            "random": global_state(self.unit.device),
        }
        if place().rank == 0:
            self.store.save(state)


@contextmanager
def _denormals_flushed() -> Iterator[None]:
    """Flush denormal numbers (below 1.2e-38 in float32) to zero on the CPU.

    Adam's averages and the decayed weights of dead units shrink until they are denormal, and an
    operation on a denormal number costs as much as some hundred others: a training would slow
    down the longer it runs. The setting applies to this thread and to threads started inside the
    block; processors that do not support it are unaffected.
    """
    before = not torch.tensor(1e-39).mul(1.0).item()  # whether the thread flushes them already
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
