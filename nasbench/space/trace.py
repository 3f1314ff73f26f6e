"""Traces the forward pass of a network: its layers, what each reads, and the modules around them.

Layers of PyTorch are leaves; functions between them are recorded where they compute something
that a drawing shows: sums, concatenations, products, pooling. Norms, activations, reshapes and
dropout pass on what they read. The network runs once on one example, best on the meta device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from nasbench.space.choices import Choice, InputChoice, LayerChoice
from nasbench.space.noise import noise
from nasbench.space.spec import DataSpec

MOST_NODES = 20_000  # of a larger network nobody can see a drawing

_JOINS = {
    **dict.fromkeys(("add", "__add__", "__radd__", "add_", "__iadd__", "sub", "__sub__"), "add"),
    **dict.fromkeys(("cat", "concat", "concatenate", "stack", "hstack"), "concat"),
    **dict.fromkeys(("mul", "__mul__", "__rmul__", "mul_", "__imul__", "where", "lerp"), "mul"),
    **dict.fromkeys(("div", "__truediv__", "maximum", "minimum"), "mul"),
}
_PRODUCTS = ("matmul", "__matmul__", "bmm", "einsum", "baddbmm", "scaled_dot_product_attention")
_REDUCTIONS = {
    **dict.fromkeys(("mean", "adaptive_avg_pool1d", "adaptive_avg_pool2d"), "avg"),
    **dict.fromkeys(("adaptive_avg_pool3d", "_adaptive_avg_pool2d"), "avg"),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), "avg"),
    **dict.fromkeys(("amax", "max", "max_pool1d", "max_pool2d", "max_pool3d"), "max"),
    **dict.fromkeys(("adaptive_max_pool1d", "adaptive_max_pool2d"), "max"),
    "sum": "sum",
}
_CONVS = ("conv1d", "conv2d", "conv3d")
_ACTIVATIONS = (
    *("relu", "relu_", "relu6", "silu", "gelu", "hardswish", "hardsigmoid", "sigmoid", "tanh"),
    *("leaky_relu", "elu", "dropout", "batch_norm", "layer_norm", "group_norm", "softmax"),
)
_UPSAMPLES = ("interpolate", "upsample", "pixel_shuffle")
_ALIKE = (  # their output looks like their input
    *(nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout),
    *(nn.LayerNorm, nn.GroupNorm, nn.LocalResponseNorm, nn.RMSNorm),
    nn.modules.batchnorm._NormBase,
)
_SILENT = (
    *_ALIKE,
    *(nn.Flatten, nn.Unflatten, nn.modules.padding._ConstantPadNd, nn.ChannelShuffle),
)


@dataclass
class Node:
    """A layer or a function of the trace.

    Attributes:
        op: ``conv``, ``linear``, ``pool``, ``add``, ``concat``, ``mul``, ``product``, ``skip``,
            ``input`` or the name of a layer.
        inputs: numbers of the nodes it reads.
        shape: of its output, with the batch.
        given: of its first input, with the batch.
        facts: what the layer says of itself: kernel, stride, groups, …
        choices: decisions that this node answers, by label.
        tag: the label of the decision that picked one of its inputs.
    """

    op: str
    inputs: tuple[int, ...]
    shape: tuple[int, ...]
    given: tuple[int, ...]
    facts: dict[str, Any] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)
    tag: str = ""


@dataclass
class Call:
    """A call of a module that is not a leaf: nodes and calls inside it, in their order."""

    module: nn.Module
    name: str
    inside: list[Call | int] = field(default_factory=list)
    asked: list[nn.Module] = field(default_factory=list)

    def nodes(self) -> Iterator[int]:
        """Yield the numbers of all nodes inside."""
        waiting: list[Call | int] = [self]
        while waiting:
            one = waiting.pop()
            if isinstance(one, int):
                yield one
            else:
                waiting += reversed(one.inside)


@dataclass
class Trace:
    """The nodes of a forward pass in their order, the first of which is the input.

    Attributes:
        nodes: all of them.
        root: the call of the network.
        used: numbers of the nodes that the output depends on.
    """

    nodes: list[Node]
    root: Call
    used: frozenset[int]


def trace(network: nn.Module, spec: DataSpec) -> Trace:
    """Run a network once on one example and return what it computed.

    Args:
        network: on any device, also the meta device.
        spec: the shape of the data.

    Raises:
        Exception: whatever the network raises; and ``ValueError`` if it is too large.
    """
    recorder = _Recorder(network)
    tensors = (*network.parameters(), *network.buffers())
    place = tensors[0].device if tensors else torch.device("cpu")
    example = noise(spec, 1, torch.Generator().manual_seed(0)).to(place)
    modes = {part: part.training for part in network.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    network.eval()
    try:
        with torch.no_grad(), torch.device(place), recorder.watching():
            recorder.give(example)
            with recorder:
                output = network(example)
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for part, training in modes.items():
            part.training = training
    return Trace(recorder.nodes, recorder.root, _used(recorder, output))


def _used(recorder: _Recorder, output: Any) -> frozenset[int]:
    """Return the nodes that the output depends on; all of them if it is no tensor."""
    waiting = list(recorder.sources(output)) or list(range(len(recorder.nodes)))
    found = set[int]()
    while waiting:
        number = waiting.pop()
        if number not in found:
            found.add(number)
            waiting += recorder.nodes[number].inputs
    return frozenset(found)


def tensors_in(value: Any) -> list[Tensor]:
    """Return the tensors in nested tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [tensor for one in value for tensor in tensors_in(one)]
    return []


