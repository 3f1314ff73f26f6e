"""A learning rate that falls where training gets no further."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

FACTOR = 0.1  # what each drop multiplies the rate by
THRESHOLD = 1e-4  # by what share a value must beat the best one to count as better


@dataclass
class Plateau:
    """When the rate drops: the rule of torch's ``ReduceLROnPlateau`` with its defaults.

    Torch's own sets the optimizer's rate, and so does the warm-up; here it is one factor of two.
    There is no smallest step as torch's ``eps`` is one.

    Attributes:
        patience: epochs without a better value that are let pass, at least 0.
        metric: what is watched: ``"val_accuracy"``, or ``"loss"`` where there is none.
        best: the best value so far, or ``None`` before the first.
        waited: epochs since then or since the last drop.
        drops: how often the rate was multiplied by ``FACTOR``.
    """

    patience: int
    metric: str = ""
    best: float | None = None
    waited: int = 0
    drops: int = 0

    @property
    def scale(self) -> float:
        """What the rate is multiplied by now."""
        return float(FACTOR**self.drops)

    def watch(self, metric: str, value: float) -> None:
        """See the value of an epoch; a metric of another name starts anew, the drops stay."""
        if metric != self.metric:
            self.metric, self.best, self.waited = metric, None, 0
        if self._is_better(value):
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.drops, self.waited = self.drops + 1, 0

    def _is_better(self, value: float) -> bool:
        if self.best is None:
            return True
        if self.metric == "loss":
            return value < self.best * (1 - THRESHOLD)
        return value > self.best * (1 + THRESHOLD)

    def state_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        for name, value in state.items():
            setattr(self, name, value)
