"""The layers of a supernet that slice shared weights.

Each is a subclass of torch's layer with the largest weights, of which a sub-network uses the first
channels and the center of the kernels (Cai et al., "Once-for-All: Train One Network and Specialize
it for Efficient Deployment", ICLR 2020, section 3.3; Yu et al., "BigNAS", ECCV 2020). A space
declares them with the functions of :mod:`nasbench.nn.layers`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.space import Choice, ValueChoice
from nasbench.space.domain import Scalar
from nasbench.space.expressions import choices, evaluate, text, values, whole

Numbers = dict[str, Any]  # argument of a layer to what torch takes


class Elastic(nn.Module):
    """Base class of layers whose arguments depend on choices, in a supernet.

    The state of the layer is that of torch's layer of the largest numbers, under the same names.

    Args:
        arguments: the arguments of torch's layer, some with choices.

    Attributes:
        plain: torch's layer.
        least: the smallest value of an argument, where it is not 1.
        follows: attributes that are copied to the sliced layer with every call.
        entry: the argument with the size of the inputs, and the dimension of that size.
        exit: the same of the outputs.
        arguments: the arguments with their choices.
    """

    plain: type[nn.Module]
    least: ClassVar[Mapping[str, int]] = {}
    follows: ClassVar[tuple[str, ...]] = ("training",)
    entry: ClassVar[tuple[str, int] | None]
    exit: ClassVar[tuple[str, int]]
    arguments: dict[str, Any]

    def __init__(self, arguments: Mapping[str, Any], where: Mapping[str, Any]) -> None:
        super().__init__(**self.largest(arguments), **where)
        self.arguments = dict(arguments)
        # As children they are part of the network, wherever the space keeps them.
        self.choices = nn.ModuleList(choices(tuple(arguments.values())).values())
        self._layers: dict[tuple[Any, ...], nn.Module] = {}

    @property
    def labels(self) -> list[str]:
        """The decisions that the layer depends on."""
        return list(choices(tuple(self.arguments.values())))

    def largest(self, arguments: Mapping[str, Any]) -> Numbers:
        """Return arguments of torch's layer whose weights hold those of every sub-network."""
        return {name: _largest(argument) for name, argument in arguments.items()}

    def most(self) -> Numbers:
        """Return each argument's largest value."""
        return {name: _largest(argument) for name, argument in self.arguments.items()}

    def masked(self) -> tuple[str, ...]:
        """Return the widths of which a mixture is the widest output times a mask.

        That is so if no channel of the output depends on how many there are.
        """
        return ()

    @property
    def tied(self) -> bool:
        """Whether each output channel is computed from the input channel of the same place."""
        return False

    def cut(self, name: str, full: Tensor, shape: torch.Size) -> Tensor:
        """Return the part of a weight or statistic that a sub-network uses: its first channels.

        Args:
            name: its name in the ``state_dict``.
            full: the largest one.
            shape: that of the sub-network's.
        """
        return full[tuple(slice(0, size) for size in shape)]

    def numbers(self, look: Callable[[ValueChoice], Scalar]) -> Numbers:
        """Return the arguments of torch's layer with ``look(choice)`` for each choice.

        Raises:
            UserError: an expression gives 0 or a fraction.
        """
        return self.whole(evaluate(tuple(self.arguments.values()), look))

    def whole(self, found: tuple[Any, ...]) -> Numbers:
        """Return the values of all arguments, in their order, with those of choices as integers.

        Raises:
            UserError: one is 0 or a fraction.
        """
        return _wholes(self, self.arguments, found)

    @classmethod
    def check(cls, arguments: Mapping[str, Any]) -> None:
        """Check the numbers of an open layer together; each of them is whole."""
        return

    def at(self, look: Callable[[ValueChoice], Scalar]) -> nn.Module:
        """Return torch's layer under the values of choices, with slices of this layer's weights.

        Its weights are views where possible, with gradients for this layer's; its statistics are
        views, so training mode updates those of this layer.

        Args:
            look: returns the value of a choice.
        """
        return self.sliced(self.numbers(look))

    def sliced(self, numbers: Numbers) -> nn.Module:
        """Return torch's layer of these arguments, with slices of this layer's weights."""
        key = (self.plain, *numbers.values())
        if key not in self._layers:
            self._layers[key] = self.plain(**numbers, device="meta")
        layer = self._layers[key]
        for name in self.follows:
            setattr(layer, name, getattr(self, name))
        for path, part in layer.named_modules():
            for kind in ("_parameters", "_buffers"):
                own, small = getattr(self.get_submodule(path), kind), getattr(part, kind)
                for name, tensor in small.items():
                    if tensor is not None:
                        dotted = f"{path}.{name}" if path else name
                        cut = self.cut(dotted, own[name], tensor.shape)
                        small[name] = cut if kind == "_buffers" else _alone(cut, own[name])
        return layer

    def extra_repr(self) -> str:
        """Return the arguments with the names of their choices."""
        return ", ".join(f"{name}={text(one)}" for name, one in self.arguments.items())

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Return the output of the supernet that computes this layer."""
        choice = next(iter(self.choices))
        assert isinstance(choice, Choice)
        return choice.relaxation().elastic(self, inputs, options)

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_layers": {}}  # they hold slices, which cannot be copied


def _alone(part: Tensor, full: Tensor) -> Tensor:
    """Return a slice in the form of a parameter, with which torch computes the same bits.

    The order of sums depends on the layout, and in ``matmul`` on ``requires_grad``.
    """
    channels_last = full.dim() == 4 and not full.is_contiguous()
    part = part.contiguous(
        memory_format=torch.channels_last if channels_last else torch.contiguous_format
    )
    return part if torch.is_grad_enabled() else part.requires_grad_(full.requires_grad)


def _whole(layer: str, name: str, argument: Any, value: Any, least: int) -> Any:
    """Return the value of an argument, or of each of its parts, as an integer."""
    if isinstance(argument, tuple):
        pairs = zip(argument, value, strict=True)
        return tuple(_whole(layer, name, part, number, least) for part, number in pairs)
    if not choices(argument):
        return value
    return whole(value, f"{layer}: {name} = {text(argument)}", least)


def _wholes(
    kind: type[Elastic] | Elastic, arguments: Mapping[str, Any], found: tuple[Any, ...]
) -> Numbers:
    layer, least = kind.plain.__name__, kind.least
    return {
        name: _whole(layer, name, argument, value, least.get(name, 1))
        for (name, argument), value in zip(arguments.items(), found, strict=True)
    }


def _same(one: Any, other: Any) -> bool:
    """Return whether two terms are written alike, and so equal for every architecture."""
    return text(one) == text(other)


def _largest(argument: Any) -> Any:
    if isinstance(argument, tuple):
        return tuple(_largest(part) for part in argument)
    return int(max(values(argument))) if choices(argument) else argument


def made(
    kind: type[Elastic],
    arguments: Mapping[str, Any],
    where: Mapping[str, Any],
    **options: Any,
) -> nn.Module:
    """Return torch's layer if no choice is open, and the elastic one otherwise.

    Args:
        kind: the elastic layer.
        arguments: of the layer, by torch's names; values may be choices and expressions.
        where: ``device`` and ``dtype``.
        options: of the elastic layer alone.

    Raises:
        UserError: an argument gives 0 or a fraction, under any architecture.
    """
    if all(choice.frozen for choice in choices(tuple(arguments.values())).values()):
        found = evaluate(tuple(arguments.values()), lambda choice: choice.value)
        return kind.plain(**_wholes(kind, arguments, found), **where)
    for name, argument in arguments.items():
        for value in values(argument) if choices(argument) else ():
            _whole(kind.plain.__name__, name, argument, value, kind.least.get(name, 1))
    kind.check(arguments)
    return kind(arguments, where, **options)


def _check_divides(layer: str, parts: tuple[str, Any], wholes: Mapping[str, Any]) -> None:
    """Check that a number divides others under every architecture.

    Raises:
        UserError: it does not.
    """
    name, number = parts
    for other, term in wholes.items():
        if _same(number, term) or not choices((number, term)):
            continue
        for part, all_ in values((number, term)):
            if all_ % part:
                raise UserError(
                    f"{layer}: {name}={part} does not divide {other}={all_}, which the choices "
                    f"{', '.join(map(repr, choices((number, term))))} allow: every pair must"
                )


class ElasticConv2d(Elastic, nn.Conv2d):
    """``Conv2d`` of a supernet; see :func:`nasbench.nn.Conv2d`."""

    plain = nn.Conv2d
    entry = ("in_channels", -3)
    exit = ("out_channels", -3)
    least: ClassVar[Mapping[str, int]] = {"padding": 0}

    def __init__(
        self, arguments: Mapping[str, Any], where: Mapping[str, Any], kernel_transform: bool
    ) -> None:
        super().__init__(arguments, where)
        kernel = arguments["kernel_size"]
        if kernel_transform and isinstance(kernel, tuple):
            raise UserError(
                "Conv2d: kernel_transform=True needs square kernels: one choice, not "
                f"{text(kernel)}"
            )
        sizes = sorted(values(kernel), reverse=True) if kernel_transform else []
        self.kernels = [int(size) for size in sizes]
        if kernel_transform:
            identities = {str(k): torch.zeros(k**2, k**2, **where) for k in self.kernels[1:]}
            self.transforms = nn.ParameterDict(
                {size: nn.Parameter(one.fill_diagonal_(1.0)) for size, one in identities.items()}
            )

    @classmethod
    def check(cls, arguments: Mapping[str, Any]) -> None:
        """Check that the groups divide the channels."""
        channels = {name: arguments[name] for name in ("in_channels", "out_channels")}
        _check_divides("Conv2d", ("groups", arguments["groups"]), channels)

    def masked(self) -> tuple[str, ...]:
        """Return the widths, unless the filters of a group depend on them."""
        if self.arguments["groups"] == 1:
            return "in_channels", "out_channels"
        return ("in_channels", "out_channels", "groups") if self.tied else ()

    @property
    def tied(self) -> bool:
        """Whether the convolution is depthwise."""
        return _same(self.arguments["groups"], self.arguments["in_channels"])

    def largest(self, arguments: Mapping[str, Any]) -> Numbers:
        """Return arguments under which a filter has the inputs of the smallest groups."""
        found = super().largest(arguments)
        inputs, groups = arguments["in_channels"], arguments["groups"]
        if _same(inputs, groups):
            found["in_channels"] = 1
        else:
            found["in_channels"] = max(i // g for i, g in values((inputs, groups)))
        found["groups"] = 1
        return found

    def cut(self, name: str, full: Tensor, shape: torch.Size) -> Tensor:
        """Return the first filters, of which each has its first inputs and the kernel's center."""
        if name != "weight":
            return super().cut(name, full, shape)
        part = full[: shape[0], : shape[1]]
        for size in self.kernels[1:]:
            if size >= shape[-1]:
                flat = _centre(part, (size, size)).flatten(2)
                mapped = F.linear(flat, self.transforms[str(size)])
                part = mapped.view(*mapped.shape[:2], size, size)
        return _centre(part, shape[2:])


