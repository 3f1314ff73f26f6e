"""Preservation of the gradient flow (Wang et al., "GraSP", ICLR 2020), summed over a network.

Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, equation 1. Score:
``sum over weights of -(H g) * w``, g the gradient of the mean cross-entropy and H its Hessian.
Needs images and labels. Larger is better.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.proxies.base import scratch, total, weight_gradients


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return ``-w . H g`` over all weights; the Hessian is never formed."""
    with scratch(network) as made:
        pairs = weight_gradients(made, images, labels, create_graph=True)
        if not pairs:
            return 0.0
        weights, gradients = zip(*pairs, strict=True)
        # H g is the gradient of g . stop(g).
        product = sum((g * g.detach()).sum() for g in gradients)
        curved = torch.autograd.grad(product, weights, allow_unused=True)
        terms = zip(weights, curved, strict=True)
        return total(-w * h for w, h in terms if h is not None)
