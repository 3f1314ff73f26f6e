"""Multiply-adds of a forward pass."""

from __future__ import annotations

from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nasbench.cost.probe import evaluating, example


def multiply_adds(module: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Return the multiply-adds of one forward pass of one example, in evaluation mode.

    Convolutions, matrix products and attention are counted, as is usual in papers;
    normalisation, activations and pooling are not. The module is unchanged.

    Args:
        module: the network.
        input_shape: ``(channels, height, width)``.
    """
    image = example(module, input_shape, batch=1)
    counter = FlopCounterMode(display=False)
    with evaluating(module), counter:
        module(image)
    return int(counter.get_total_flops()) // 2  # it counts a multiply-add as two operations
