"""The number of multiply-adds: the other baseline that every proxy has to beat.

Score: multiply-adds of one example. Needs the examples' shape; no labels. Larger is better.
"""

from __future__ import annotations

from torch import Tensor, nn

from nasbench.cost.macs import multiply_adds


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the multiply-adds of one forward pass of one example."""
    return float(multiply_adds(network, images))
