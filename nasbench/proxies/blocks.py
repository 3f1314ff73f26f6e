"""The feature maps of a network's primary blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from nasbench.proxies.base import LAYERS
from nasbench.space import Repeat

_HOLDERS = (nn.ModuleList, nn.ModuleDict, Repeat)
_LAYERS = (*LAYERS, nn.Embedding)


@dataclass(frozen=True)
class Map:
    """A feature map.

    Attributes:
        value: shape ``(B, C, *sides)``; ``(B, sides, C)`` if the channels are last.
        last: whether the channels are last.
    """

    value: Tensor
    last: bool

    @property
    def sides(self) -> Sequence[int]:
        """Its positions along each side."""
        return self.value.shape[1:-1] if self.last else self.value.shape[2:]

    def like(self, value: Tensor) -> Map:
        """Return a map of the same layout."""
        return Map(value, self.last)

    def samples(self) -> Tensor:
        """Return the channels at every position of every image, shape ``(B * positions, C)``."""
        ordered = self.value if self.last else self.value.movedim(1, -1)
        return ordered.reshape(-1, ordered.shape[-1])

    def folded(self, sides: Sequence[int]) -> Map:
        """Return a map of ``sides`` positions, whose channels are those of a window of each.

        A window has as many positions along a side as the map has more than ``sides``; at the end
        it is filled with zeros. Maps with channels last have one side.
        """
        value = self.value.movedim(-1, 1) if self.last else self.value
        if list(value.shape[2:]) == list(sides):
            return self
        windows = [-(-have // want) for have, want in zip(value.shape[2:], sides, strict=True)]
        ends = [
            w * want - have for w, want, have in zip(windows, sides, value.shape[2:], strict=True)
        ]
        value = F.pad(value, [n for end in reversed(ends) for n in (0, end)])
        for side, (window, want) in enumerate(zip(windows, sides, strict=True)):
            shape = (*value.shape[: 2 + side], want, window, *value.shape[3 + side :])
            value = value.reshape(shape).movedim(3 + side, 2).flatten(1, 2)
        return Map(value, last=False)


def primary_blocks(network: nn.Module) -> list[nn.Module]:
    """Return the blocks that a network is stacked of, in the order of their registration.

    They are the stem, and the cells, residual blocks or layers of its stages: lists, and sequences
    of several blocks, are opened. Norms and activations between blocks are none, and neither is a
    block of nothing but identities: in a chain it is a layer that was left out.
    """
    found = list(_opened(network))
    while len(found) == 1 and any(True for _ in found[0].children()):
        found = list(_opened(found[0]))  # a wrapper around the network
    return found


def _opened(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        sequence = isinstance(child, nn.Sequential) and sum(map(_is_block, child.children())) > 1
        if sequence or isinstance(child, _HOLDERS):
            yield from _opened(child)
        elif _is_block(child):
            yield child


def _is_block(module: nn.Module) -> bool:
    """Whether it has a layer with weights, or a module with a ``forward`` of its own parts."""
    parts = list(module.modules())
    leaves = [part for part in parts if not any(True for _ in part.children())]
    if all(isinstance(leaf, nn.Identity) for leaf in leaves):
        return False
    return any(
        isinstance(part, _LAYERS)
        if part in leaves
        else not isinstance(part, (*_HOLDERS, nn.Sequential))
        for part in parts
    )


def recorded(network: nn.Module, run: Callable[[], Tensor]) -> list[Map]:
    """Return the feature maps of the primary blocks, with their graph, in order of computation.

    The network's own output is left out, and so are outputs of other numbers of dimensions than
    most have: those of a head, and the patches of an image before tokens.

    Args:
        network: a scratch copy.
        run: computes the network once and returns its output.
    """
    maps: list[Map] = []

    def keep(module: nn.Module, _: Any, output: Any) -> Any:
        if not isinstance(output, Tensor) or output.dim() < 2:
            return None
        convolves = any(isinstance(part, _ConvNd) for part in module.modules())
        maps.append(Map(output, last=output.dim() == 3 and not convolves))
        return output.clone()  # what follows may change it in place

    hooks = [block.register_forward_hook(keep) for block in primary_blocks(network)]
    logits = run()
    for hook in hooks:
        hook.remove()
    if maps and maps[-1].value.shape == logits.shape:
        maps.pop()
    dimensions = [one.value.dim() for one in maps]
    usual = max(dimensions, key=dimensions.count, default=0)
    return [one for one in maps if one.value.dim() == usual]