class _Recorder(TorchFunctionMode):
    """Records a forward pass; ``producer`` is the node that a tensor comes from."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.nodes: list[Node] = []
        self.root = Call(network, "")
        self.open = [self.root]
        self.leaf: nn.Module | None = None
        self.producer: dict[int, int] = {}
        self.tags: dict[int, str] = {}
        self.kept: list[Tensor] = []  # an id is unique as long as its tensor lives

    def give(self, example: Tensor) -> None:
        """Make ``example`` the first node."""
        self.nodes.append(Node("input", (), tuple(example.shape), tuple(example.shape)))
        self._mark(example, 0)

    def _mark(self, outputs: Any, number: int) -> None:
        for tensor in tensors_in(outputs):
            self.producer[id(tensor)] = number
            self.kept.append(tensor)

    def sources(self, inputs: Any) -> tuple[int, ...]:
        """Return the nodes that the tensors among the inputs come from, each once."""
        found = (self.producer.get(id(tensor)) for tensor in tensors_in(inputs))
        return tuple(dict.fromkeys(number for number in found if number is not None))

    def add(self, op: str, inputs: Any, outputs: Any, facts: dict[str, Any]) -> Node:
        """Record a node; its outputs are those tensors."""
        if len(self.nodes) >= MOST_NODES:
            raise ValueError(f"more than {MOST_NODES:,} layers")
        given, made = _traced(self, inputs), tensors_in(outputs)
        node = Node(
            op,
            self.sources(inputs),
            tuple(made[0].shape) if made else (),
            tuple(given[0].shape) if given else (),
            facts,
        )
        tags = [self.tags.pop(id(tensor), "") for tensor in tensors_in(inputs)]
        node.tag = next(filter(None, tags), "")
        self.nodes.append(node)
        self.open[-1].inside.append(len(self.nodes) - 1)
        self._mark(outputs, len(self.nodes) - 1)
        return node

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a function of PyTorch and record it."""
        name = getattr(func, "__name__", "")
        result = _sized(name, args, kwargs or {})
        if result is None:
            result = func(*args, **(kwargs or {}))
        if self.leaf is None:
            self._record(name, (args, kwargs or {}), result)
        return result

    def _record(self, name: str, inputs: Any, result: Any) -> None:
        sources = self.sources(inputs)
        if name == "__setitem__":  # nothing is returned: the tensor itself has changed
            self._mark(inputs[0][0], self._joined("add", inputs, inputs[0][0], sources))
            return
        if not sources or not tensors_in(result):
            return
        traced = _traced(self, inputs)
        out = tensors_in(result)[0]
        if name in _PRODUCTS and len(traced) > 1:
            self.add("product", inputs, result, {})
        elif name in _JOINS and len(sources) > 1:
            self._joined(_JOINS[name], inputs, result, sources)
        elif name in _CONVS and len(inputs[0]) > 1:
            self.add("conv", inputs, result, _functional_conv(inputs, traced[0], out))
        elif name == "linear" or (name in _PRODUCTS and len(traced) == 1):
            self.add("linear", inputs, result, {})
        elif name in _REDUCTIONS and math.prod(out.shape) < math.prod(traced[0].shape):
            self.add("pool", inputs, result, _functional_pool(name, inputs, traced[0], out))
        elif name in _UPSAMPLES:
            self.add("upsample", inputs, result, {})
        else:
            self._mark(result, sources[0])

    def _joined(self, op: str, inputs: Any, result: Any, sources: tuple[int, ...]) -> int:
        """Record a join of several sources; of a single one nothing."""
        if len(sources) < 2:
            return sources[0] if sources else 0
        self.add(op, inputs, result, {})
        return len(self.nodes) - 1

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hook every module, and unhook it in the end.

        Norms and activations return what they get: on the meta device they would load a compiler.
        """
        hooks, passing = [], []
        for name, module in self.network.named_modules():
            if module is self.network:
                continue
            if _is_alike(module) and "forward" not in vars(module):
                module.forward = _pass_on
                passing.append(module)
            hooks.append(module.register_forward_pre_hook(self._before(name), with_kwargs=True))
            hooks.append(module.register_forward_hook(self._after, with_kwargs=True))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()
            for module in passing:
                del module.forward

    def _before(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            if self.leaf is not None:
                return
            if is_leaf(module):
                self.leaf = module
                return
            self.open[-1].asked.append(module)
            call = Call(module, name)
            self.open[-1].inside.append(call)
            self.open.append(call)

        return hook

    def _after(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if self.leaf is module:
            self.leaf = None
            self._layer(module, (args, kwargs), output)
        elif self.leaf is None:
            call = self.open.pop()
            self._choice(module, call, (args, kwargs), output)

    def _layer(self, module: nn.Module, inputs: Any, output: Any) -> None:
        sources = self.sources(inputs)
        if not sources:
            return
        if _is_silent(module):
            self._mark(output, sources[0])
            return
        op, facts = described(module, _traced(self, inputs)[0], output)
        if op:
            self.add(op, inputs, output, facts)
        else:
            self._mark(output, sources[0])

    def _choice(self, module: nn.Module, call: Call, inputs: Any, output: Any) -> None:
        """Mark what a decision chose."""
        nodes = list(call.nodes())
        if isinstance(module, LayerChoice):
            if not nodes and self.sources(inputs):
                self.open.append(call)
                self.add("skip", inputs, output, {"name": str(module.chosen)})
                self.open.pop()
                nodes = [len(self.nodes) - 1]
            for number in nodes:
                self.nodes[number].choices[module.label] = str(module.chosen)
        elif isinstance(module, InputChoice) and not nodes:
            offered = self.sources(inputs)
            for tensor in tensors_in(output):
                joined = self.nodes[self.producer.get(id(tensor), 0)]
                if joined.op in ("add", "concat") and set(joined.inputs) & set(offered):
                    joined.tag = module.label  # between a sum and what it was made of
                else:
                    self.tags[id(tensor)] = module.label


def is_leaf(module: nn.Module) -> bool:
    """Return whether a module is a layer of PyTorch, and not a container of other modules."""
    if isinstance(module, Choice):
        return False
    if isinstance(module, nn.MultiheadAttention | nn.RNNBase):
        return True
    ours = type(module).__module__.startswith("torch.nn.")
    return (ours and not any(True for _ in module.children())) or _is_silent(module)


def _is_silent(module: nn.Module) -> bool:
    return isinstance(module, _SILENT) or _is_activation(module)


def _is_activation(module: nn.Module) -> bool:
    ours = type(module).__module__ == "torch.nn.modules.activation"
    return ours and not isinstance(module, nn.MultiheadAttention)


def _is_alike(module: nn.Module) -> bool:
    plain = type(module).__module__.startswith("torch.nn.")  # and no subclass of a user's own
    return plain and (
        isinstance(module, _ALIKE) or (_is_activation(module) and not isinstance(module, nn.GLU))
    )


def _sized(name: str, args: Any, kwargs: Mapping[str, Any]) -> Tensor | None:
    """Return what an activation, a mean, a join or a linear layer returns on the meta device.

    The first of them there would load a compiler, for seconds. Of all else return ``None``.
    """
    first = args[0] if args and isinstance(args[0], Tensor) else None
    if name in ("cat", "concat", "concatenate") and len(args) in (1, 2) and set(kwargs) <= {"dim"}:
        return _joined_size(tensors_in(args[0]), (*args, kwargs.get("dim", 0))[1])
    if first is None or not first.is_meta:
        if _JOINS.get(name) not in ("add", "mul") or len(args) != 2 or kwargs:
            return None
        first = args[1] if isinstance(args[1], Tensor) and args[1].is_meta else None
    if first is None:
        return None
    if name in _ACTIVATIONS:
        return first
    if name == "linear" and len(args) > 1:
        return first.new_empty((*first.shape[:-1], args[1].shape[0]))
    if name.startswith("adaptive_avg_pool") and len(args) == 2:
        sides = int(name[-2])
        kept = zip(_each(args[1], sides), first.shape[-sides:], strict=True)
        return first.new_empty((*first.shape[:-sides], *(size or old for size, old in kept)))
    if name == "mean" and len(args) <= 2:
        dims = kwargs.get("dim", args[1] if len(args) > 1 else None)
        if dims is None or set(kwargs) - {"dim", "keepdim"}:
            return None
        gone = {dim % first.dim() for dim in ((dims,) if isinstance(dims, int) else dims)}
        keep = bool(kwargs.get("keepdim"))
        pairs = list(enumerate(first.shape))
        return first.new_empty([1 if n in gone else s for n, s in pairs if keep or n not in gone])
    return None if kwargs else _summed_size(name, args)


def _joined_size(parts: list[Tensor], dim: int) -> Tensor | None:
    """Return a concatenation on the meta device."""
    if not parts or not all(part.is_meta for part in parts):
        return None
    if len({part.dim() for part in parts}) != 1:
        return None
    shape = list(parts[0].shape)
    shape[dim] = sum(part.shape[dim] for part in parts)
    return parts[0].new_empty(shape)


def _summed_size(name: str, args: Any) -> Tensor | None:
    """Return a sum or product of two on the meta device."""
    if _JOINS.get(name) not in ("add", "mul") or name in ("where", "lerp") or len(args) != 2:
        return None
    both = [one for one in args if isinstance(one, Tensor)]
    if not all(one.is_floating_point() for one in both):
        return None
    if name.endswith("_") and (not name.endswith("__") or name.startswith("__i")):
        return both[0]  # in place
    shape: tuple[int, ...] = torch.broadcast_shapes(*(one.shape for one in both))  # type: ignore[no-untyped-call]
    return both[0].new_empty(shape)


def _pass_on(x: Tensor, *_: Any) -> Tensor:
    return x


def described(module: nn.Module, given: Tensor, output: Any) -> tuple[str, dict[str, Any]]:
    """Return what a layer is, and its facts; ``""`` if a drawing does not show it."""
    if isinstance(module, nn.modules.conv._ConvNd):
        return "conv", {
            "kernel": module.kernel_size,
            "stride": module.stride,
            "dilation": module.dilation,
            "groups": module.groups,
            "channels": (module.in_channels, module.out_channels),
            "transposed": module.transposed,
        }
    if isinstance(module, nn.Linear | nn.Bilinear):
        return "linear", {}
    if isinstance(module, nn.MultiheadAttention):
        return "attention", {"heads": module.num_heads}
    if isinstance(module, nn.Embedding | nn.EmbeddingBag):
        return "embedding", {}
    name = type(module).__name__
    if "Pool" in name:
        kind = "max" if "Max" in name else "avg"
        out = tensors_in(output)[0]
        kernel, stride = getattr(module, "kernel_size", None), getattr(module, "stride", None)
        sides = len(given.shape) - 2
        if kernel is None:
            return _adaptive(kind, given, out)
        return "pool", {
            "kind": kind,
            "kernel": _each(kernel, sides),
            "stride": _each(stride, sides),
        }
    if "Upsample" in name or "PixelShuffle" in name:
        return "upsample", {}
    return "layer", {"name": name}


def _adaptive(kind: str, given: Tensor, out: Tensor) -> tuple[str, dict[str, Any]]:
    """Return an adaptive pooling; nothing if it keeps the size."""
    if given.shape == out.shape and math.prod(given.shape[2:]) > 1:
        return "", {}
    return "pool", {"kind": kind, "whole": math.prod(out.shape[2:]) == 1}


def _each(value: Any, sides: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,) * max(sides, 1)


def _traced(recorder: _Recorder, inputs: Any) -> list[Tensor]:
    return [tensor for tensor in tensors_in(inputs) if id(tensor) in recorder.producer]


def _functional_conv(inputs: Any, given: Tensor, out: Tensor) -> dict[str, Any]:
    args, kwargs = inputs
    weight = args[1] if len(args) > 1 else kwargs["weight"]
    sides = len(weight.shape) - 2
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    called = {**dict(zip(names, args, strict=False)), **kwargs}
    return {
        "kernel": tuple(weight.shape[2:]),
        "stride": _each(called.get("stride", 1), sides),
        "dilation": _each(called.get("dilation", 1), sides),
        "groups": int(called.get("groups", 1)),
        "channels": (given.shape[1], out.shape[1]),
        "transposed": False,
    }


def _functional_pool(name: str, inputs: Any, given: Tensor, out: Tensor) -> dict[str, Any]:
    kind, args = _REDUCTIONS[name], inputs[0]
    if "pool" not in name or "adaptive" in name:
        whole = "pool" not in name or math.prod(out.shape[2:]) == 1
        return {"kind": kind, "whole": whole}
    sides = len(given.shape) - 2
    kernel = args[1] if len(args) > 1 else inputs[1].get("kernel_size")
    stride = args[2] if len(args) > 2 else inputs[1].get("stride")
    kernel = _each(kernel, sides)
    return {"kind": kind, "kernel": kernel, "stride": _each(stride, sides) if stride else kernel}
