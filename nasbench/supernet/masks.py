"""Mixtures of the sizes of a layer: masks of channels, and weighted kernels.

Wan et al., "FBNetV2: Differentiable Neural Architecture Search for Spatial and Channel
Dimensions", CVPR 2020, section 3.1: the channels of every width are the first ones of the widest,
so a mixture of widths is the widest output times a mask, the sum of the widths' 0/1 masks by their
weights. Kernels of several sizes around one center are a single kernel, their weighted sum. Every
other mixture is the weighted sum of the sliced layers' outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.nn.elastic import Elastic
from nasbench.space import ValueChoice
from nasbench.space.domain import Scalar
from nasbench.space.expressions import choices, distribution, parts, text, values

Shares = Callable[[ValueChoice], Mapping[Scalar, Tensor]]
Terms = Sequence[tuple[nn.Module, Tensor | int]]  # sliced layers and their weights


class Sizes:
    """The mixing weights of value choices in one forward pass.

    Args:
        every: returns value to weight of all options in the mixture.
        running: the same of those that are computed; the weights of the others are 0.
    """

    def __init__(self, every: Shares, running: Shares) -> None:
        self.every = every
        self.running = running

    def mask(self, width: Any, like: Tensor) -> Tensor:
        """Return the weight of each channel, the sum of the weights of all widths that have it.

        Args:
            width: the number of channels, with choices; those of a sum are concatenated.
            like: a tensor of the mask's type and device.

        Returns:
            Shape ``(largest width,)``.
        """
        masks = []
        for part in parts(width):
            places = torch.arange(int(max(values(part))), device=like.device)
            shares = distribution(part, self.every)
            masks.append(sum(share * (places < size) for size, share in shares.items()))
        return torch.cat(masks).to(like)

    def reached(self, width: Any) -> int:
        """Return the largest width that is computed; all later channels are 0."""
        return int(max(distribution(width, self.running)))

    def computed(self, terms: tuple[Any, ...]) -> list[tuple[Any, Any]]:
        """Return the values that a tuple of terms has in what is computed, and their weights."""
        running = distribution(terms, self.running)
        return [pair for pair in distribution(terms, self.every).items() if pair[0] in running]


def mixed(
    layer: Elastic, inputs: tuple[Any, ...], options: Mapping[str, Any], sizes: Sizes
) -> Any:
    """Return the mixture of all sizes of a layer.

    Outputs have the largest width, and 0 in channels that no computed width has. If one option of
    each decision has the weight 1 and the others 0, the first channels are those of the sliced
    layer.

    Args:
        layer: the layer.
        inputs: its inputs, of the largest widths.
        options: its keyword arguments.
        sizes: the mixing weights.

    Raises:
        UserError: options lead to outputs of different sizes.
    """
    masked = layer.masked()
    widths = choices(tuple(layer.arguments[name] for name in masked))
    others = [name for name in layer.arguments if name not in masked]
    rest = choices(tuple(layer.arguments[name] for name in others))
    if not masked or widths.keys() & rest.keys():
        return _sliced(layer, inputs, options, sizes)
    (x,) = (*inputs, *options.values())
    return _masked(layer, x, sizes, others)


def _masked(layer: Elastic, x: Tensor, sizes: Sizes, others: list[str]) -> Tensor:
    """Return the widest output times its mask; a weighted sum over the ``others``."""
    numbers = layer.most()
    entry, exit_ = layer.entry, layer.exit
    assert entry is not None
    width = layer.arguments[entry[0]]
    if not layer.tied and len(parts(width)) == 1:
        numbers[entry[0]] = sizes.reached(width)
        x = x.narrow(entry[1], 0, numbers[entry[0]])
    found = sizes.computed(tuple(layer.arguments[name] for name in others))
    terms = []
    for some, share in found:
        numbers.update(zip(others, some, strict=True))
        terms.append((layer.sliced(layer.whole(tuple(numbers.values()))), share))
    if len(terms) > 1 and _concentric([part for part, _ in terms]):
        output = _one_kernel(x, terms)
    else:
        output = _sum([(part.forward(x), share) for part, share in terms], layer)
    width = layer.arguments[exit_[0]]
    if not choices(width):
        return output
    return output * sizes.mask(width, output).view(-1, *[1] * (-exit_[1] - 1))


def _sliced(
    layer: Elastic, inputs: tuple[Any, ...], options: Mapping[str, Any], sizes: Sizes
) -> Any:
    """Return the weighted sum of the outputs of all sliced layers, with 0 in lacking channels."""
    entry, exit_ = _blocks(layer, layer.entry), _blocks(layer, layer.exit)
    terms, output = [], None
    given = (tuple(layer.arguments.values()), tuple(entry.values()), tuple(exit_.values()))
    for (some, ins, outs), share in sizes.computed(given):
        narrow = _Narrow(dict(zip(entry, zip(entry.values(), ins, strict=True), strict=True)))
        output = layer.sliced(layer.whole(some)).forward(
            *(narrow(x) if place < 3 else x for place, x in enumerate(inputs)),
            **{name: narrow(x) if name in _INPUTS else x for name, x in options.items()},
        )
        first, *more = output if isinstance(output, tuple) else (output,)
        for (dim, blocks), have in zip(exit_.items(), outs, strict=True):
            first = _spread(first, dim, blocks, have)
        terms.append((first, share, more))
    summed = _sum([(first, share) for first, share, _ in terms], layer)
    if not isinstance(output, tuple):
        return summed
    # The weights of attention: those of the heads' mean have the same shape for every size.
    beside = [(more[0], share) for _, share, more in terms if more[0] is not None]
    return summed, _sum(beside, layer) if beside else None


def displaced(network: nn.Module) -> str:
    """Return a width whose features a mixture has at other places than a sub-network, in words.

    It is the sum of several choices: in a mixture the features of the second begin behind the most
    of the first, in a sub-network behind those that it has.

    Args:
        network: of a supernet.

    Returns:
        The layer and its width, ``""`` if there is none.
    """
    for layer in network.modules():
        if not isinstance(layer, Elastic):
            continue
        for side in filter(None, (layer.entry, layer.exit)):
            for blocks in _blocks(layer, side).values():
                if choices(blocks[:-1]):
                    width = " + ".join(map(text, blocks))
                    return f"{layer.plain.__name__}: {side[0]} = {width}"
    return ""


_INPUTS = ("input", "query", "key", "value")
Blocks = tuple[Any, ...]  # the terms of a width, or their values


def _blocks(layer: Elastic, side: tuple[str, int] | None) -> dict[int, Blocks]:
    """Return dimension, counted from the end, to the terms of its size."""
    if side is None:
        return {}
    name, dim = side
    size = layer.arguments[name]
    if not isinstance(size, tuple):
        return {dim: tuple(parts(size))}
    return {place - len(size): tuple(parts(one)) for place, one in enumerate(size)}


class _Narrow:
    """Returns the channels that a sub-network has; the same input gives the same object."""

    def __init__(self, entry: Mapping[int, tuple[Blocks, Blocks]]) -> None:
        self.entry = entry
        self.known: dict[int, Tensor] = {}

    def __call__(self, x: Any) -> Any:
        if not isinstance(x, Tensor):
            return x
        if id(x) not in self.known:
            small = x
            for dim, (blocks, sizes) in self.entry.items():
                starts = _starts(blocks)
                pairs = zip(starts, sizes, strict=True)
                narrow = [small.narrow(dim, start, int(size)) for start, size in pairs]
                small = narrow[0] if len(narrow) == 1 else torch.cat(narrow, dim)
            self.known[id(x)] = small
        return self.known[id(x)]


def _starts(blocks: Blocks) -> list[int]:
    """Return where each of concatenated features of the largest sizes begins."""
    return [0, *accumulate(int(max(values(block))) for block in blocks[:-1])]


def _spread(x: Tensor, dim: int, blocks: Blocks, sizes: Blocks) -> Tensor:
    """Return ``x`` with zeros behind each of its blocks up to the block's largest size."""
    padded, wholes = [], [int(size) for size in sizes]
    for part, block in zip(torch.split(x, wholes, dim), blocks, strict=True):
        lacking = int(max(values(block))) - part.shape[dim]
        padded.append(F.pad(part, [*[0, 0] * (-dim - 1), 0, lacking]) if lacking else part)
    return padded[0] if len(padded) == 1 else torch.cat(padded, dim)


