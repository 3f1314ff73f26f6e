"""Drop-path (Larsson et al., 2017) as in DARTS: a branch is dropped for single examples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.nn.processes import place


class DropPath(nn.Module):
    """Zero each example's branch with probability ``p`` and scale the others by ``1 / (1 - p)``.

    ``p`` is 0 until the training sets it. The draw covers the global batch and each process takes
    its rows, so that several processes drop the same branches as one process would.
    """

    def __init__(self) -> None:
        super().__init__()
        self.p = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, ...)`` to the same shape."""
        if not self.training or self.p == 0.0:
            return x
        rank, world = place()
        draws = torch.rand(x.shape[0] * world, device=x.device)[rank::world]
        kept = (draws >= self.p).to(x.dtype) / (1.0 - self.p)
        return x * kept.view(-1, *([1] * (x.dim() - 1)))


def set_drop_path(network: nn.Module, p: float) -> None:
    """Set the probability ``p`` in [0, 1) of every :class:`DropPath` in ``network``."""
    for module in network.modules():
        if isinstance(module, DropPath):
            module.p = p
