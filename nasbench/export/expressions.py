"""Layers of torch as the expressions that make them, and our modules as classes to be written."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from nasbench.nn.drop_path import DropPath

# What a number in a layer's arguments is called where it becomes an argument of a class.
HINTS = {
    "in_channels": "c_in",
    "out_channels": "c_out",
    "num_features": "c",
    "kernel_size": "kernel",
    "in_features": "n_in",
    "out_features": "n_out",
}
NUMBER = re.compile(r"(?<![\w.])(?<!e-)\d+(?![\w.])")


@dataclass
class Unit:
    """A module of ours, of which a class will be written.

    Attributes:
        name: of its class.
        module: it.
        forward: the lines of its ``forward``, ``""`` for a plain sequence.
        layers: what it holds, by attribute; see :class:`Layer`.
        made_by: the call that makes it, once its class is known: name, numbers, and their names.
    """

    name: str
    module: nn.Module
    forward: str
    layers: dict[str, Layer] = field(default_factory=dict)
    made_by: tuple[str, tuple[int, ...], tuple[str, ...]] = ("", (), ())

    @property
    def height(self) -> int:
        """How many units stand inside one another below it."""
        inside = [unit.height for layer in self.layers.values() for unit in layer.units]
        return 1 + max(inside, default=-1)


@dataclass
class Layer:
    """An expression: texts and units in turn, and what the numbers in the texts are called.

    Attributes:
        parts: texts, and units that will be calls.
        hints: a name for each number of the texts, in order.
        state: where its tensors are now, by where they will be below the attribute.
    """

    parts: list[str | Unit]
    hints: list[str] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)

    def below(self, old: str) -> Layer:
        """Return the same, of a module that stands at ``old`` in the one around it."""
        state = {new: f"{old}.{where}" for new, where in self.state.items()}
        return Layer(self.parts, self.hints, state)

    @property
    def units(self) -> list[Unit]:
        """The units inside."""
        return [part for part in self.parts if isinstance(part, Unit)]


def is_torchs(module: nn.Module) -> bool:
    """Whether a layer comes with torch."""
    return type(module).__module__.startswith("torch.nn")


def is_sequence(module: nn.Module) -> bool:
    """Whether a module's ``forward`` is that of ``nn.Sequential``."""
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def inside(sequence: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the layers of a sequence by name, but for those that do nothing in use."""
    for name, child in sequence.named_children():
        if not isinstance(child, DropPath | nn.Identity):
            yield name, child


def leaf(module: nn.Module) -> Layer:
    """Return the expression of a layer of torch: the arguments that are not the defaults."""
    words, hints = [], []
    for name, value, positional in _arguments(module):
        text = repr(value)
        hints += [HINTS.get(name, name)] * len(NUMBER.findall(text))
        words.append(text if positional else f"{name}={text}")
    state = {name: name for name in module.state_dict()}
    return Layer([f"nn.{type(module).__name__}({', '.join(words)})"], hints, state)


def _arguments(module: nn.Module) -> Iterator[tuple[str, Any, bool]]:
    """Yield name, value and whether it stands by its place, of what a constructor must be told."""
    skipped = False
    for name, parameter in inspect.signature(type(module).__init__).parameters.items():
        if name in ("self", "device", "dtype", "args", "kwargs"):
            continue
        value = getattr(module, name, parameter.default)
        value = value is not None if name == "bias" else _short(value)
        if value == parameter.default:
            skipped = True
            continue
        yield name, value, not skipped and parameter.default is inspect.Parameter.empty


def _short(value: Any) -> Any:
    """Return ``3`` for ``(3, 3)``."""
    same = isinstance(value, tuple) and len(set(value)) == 1
    return value[0] if same else value
