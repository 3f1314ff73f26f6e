"""A layer that reads every second pixel of an image in two phases, as factorized reductions do."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


def halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the ReLU of every second pixel from the first on, and from the second on.

    Args:
        x: shape ``(B, C, H, W)``. At an odd size the second result lacks a pixel, which is padded
            with zero.
    """
    odd = F.pad(x[:, :, 1::2, 1::2], (0, x.shape[3] % 2, 0, x.shape[2] % 2))
    return F.relu(x[:, :, ::2, ::2]), F.relu(odd)


class Halving(nn.Module):
    """A layer that is a function of :func:`halves`, which a supernet computes once per state."""

    def of_halves(self, even: Tensor, odd: Tensor) -> Tensor:
        """Return the output."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C_in, H, W)`` to ``(B, C_out, ceil(H/2), ceil(W/2))``."""
        return self.of_halves(*halves(x))
