"""Domain: one decision of a search space, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

Scalar = str | int | float | bool
Value = Scalar | tuple[int, ...]
Kind = Literal["layer", "input", "value", "repeat", "hyper"]
REACH = 6  # a step along ordered options covers at most this part of them: one in six


@dataclass(frozen=True)
class Condition:
    """Holds if the decision ``label`` has one of ``values``."""

    label: str
    values: frozenset[Value]


@dataclass(frozen=True)
class Domain:
    """One decision: its label, its candidates, and when it is active.

    Attributes:
        label: the decision's name.
        kind: the kind of choice; ``hyper`` is an option of training.
        candidates: names (layer), input numbers (input), values (value, hyper) or depths
            (repeat).
        n_chosen: number of candidates chosen together; above 1 for inputs only.
        relaxed_only: candidates that a supernet mixes but no architecture can choose.
        sites: the decision is active if all conditions of at least one site hold.
        ordered: whether the candidates ascend, so that neighbors among them are alike.
    """

    label: str
    kind: Kind
    candidates: tuple[Scalar, ...]
    n_chosen: int = 1
    relaxed_only: frozenset[Scalar] = frozenset()
    sites: tuple[tuple[Condition, ...], ...] = ((),)
    ordered: bool = False

    @property
    def selectable(self) -> tuple[Scalar, ...]:
        """The candidates that an architecture can choose."""
        return tuple(c for c in self.candidates if c not in self.relaxed_only)

    @property
    def options(self) -> tuple[Value, ...]:
        """All values that an architecture can have under this label."""
        if self.kind == "input":
            return tuple(combinations(range(len(self.candidates)), self.n_chosen))
        return self.selectable

    def normalize(self, value: object) -> Value | None:
        """Return the option equal to ``value``, or ``None`` if there is none.

        JSON has no tuples, so a list of inputs in any order is accepted; 1, 1.0 and true differ.
        NNI writes a layer from a list as its number: 1 is the layer named ``"1"``.
        """
        if self.kind == "layer" and type(value) is int:
            value = str(value)
        if isinstance(value, list | tuple):
            value = tuple(sorted(value)) if all(type(v) is int for v in value) else None
        same = (o for o in self.options if type(o) is type(value) and o == value)
        return next(same, None)

    def steps(self, value: Value) -> list[Value]:
        """Return the options one step from ``value``: one input swapped, or any other option.

        Of ordered options it is those near ``value``: at most a sixth of all on either side.
        """
        if isinstance(value, tuple):
            chosen = set(value)
            return [
                option
                for option in self.options
                if isinstance(option, tuple) and len(chosen.difference(option)) == 1
            ]
        if self.ordered:
            options = self.options
            place, reach = options.index(value), max(1, len(options) // REACH)
            return [*options[max(0, place - reach) : place], *options[place + 1 :][:reach]]
        return [option for option in self.options if option != value]

    def allowed(self) -> str:
        """Return a description of the options, for error messages."""
        if self.kind == "input" and self.n_chosen > 1:
            return f"{self.n_chosen} different inputs of 0..{len(self.candidates) - 1}"
        if self.kind == "input":
            return ", ".join(f"[{i}]" for i in range(len(self.candidates)))
        return ", ".join(str(option) for option in self.options)

    def encode(self, value: Value | None) -> list[float]:
        """Return one number per selectable candidate: 1 if chosen, 0 if not or if inactive.

        Of ordered candidates all up to the chosen one have a 1, so that alike values have alike
        codes.
        """
        if value is None:
            return [0.0] * len(self.selectable)
        if self.ordered:
            place = self.options.index(value)
            return [float(i <= place) for i in range(len(self.options))]
        chosen: Sequence[Value] = value if isinstance(value, tuple) else (value,)
        return [float(candidate in chosen) for candidate in self.selectable]
