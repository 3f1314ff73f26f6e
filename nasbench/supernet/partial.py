"""Partial channels: a mixture sees one of K channels, and the others pass it by.

Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search",
ICLR 2020, section 3.2. The shuffle spreads what was mixed over all channels, so that the next cell
mixes others (Zhang et al., "ShuffleNet", CVPR 2018).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def beside(x: Tensor, k: int, mixed: Tensor) -> Tensor:
    """Return what a mixture made of the first ``1/k`` of the channels beside the rest, shuffled.

    Where the mixture halves the size, the rest is pooled by its maximum.

    Args:
        x: shape ``(B, C, H, W)``; C is a multiple of ``k``.
        k: one of so many channels was mixed.
        mixed: shape ``(B, C / k, H', W')``.
    """
    rest = x[:, x.shape[1] // k :]
    if mixed.shape[2:] != rest.shape[2:]:
        rest = F.max_pool2d(rest, 2, 2, ceil_mode=True)
    return F.channel_shuffle(torch.cat([mixed, rest], dim=1), k)
