"""Traces a network, module by module, into units for which classes will be written."""

from __future__ import annotations

import re

from torch import fx, nn

from nasbench.errors import UserError
from nasbench.export.expressions import (
    Layer,
    Unit,
    inside,
    is_sequence,
    is_torchs,
    joined,
    leaf,
    tensor,
)
from nasbench.nn.drop_path import DropPath
from nasbench.space import Choice, LayerChoice

_CONTAINERS = {"candidates", "edges"}  # of choices: attribute names without information
_DELETED = re.compile(r";  [\w =]+ = None$")
_SLICE = re.compile(r"slice\((\w+), (\w+), (\w+)\)")


class _Tracer(fx.Tracer):
    """Traces into choices and records every other module as one call, every tensor as itself."""

    proxy_buffer_attributes = True

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Return whether a module is recorded as one call."""
        return not isinstance(m, Choice)


def unit_of(module: nn.Module) -> Unit:
    """Return the unit of a module that is not PyTorch's own, with all its layers.

    Raises:
        UserError: its ``forward`` cannot be traced, or uses a tensor of another module.
    """
    name = type(module).__name__
    if is_sequence(module):
        layers = {}
        for number, (old, child) in enumerate(inside(module)):
            layers[str(number)] = layer_of(child).below(old)
        return Unit(name, module, "", layers)
    try:
        graph = _Tracer().trace(module)
    except Exception as error:
        raise UserError(f"{name}: its forward cannot be followed: {error}") from error
    unit = Unit(name, module, "")
    new = fx.Graph()
    known: dict[fx.Node, fx.Node] = {}
    attributes: dict[str, str] = {}
    for node in graph.nodes:
        target = node.target
        if node.op == "get_attr":
            target = _tensor(target, unit, attributes)
        elif node.op == "call_module":
            child = module.get_submodule(target)
            if isinstance(child, DropPath):
                known[node] = known[node.args[0]]
                continue
            target = attributes.setdefault(node.target, _attribute(node.target, unit))
            if target not in unit.layers:
                unit.layers[target] = layer_of(child).below(node.target)
        args = fx.map_arg(node.args, known.__getitem__)
        kwargs = fx.map_arg(node.kwargs, known.__getitem__)
        known[node] = new.create_node(node.op, target, args, kwargs)
    unit.forward = _code(new)
    return unit


def _tensor(path: str, unit: Unit, attributes: dict[str, str]) -> str:
    """Return where a tensor that ``forward`` uses lies: in a layer, or in the module itself.

    Raises:
        UserError: it is that of a module for which a class will be written.
    """
    owner, _, inner = path.rpartition(".")
    module = unit.module.get_submodule(owner)
    if owner and not isinstance(module, Choice | nn.ParameterList | nn.ParameterDict):
        if not is_torchs(module):
            raise UserError(
                f"{unit.name}: uses the tensor {path}, which is inside of "
                f"{type(module).__name__}; use it there"
            )
        made = attributes.setdefault(owner, _attribute(owner, unit))
        if made not in unit.layers:
            unit.layers[made] = leaf(module).below(owner)
        return f"{made}.{inner}"
    if path not in attributes:
        attributes[path] = _attribute(path, unit)
        unit.layers[attributes[path]] = tensor(getattr(module, inner)).below(path)
    return attributes[path]


def _attribute(path: str, unit: Unit) -> str:
    """Return an unused attribute name for the layer at ``path``."""
    words = [word for word in path.split(".") if word not in _CONTAINERS]
    name = re.sub(r"\W", "_", "_".join(words))
    while name in unit.layers or not name.isidentifier():
        name = f"{name}_" if name.isidentifier() else f"layer_{name}"
    return name


def layer_of(module: nn.Module) -> Layer:
    """Return the expression of any module."""
    if type(module) is nn.Sequential:
        children = [layer_of(child).below(name) for name, child in inside(module)]
        if len(children) == 1:
            return children[0]
        if not children:
            return Layer(["nn.Identity()"])
        whole = Layer(["nn.Sequential("])
        for number, child in enumerate(children):
            whole.parts += [*([", "] if number else []), *child.parts]
            whole.hints += child.hints
            whole.state |= {joined(str(number), new): old for new, old in child.state.items()}
        whole.parts.append(")")
        return whole
    if is_torchs(module):
        return leaf(module)
    if isinstance(module, LayerChoice):
        ((name, chosen),) = module.candidates.items()
        return layer_of(chosen).below(f"candidates.{name}")
    unit = unit_of(module)
    state = {
        joined(attribute, new): old
        for attribute, layer in unit.layers.items()
        for new, old in layer.state.items()
    }
    return Layer([unit], [], state)


def _code(graph: fx.Graph) -> str:
    """Return the lines of ``forward`` as a person would write them."""
    first, *lines = graph.python_code("self").src.strip().splitlines()
    inputs = [word.split()[0] for word in first[: first.rindex(")")].split(",")[1:]]
    head = f"def forward(self, {', '.join(f'{name}: Tensor' for name in inputs)}) -> Tensor:"
    written = [head]
    for line in filter(None, map(str.strip, lines)):
        text = _DELETED.sub("", line).replace("torch.nn.functional.", "F.")
        text = re.sub(r"\[\(([^()]*)\)\]", r"[\1]", _SLICE.sub(_slice, text))
        name, assigned, value = text.partition(" = ")
        if assigned and "(" not in name:
            text = f"{name} = {value.replace(' = ', '=')}"
        written.append(f"    {text}")
    return "\n".join(written)


def _slice(found: re.Match[str]) -> str:
    start, stop, step = ("" if word == "None" else word for word in found.groups())
    return f"{start}:{stop}" + (f":{step}" if step else "")
