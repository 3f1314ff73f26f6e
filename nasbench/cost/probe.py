"""Evaluation mode and example inputs for measurements of a network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

from nasbench.space.noise import noise
from nasbench.space.spec import DataSpec


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


Input = DataSpec | tuple[int, ...] | Tensor
"""What a network takes: the shape of an example, or a batch of examples."""


def example(module: nn.Module, given: Input, batch: int) -> Tensor:
    """Return a batch to measure a network with, shape ``(batch, *shape)``, the same each time.

    Numbers are noise with the device and the floating-point type of the module's first parameter
    or buffer; tokens are drawn from their vocabulary.

    Args:
        module: the network.
        given: the shape of an example; a bare one is that of numbers. Or examples, whose first
            ones are returned.
        batch: number of examples, at least 1.
    """
    tensors = chain(module.parameters(), module.buffers())
    place = next((tensor for tensor in tensors if tensor.is_floating_point()), None)
    if isinstance(given, Tensor):
        made = given[:batch]
    else:
        spec = given if isinstance(given, DataSpec) else DataSpec(*given, outputs=1)
        made = noise(spec, batch, torch.Generator().manual_seed(0))
    if place is None:
        return made
    return made.to(place.device, place.dtype if made.is_floating_point() else made.dtype)
