"""The types of parameters: choices, integers and real numbers.

Every parameter has a scale from 0 to 1 on which it is uniformly distributed (``at``), so that a
tuner that searches the unit cube can tune every type.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar

LARGEST = 1e300
"""The largest value of a real parameter; sums, squares and ranges of such values are finite."""

_SLACK = 1e-9  # relative rounding error that a value may have
_TAIL = 1e-9  # the normal distribution is cut off here on both sides, at 6 standard deviations


class Numeric(ABC):
    """A parameter whose values are numbers."""

    @property
    @abstractmethod
    def size(self) -> int | None:
        """The number of values; ``None`` if it is infinite."""

    @abstractmethod
    def at(self, u: float) -> float:
        """Return the value at ``u`` in [0, 1], where the parameter is uniformly distributed."""

    @abstractmethod
    def snap(self, value: float) -> float:
        """Return the nearest value that the parameter can take."""

    @abstractmethod
    def levels(self, points: int) -> Iterable[float]:
        """Return all values in order if they are countable, else ``points`` of them."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Return the parameter in NNI's format."""

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Return whether ``value`` is a value of this parameter."""


@dataclass(frozen=True)
class Randint(Numeric):
    """``randint``: an integer in ``[low, high)``."""

    low: int
    high: int

    @property
    def size(self) -> int:
        """The number of integers."""
        return self.high - self.low

    def at(self, u: float) -> int:
        """Return the integer at ``u`` in [0, 1]."""
        return self.low + _part(u, self.size)

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
        """Return the parameter in NNI's format."""
        return {"_type": "randint", "_value": [self.low, self.high]}


@dataclass(frozen=True)
class Real(Numeric):
    """A real parameter: uniform or normal, of the value or of its logarithm, rounded or not.

    A quantised value is rounded as in NNI: ``clip(round(x / q) * q, low, high)``.

    Attributes:
        a: the lower bound, or the mean.
        b: the upper bound, or the standard deviation.
        log: whether the logarithm of the value is distributed so.
        q: the value is a multiple of this, or a bound; ``None``: any number.
        family: ``uniform`` or ``normal``.
        low: the smallest value.
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
        """The smallest value."""

    @property
    @abstractmethod
    def high(self) -> float:
        """The largest value."""

    @property
    def size(self) -> int | None:
        """The number of values; ``None`` if it is infinite."""
        return None

    @abstractmethod
    def _exponent(self, u: float) -> float:
        """Return the number at ``u``, before the exponential function and the rounding."""

    @abstractmethod
    def _cuts(self, points: int) -> list[float]:
        """Return the positions of ``points`` levels in [0, 1]."""

    def at(self, u: float) -> float:
        """Return the value at ``u`` in [0, 1]."""
        x = self._exponent(u)
        return self.snap(math.exp(x) if self.log else x)

    def snap(self, value: float) -> float:
        """Return the nearest multiple of ``q`` within the bounds, rounded as in NNI."""
        if self.q is not None and math.isfinite(steps := value / self.q):
            value = round(steps) * self.q
        return float(min(max(value, self.low), self.high)) + 0.0  # -0.0 becomes 0.0

    def holds(self, value: Any) -> bool:
        """Return whether ``value`` is a value of this parameter, up to rounding errors."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not abs(value) <= LARGEST:
            return False
        slack = _SLACK * max(abs(value), self.q or 0.0)
        return abs(value - self.snap(value)) <= slack

    def levels(self, points: int) -> Iterable[float]:
        """Return the distinct values at ``points`` even steps of the scale."""
        return dict.fromkeys(self.at(u) for u in self._cuts(points))

    def to_json(self) -> dict[str, Any]:
        """Return the parameter in NNI's format."""
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
        """The number of multiples of ``q``; ``None`` without ``q``."""
        if self.q is None:
            return None
        multiples = self._multiples(self.q)
        return multiples.stop - multiples.start  # len() fails above 2^63

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
        """Zero on a logarithmic scale, else what counts as minus infinity."""
        return 0.0 if self.log else -LARGEST

    @property
    def high(self) -> float:
        """What counts as infinity."""
        return LARGEST

    def _cuts(self, points: int) -> list[float]:
        return [(i + 0.5) / points for i in range(points)]

    def _exponent(self, u: float) -> float:
        return self.a + self.b * NormalDist().inv_cdf(min(max(u, _TAIL), 1 - _TAIL))


@dataclass(frozen=True)
class Choice:
    """``choice``: one of several options, without an order.

    Attributes:
        options: the values; of a nested choice, the options' ``_name``.
        inner: of a nested choice, the parameters of each option.
    """

    options: tuple[Any, ...]
    inner: tuple[Mapping[str, Parameter], ...] | None = None

    @property
    def size(self) -> int | None:
        """The number of points, nested parameters included; ``None`` if it is infinite."""
        if self.inner is None:
            return len(self.options)
        sizes = [size_of(parameters) for parameters in self.inner]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def at(self, u: float) -> int:
        """Return the index of the option at ``u`` in [0, 1]."""
        return _part(u, len(self.options))

    def index(self, value: Any) -> int | None:
        """Return the index of an option or, of a nested choice, of its ``_name``."""
        wanted = text_of(value)
        places = (i for i, option in enumerate(self.options) if text_of(option) == wanted)
        return next(places, None)

    def to_json(self) -> dict[str, Any]:
        """Return the parameter in NNI's format."""
        if self.inner is None:
            return {"_type": "choice", "_value": list(self.options)}
        pairs = zip(self.options, self.inner, strict=True)
        return {"_type": "choice", "_value": [{"_name": n, **to_json(p)} for n, p in pairs]}


Parameter = Choice | Numeric


def text_of(value: Any) -> str:
    """Return a value's canonical JSON, in which 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True, default=repr)


def size_of(parameters: Mapping[str, Parameter]) -> int | None:
    """Return the number of points that some parameters span; ``None`` if it is infinite."""
    sizes = [parameter.size for parameter in parameters.values()]
    return None if None in sizes else math.prod(size or 0 for size in sizes)


def to_json(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return parameters in NNI's format."""
    return {name: parameter.to_json() for name, parameter in parameters.items()}


def _part(u: float, count: int) -> int:
    """Return the index of the one of ``count`` equal parts of [0, 1] that holds ``u``."""
    return min(int(u * count), count - 1)
