"""Correlation of the images' Jacobians (Mellor et al., arXiv 2006.04647v1, 2020).

Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3.3 (jacob_cov).
Score: ``-sum over i of log(v_i + k) + 1 / (v_i + k)`` with ``k = 1e-5`` and v the eigenvalues of
the correlations, between images, of the gradients of the summed logits by the image. Needs images;
no labels. Larger is better: a network that separates images has uncorrelated gradients.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.proxies.base import WORST, finite, input_gradients, scratch

K = 1e-5


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the score; -inf if the gradient of an image is constant."""
    with scratch(network) as made:
        jacobian, _ = input_gradients(made, images)
    correlations = torch.corrcoef(jacobian)
    if not correlations.isfinite().all():
        return WORST
    v = torch.linalg.eigvalsh(correlations) + K
    return finite(-(v.log() + 1 / v).sum())
