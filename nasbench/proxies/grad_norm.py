"""Norm of the gradient (Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021).

Section 3.1. Score: ``sum over layers of ||dL/dW||_2``, L the mean cross-entropy of one batch, W
the weights of a convolution or linear layer. Needs images and labels. Larger is better.
"""

from __future__ import annotations

from torch import Tensor, nn

from nasbench.proxies.base import scratch, total, weight_gradients


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the sum of the layers' gradient norms."""
    with scratch(network) as made:
        pairs = weight_gradients(made, images, labels)
        return total(g.norm() for _, g in pairs)
