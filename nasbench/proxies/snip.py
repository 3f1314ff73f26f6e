"""Connection sensitivity (Lee et al., "SNIP", ICLR 2019), summed over a network.

Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, equation 1. Score:
``sum over weights of |w * dL/dw|``, L the mean cross-entropy of one batch. Needs images and
labels. Larger is better.
"""

from __future__ import annotations

from torch import Tensor, nn

from nasbench.proxies.base import scratch, total, weight_gradients


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the summed sensitivity of all weights."""
    with scratch(network) as made:
        pairs = weight_gradients(made, images, labels)
        return total((w * g).abs() for w, g in pairs)
