"""Drop-path (Larsson et al., 2017), as DARTS uses it: a whole branch is dropped per example."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.nn.processes import place


class DropPath(nn.Module):
    """Zero each example's branch with probability ``p`` and scale the others by ``1 / (1 - p)``.

    The training loop lets ``p`` grow; it is 0 until then. The draw covers the global batch and
    each process takes its rows, so several processes drop what one process would drop.
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
    """Give every :class:`DropPath` inside ``network`` the probability ``p`` in [0, 1)."""
    for module in network.modules():
        if isinstance(module, DropPath):
            module.p = p
