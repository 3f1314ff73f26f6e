"""PyTorch layers as the expressions that create them, and other modules as classes to write."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from nasbench.nn.drop_path import DropPath

# Names of numbers in a layer's arguments when they become arguments of a class.
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
    """A module that is not PyTorch's own, for which a class will be written.

    Attributes:
        name: of its class.
        module: the module itself.
        forward: the lines of its ``forward``, ``""`` for a plain sequence.
        layers: its layers by attribute; see :class:`Layer`.
        made_by: the call that creates it, once its class is known: class name, numbers, and
            their names.
    """

    name: str
    module: nn.Module
    forward: str
    layers: dict[str, Layer] = field(default_factory=dict)
    made_by: tuple[str, tuple[int, ...], tuple[str, ...]] = ("", (), ())

    @property
    def height(self) -> int:
        """The depth of the units nested in it, 0 if there are none."""
        inside = [unit.height for layer in self.layers.values() for unit in layer.units]
        return 1 + max(inside, default=-1)


@dataclass
class Layer:
    """An expression of texts and units, with names for the numbers in the texts.

    Attributes:
        parts: texts, and units that will be calls.
        hints: a name for each number of the texts, in order.
        state: new name below the attribute to present name of each tensor; ``""`` if the
            attribute is a tensor.
    """

    parts: list[str | Unit]
    hints: list[str] = field(default_factory=list)
    state: dict[str, str] = field(default_factory=dict)

    def below(self, old: str) -> Layer:
        """Return the same layer for a module that is at ``old`` in its parent."""
        state = {new: joined(old, where) for new, where in self.state.items()}
        return Layer(self.parts, self.hints, state)

    @property
    def units(self) -> list[Unit]:
        """The units inside."""
        return [part for part in self.parts if isinstance(part, Unit)]


def joined(path: str, name: str) -> str:
    """Return the path of what is called ``name`` below ``path``, ``""`` meaning itself."""
    return f"{path}.{name}" if name else path


def is_torchs(module: nn.Module) -> bool:
    """Return whether a layer is one of PyTorch's own."""
    return type(module).__module__.startswith("torch.nn")


def is_sequence(module: nn.Module) -> bool:
    """Return whether a module's ``forward`` is that of ``nn.Sequential``."""
    return isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward


def inside(sequence: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the layers of a sequence by name, except those that do nothing at inference."""
    for name, child in sequence.named_children():
        if not isinstance(child, DropPath | nn.Identity):
            yield name, child


def leaf(module: nn.Module) -> Layer:
    """Return the expression of a PyTorch layer, with the arguments that are not defaults."""
    words: list[str] = []
    hints: list[str] = []
    skipped = False
    for name, parameter in inspect.signature(type(module).__init__).parameters.items():
        if name in ("self", "device", "dtype", "args", "kwargs"):
            continue
        value = getattr(module, name, parameter.default)
        if name == "bias":
            value = value is not None
        elif isinstance(value, tuple) and len(set(value)) == 1:
            value = value[0]  # 3 for (3, 3)
        if value == parameter.default:
            skipped = True
            continue
        positional = not skipped and parameter.default is inspect.Parameter.empty
        text = repr(value)
        hints += [HINTS.get(name, name)] * len(NUMBER.findall(text))
        words.append(text if positional else f"{name}={text}")
    state = {name: name for name in module.state_dict()}
    return Layer([f"nn.{type(module).__name__}({', '.join(words)})"], hints, state)


def tensor(value: Tensor) -> Layer:
    """Return the expression of a parameter or a buffer, whose values are in the weights' file."""
    words = [str(tuple(value.shape))]
    if value.dtype != torch.float32:
        words.append(f"dtype={value.dtype}")
    made = f"torch.empty({', '.join(words)})"
    if isinstance(value, nn.Parameter):
        fixed = "" if value.is_floating_point() else ", requires_grad=False"
        text = f"nn.Parameter({made}{fixed})"
    else:
        text = f"nn.Buffer({made})"
    return Layer([text], ["size"] * len(NUMBER.findall(text)), {"": ""})
