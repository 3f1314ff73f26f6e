"""BN statistics of one path of a supernet.

Guo et al., "Single Path One-Shot Neural Architecture Search", ECCV 2020, section 3.4: the running
statistics are those of all paths together, and none of them can be judged by those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@torch.no_grad()
def calibrate(network: nn.Module, images: Iterable[Tensor]) -> None:
    """Set BN's running statistics to the mean over these batches; weights stay as they are.

    Args:
        network: left in evaluation mode.
        images: batches ``(B, C, H, W)``, at least one.
    """
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    network.eval()
    with averaging(norms):
        for batch in images:
            network(batch)


@contextmanager
def averaging(norms: Iterable[_BatchNorm]) -> Iterator[None]:
    """Let BN average the statistics of all batches inside, from nothing."""
    norms = list(norms)
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean instead of a moving one
        norm.train()
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.eval()
