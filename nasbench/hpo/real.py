"""Real parameters: uniform or normal, of the value or of its logarithm, rounded or not.

A quantised value is what NNI makes of it: ``clip(round(x / q) * q, low, high)``.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar

from nasbench.hpo.numeric import Numeric

_SLACK = 1e-9  # relative rounding error that a value may carry
_TAIL = 1e-9  # the normal distribution is cut off here on both sides, at 6 standard deviations


@dataclass(frozen=True)
class Real(Numeric):
    """A real parameter.

    Attributes:
        a: the lower bound, or the mean.
        b: the upper bound, or the standard deviation.
        log: whether the value is e to the power of what is distributed.
        q: the value is a multiple of this, or a bound; ``None``: any number.
        family: ``uniform`` or ``normal``.
        low: the least value.
        high: the largest value.
    """

    a: float
    b: float
    log: bool = False
    q: float | None = None

    family: ClassVar[str]

    @property
    @abstractmethod
    def low(self) -> float:
        """The least value."""

    @property
    @abstractmethod
    def high(self) -> float:
        """The largest value."""

    @property
    def size(self) -> int | None:
        """How many values there are; ``None``: no end."""
        return None

    @abstractmethod
    def _exponent(self, u: float) -> float:
        """Return what lies at ``u`` before the exponential function and the rounding."""

    @abstractmethod
    def _cuts(self, points: int) -> list[float]:
        """Return places in [0, 1] for ``points`` levels."""

    def at(self, u: float) -> float:
        """Return the value at ``u`` in [0, 1]."""
        x = self._exponent(u)
        return self.snap(math.exp(x) if self.log else x)

    def snap(self, value: float) -> float:
        """Return the nearest multiple of ``q`` within the bounds, as NNI rounds it."""
        if self.q is not None:
            value = round(value / self.q) * self.q
        return float(min(max(value, self.low), self.high)) + 0.0  # -0.0 becomes 0.0

    def holds(self, value: Any) -> bool:
        """Return whether ``value`` is a value of this parameter, up to rounding errors."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        slack = _SLACK * max(abs(value), self.q or 0.0)
        return math.isfinite(value) and abs(value - self.snap(value)) <= slack

    def levels(self, points: int) -> Iterable[float]:
        """Return values at ``points`` even steps of the scale, the same value once."""
        return dict.fromkeys(self.at(u) for u in self._cuts(points))

    def to_json(self) -> dict[str, Any]:
        """Return the parameter as NNI writes it."""
        kind = ("" if self.q is None else "q") + ("log" if self.log else "") + self.family
        return {"_type": kind, "_value": [self.a, self.b, *([] if self.q is None else [self.q])]}


class Uniform(Real):
    """``uniform``, ``quniform``, ``loguniform`` and ``qloguniform``: between two bounds."""

    family = "uniform"

    @property
    def low(self) -> float:
        """The lower bound."""
        return self.a

    @property
    def high(self) -> float:
        """The upper bound."""
        return self.b

    @property
    def size(self) -> int | None:
        """How many multiples of ``q`` there are; ``None`` without ``q``."""
        return None if self.q is None else len(self._multiples(self.q))

    def levels(self, points: int) -> Iterable[float]:
        """Return all multiples of ``q``; without ``q``, even steps from bound to bound."""
        if self.q is None:
            return super().levels(points)
        q = self.q
        return (self.snap(k * q) for k in self._multiples(q))

    def _multiples(self, q: float) -> range:
        return range(round(self.a / q), round(self.b / q) + 1)

    def _cuts(self, points: int) -> list[float]:
        return [i / (points - 1) for i in range(points)] if points > 1 else [0.5]

    def _exponent(self, u: float) -> float:
        a, b = (math.log(self.a), math.log(self.b)) if self.log else (self.a, self.b)
        return a + u * (b - a)


class Normal(Real):
    """``normal``, ``qnormal``, ``lognormal`` and ``qlognormal``: without bounds."""

    family = "normal"

    @property
    def low(self) -> float:
        """Zero for a logarithm's, else minus infinity."""
        return 0.0 if self.log else -math.inf

    @property
    def high(self) -> float:
        """Infinity."""
        return math.inf

    def _cuts(self, points: int) -> list[float]:
        return [(i + 0.5) / points for i in range(points)]

    def _exponent(self, u: float) -> float:
        return self.a + self.b * NormalDist().inv_cdf(min(max(u, _TAIL), 1 - _TAIL))
