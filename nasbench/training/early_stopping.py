"""End a training whose validation accuracy no longer grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class EarlyStopping:
    """Stop after ``patience`` epochs without a better ``metric``.

    Its decision is a function of the history alone, so there is no state to save.

    Attributes:
        patience: epochs to wait, at least 1.
        metric: the name in the history; larger is better.
    """

    patience: int
    metric: str = "val_accuracy"

    def exhausted(self, history: Sequence[dict[str, float]]) -> bool:
        """Return whether the best value is more than ``patience`` epochs old."""
        values = [epoch[self.metric] for epoch in history]
        return bool(values) and len(values) - 1 - values.index(max(values)) >= self.patience
