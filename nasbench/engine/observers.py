"""Who is told how a training goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from nasbench.store.journal import Journal
from nasbench.training.loop import Observer


class Silent:
    """Hears and says nothing."""

    def phase(self, text: str) -> None:
        """Do nothing."""

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        """Do nothing."""

    def step(self, epoch: int, step: int, sums: dict[str, Tensor]) -> None:
        """Do nothing."""

    def epoch(self, metrics: dict[str, float]) -> None:
        """Do nothing."""


class Several:
    """Passes everything on to several observers."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.observers = observers

    def phase(self, text: str) -> None:
        """Pass it on."""
        for observer in self.observers:
            observer.phase(text)

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        """Pass it on."""
        for observer in self.observers:
            observer.start(epoch, epochs, steps)

    def step(self, epoch: int, step: int, sums: dict[str, Tensor]) -> None:
        """Pass it on."""
        for observer in self.observers:
            observer.step(epoch, step, sums)

    def epoch(self, metrics: dict[str, float]) -> None:
        """Pass it on."""
        for observer in self.observers:
            observer.epoch(metrics)


class ToJournal(Silent):
    """Writes every epoch into the journal.

    Args:
        journal: of the run.
        more: returns further fields of an epoch, such as the mixing weights.
    """

    def __init__(self, journal: Journal, more: Callable[[], dict[str, Any]] | None = None) -> None:
        self.journal = journal
        self.more = more

    def epoch(self, metrics: dict[str, float]) -> None:
        """Append one event."""
        extra = self.more() if self.more is not None else {}
        self.journal.append("epoch", **{**metrics, **extra})
