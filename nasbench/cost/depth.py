"""The depth of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nasbench.cost.probe import evaluating, example

# Nodes of autograd's graph that are layers: what FLOP counts see as well.
LAYERS = ("Convolution", "Addmm", "Mm", "Bmm", "Baddbmm")


def depth(module: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Return the largest number of convolutions and matrix products on a path to the output.

    Paths through modules that output zeros (``is_zero``) do not count. The module is unchanged.

    Args:
        module: the network.
        input_shape: ``(channels, height, width)``.
    """
    image = example(module, input_shape, batch=1).requires_grad_()
    cuts = [
        part.register_forward_hook(lambda module, inputs, output: output.detach())
        for part in module.modules()
        if getattr(part, "is_zero", False)
    ]
    try:
        with evaluating(module), torch.enable_grad():
            output: Tensor = module(image)
    finally:
        for cut in cuts:
            cut.remove()
    return _longest(output.grad_fn, lambda node: node.name().startswith(LAYERS))


def _longest(root: Any, counts: Callable[[Any], bool]) -> int:
    """Return the largest number of counted nodes on a path down from ``root``."""
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
        known[node] = counts(node) + max((known[after] for after in below), default=0)
    return known.get(root, 0)