def _centre(x: Tensor, sides: tuple[int, ...]) -> Tensor:
    """Return the center of a kernel ``(out, in, height, width)``."""
    top, left = ((have - want) // 2 for have, want in zip(x.shape[2:], sides, strict=True))
    return x[:, :, top : top + sides[0], left : left + sides[1]]


class ElasticLinear(Elastic, nn.Linear):
    """``Linear`` of a supernet; see :func:`nasbench.nn.Linear`."""

    plain = nn.Linear
    entry = ("in_features", -1)
    exit = ("out_features", -1)

    def masked(self) -> tuple[str, ...]:
        """Return both widths."""
        return "in_features", "out_features"


class ElasticBatchNorm2d(Elastic, nn.BatchNorm2d):
    """``BatchNorm2d`` of a supernet; see :func:`nasbench.nn.BatchNorm2d`."""

    plain = nn.BatchNorm2d
    follows = ("training", "momentum")
    entry = exit = ("num_features", -3)

    def masked(self) -> tuple[str, ...]:
        """Return the width."""
        return ("num_features",)

    @property
    def tied(self) -> bool:
        """True: channels are normalized one by one."""
        return True


class ElasticLayerNorm(Elastic, nn.LayerNorm):
    """``LayerNorm`` of a supernet; see :func:`nasbench.nn.LayerNorm`."""

    plain = nn.LayerNorm
    entry = exit = ("normalized_shape", -1)


class ElasticMultiheadAttention(Elastic, nn.MultiheadAttention):
    """``MultiheadAttention`` of a supernet; see :func:`nasbench.nn.MultiheadAttention`."""

    plain = nn.MultiheadAttention
    entry = exit = ("embed_dim", -1)

    @classmethod
    def check(cls, arguments: Mapping[str, Any]) -> None:
        """Check that the heads divide the features."""
        wholes = {"embed_dim": arguments["embed_dim"]}
        _check_divides("MultiheadAttention", ("num_heads", arguments["num_heads"]), wholes)

    def largest(self, arguments: Mapping[str, Any]) -> Numbers:
        """Return the arguments with one head; the number of heads changes no weight's shape."""
        return {**super().largest(arguments), "num_heads": 1}

    def cut(self, name: str, full: Tensor, shape: torch.Size) -> Tensor:
        """Return the first features; queries, keys and values are stacked in one weight."""
        if name not in ("in_proj_weight", "in_proj_bias"):
            return super().cut(name, full, shape)
        stacked = full.view(3, -1, *full.shape[1:])
        part = super().cut(name, stacked, torch.Size((3, shape[0] // 3, *shape[1:])))
        return part.flatten(0, 1)


class Learned(nn.Module):
    """A parameter as a layer without inputs; see :func:`nasbench.nn.LearnedTensor`.

    Args:
        shape: of the parameter.
        std: standard deviation of its initial values.
        device: of the parameter.
        dtype: of the parameter.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        std: float,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        nn.init.trunc_normal_(self.weight, std=std)

    def forward(self) -> Tensor:
        """Return the parameter."""
        return self.weight


class ElasticLearned(Elastic, Learned):
    """A learned tensor of a supernet; see :func:`nasbench.nn.LearnedTensor`."""

    plain = Learned
    entry = None
    exit = ("shape", -1)