def _sum(terms: Sequence[tuple[Tensor, Tensor | int]], layer: Elastic) -> Tensor:
    shapes = {tuple(x.shape) for x, _ in terms}
    if len(shapes) > 1:
        raise UserError(
            f"the choices {', '.join(map(repr, layer.labels))} lead to outputs of "
            f"{type(layer).plain.__name__} of the sizes {sorted(shapes)}, which have no mixture: "
            "allowed: options that keep the size, such as padding=kernel // 2; the strategies "
            "'spos' and 'random' accept all of them"
        )
    total: Tensor | None = None
    for x, share in terms:
        part = x if isinstance(share, int) else share * x
        total = part if total is None else total + part
    assert total is not None
    return total


def _concentric(parts: Sequence[nn.Module]) -> bool:
    """Return whether convolutions differ in their kernels alone, which have one center."""
    seen = set()
    for part in parts:
        if not isinstance(part, nn.Conv2d) or part.padding_mode != "zeros":
            return False
        if isinstance(part.padding, str) or any(side % 2 == 0 for side in part.kernel_size):
            return False
        sides = zip(part.kernel_size, part.padding, part.dilation, strict=True)
        starts = [pad - step * (side // 2) for side, pad, step in sides]
        seen.add((part.stride, part.dilation, part.groups, *starts))
    return len(seen) == 1


def _one_kernel(x: Tensor, terms: Terms) -> Tensor:
    """Return the output of the weighted sum of concentric kernels."""
    convolutions = [(part, share) for part, share in terms if isinstance(part, nn.Conv2d)]
    first = convolutions[0][0]
    assert not isinstance(first.padding, str)
    sides = [max(conv.kernel_size[side] for conv, _ in convolutions) for side in (0, 1)]
    padding = [
        pad + step * (side // 2 - own // 2)
        for pad, step, side, own in zip(
            first.padding, first.dilation, sides, first.kernel_size, strict=True
        )
    ]
    kernel: Tensor | float = 0.0
    total: Tensor | float = 0.0
    for conv, share in convolutions:
        down, right = (
            (side - own) // 2 for side, own in zip(sides, conv.kernel_size, strict=True)
        )
        kernel = kernel + share * F.pad(conv.weight, [right, right, down, down])
        total = total + share
    assert isinstance(kernel, Tensor)
    bias = None if first.bias is None else total * first.bias
    return F.conv2d(x, kernel, bias, first.stride, padding, first.dilation, first.groups)
