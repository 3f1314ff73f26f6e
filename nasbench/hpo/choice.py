"""A choice between options, each of which may bring parameters of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nasbench.hpo.numeric import Numeric, part


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
        """How many points it has, those of nested parameters among them; ``None``: no end."""
        if self.inner is None:
            return len(self.options)
        sizes = [size_of(parameters) for parameters in self.inner]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def at(self, u: float) -> int:
        """Return the index of the option at ``u`` in [0, 1]."""
        return part(u, len(self.options))

    def index(self, value: Any) -> int | None:
        """Return the index of an option or, of a nested choice, of its ``_name``."""
        wanted = text_of(value)
        places = (i for i, option in enumerate(self.options) if text_of(option) == wanted)
        return next(places, None)

    def to_json(self) -> dict[str, Any]:
        """Return the parameter as NNI writes it."""
        if self.inner is None:
            return {"_type": "choice", "_value": list(self.options)}
        pairs = zip(self.options, self.inner, strict=True)
        return {"_type": "choice", "_value": [{"_name": n, **to_json(p)} for n, p in pairs]}


Parameter = Choice | Numeric


def text_of(value: Any) -> str:
    """Return a value's canonical JSON, which tells 1, 1.0 and true apart."""
    return json.dumps(value, sort_keys=True, default=repr)


def size_of(parameters: Mapping[str, Parameter]) -> int | None:
    """Return how many points some parameters span; ``None``: no end."""
    sizes = [parameter.size for parameter in parameters.values()]
    return None if None in sizes else math.prod(size or 0 for size in sizes)


def to_json(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return the parameters as NNI writes them."""
    return {name: parameter.to_json() for name, parameter in parameters.items()}
