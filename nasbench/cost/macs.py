"""Multiply-adds and depth of a network: how much a forward pass computes, and in sequence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nasbench.cost.counting import Count
from nasbench.cost.probe import Input, evaluating, example
from nasbench.errors import UserError

# The nodes of autograd's graph that are layers: those whose multiply-adds are counted as well.
LAYERS = (
    *("Convolution", "Addmm", "Mm", "Bmm", "Baddbmm", "Addbmm", "MvBackward", "Addmv", "Linear"),
    *("ScaledDotProduct", "MkldnnRnnLayer", "CudnnRnn", "MiopenRnn", "Trilinear"),
)


def multiply_adds(module: nn.Module, given: Input) -> int:
    """Return the multiply-adds of one forward pass of one example, in evaluation mode.

    Convolutions, matrix products, attention and recurrent layers are counted, as papers do;
    normalization, activations and pooling are not. The module is left as it was.

    Args:
        module: the network.
        given: the shape of its examples.

    Raises:
        UserError: an operation cannot be counted; it is named.
    """
    found = counted(module, given)
    if found.uncounted:
        raise UserError(
            f"the multiply-adds of {type(module).__name__} cannot be counted, because of "
            f"{', '.join(found.uncounted)}"
        )
    return found.total


def counted(module: nn.Module, given: Input) -> Count:
    """Return the multiply-adds as :func:`multiply_adds`, with the names of what is left out.

    Args:
        module: the network.
        given: the shape of its examples.
    """
    image, count = example(module, given, batch=1), Count()
    with count.running(module):
        module(image)
    return count


def depth(module: nn.Module, given: Input) -> int:
    """Return the largest number of layers on a path from an image to the output.

    Layers are convolutions and matrix products. Paths through modules that only produce zeros
    (``is_zero``) do not count. The module is left as it was.

    Args:
        module: the network.
        given: the shape of its examples.
    """

    def cut(part: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        return output.detach()

    image = example(module, given, batch=1)
    if image.is_floating_point():  # from tokens, paths begin at the embedding
        image.requires_grad_()
    cuts = [
        part.register_forward_hook(cut)
        for part in module.modules()
        if getattr(part, "is_zero", False)
    ]
    try:
        with evaluating(module), torch.enable_grad():
            output: Tensor = module(image)
    finally:
        for handle in cuts:
            handle.remove()
    return _longest(output.grad_fn)


def _longest(root: Any) -> int:
    """Return the largest number of layers on a path of autograd's graph from ``root`` down."""
    known: dict[Any, int] = {}
    waiting = [root] if root is not None else []
    while waiting:
        node = waiting[-1]
        below = [after for after, _ in node.next_functions if after is not None]
        missing = [after for after in below if after not in known]
        if missing:
            waiting.extend(missing)
            continue
        waiting.pop()
        known[node] = node.name().startswith(LAYERS) + max((known[b] for b in below), default=0)
    return known.get(root, 0)
