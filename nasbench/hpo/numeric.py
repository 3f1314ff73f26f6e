"""Parameters whose values are numbers, and integers among them.

Every parameter has a scale from 0 to 1 on which it is uniformly distributed (``at``), so that a
tuner which knows nothing but the unit cube can tune every type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


class Numeric(ABC):
    """A parameter whose values are numbers."""

    @property
    @abstractmethod
    def size(self) -> int | None:
        """How many values it has; ``None``: no end."""

    @abstractmethod
    def at(self, u: float) -> float:
        """Return the value at ``u`` in [0, 1], where the parameter is uniformly distributed."""

    @abstractmethod
    def snap(self, value: float) -> float:
        """Return the nearest value that the parameter takes."""

    @abstractmethod
    def levels(self, points: int) -> Iterable[float]:
        """Return all values in order where they can be counted, else ``points`` of them."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the parameter as NNI writes it."""

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Return whether ``value`` is a value of this parameter."""


def part(u: float, count: int) -> int:
    """Return which of ``count`` equal parts of [0, 1] holds ``u``."""
    return min(int(u * count), count - 1)


@dataclass(frozen=True)
class Randint(Numeric):
    """``randint``: an integer in ``[low, high)``."""

    low: int
    high: int

    @property
    def size(self) -> int:
        """How many integers there are."""
        return self.high - self.low

    def at(self, u: float) -> int:
        """Return the integer at ``u`` in [0, 1]."""
        return self.low + part(u, self.size)

    def snap(self, value: float) -> int:
        """Return the nearest integer of the range."""
        return min(max(round(value), self.low), self.high - 1)

    def levels(self, points: int) -> range:
        """Return all integers."""
        return range(self.low, self.high)

    def holds(self, value: Any) -> bool:
        """Return whether ``value`` is an integer of the range."""
        return type(value) is int and self.low <= value < self.high

    def to_json(self) -> dict[str, Any]:
        """Return the parameter as NNI writes it."""
        return {"_type": "randint", "_value": [self.low, self.high]}
