"""Evaluation mode and example inputs for measurements of a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import nn


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Put the module in evaluation mode without gradients, then restore each part's mode.

    The parts' modes differ if some layers were frozen by hand, so one flag is not enough.
    """
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, training in modes.items():
            part.training = training


def example(module: nn.Module, input_shape: tuple[int, ...], batch: int) -> torch.Tensor:
    """Return a batch of noise, shape ``(batch, channels, height, width)``, the same each time.

    It has the device and the floating-point type of the module's first parameter or buffer.

    Args:
        module: the network.
        input_shape: ``(channels, height, width)``.
        batch: number of examples, at least 1.
    """
    shape = (batch, *input_shape)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.is_floating_point():
            return noise.to(tensor.device, tensor.dtype)
    return noise
