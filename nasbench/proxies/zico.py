"""Inverse coefficient of variation of the gradients (Li et al., "ZiCo", ICLR 2023).

Equation 12. The batch is split into parts, with one gradient each. Score: ``sum over
layers of log(sum over weights of mean|g| / std|g|)``, g the gradient of the mean cross-entropy by
a weight, mean and standard deviation over the parts. Weights whose gradient does not vary are left
out. Needs images and labels. Larger is better.

This is the paper's equation. The authors' code divides by the standard deviation of the gradients
with their signs instead.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.proxies.base import finite, scratch, weight_gradients


def score(network: nn.Module, images: Tensor, labels: Tensor, parts: int = 2) -> float:
    """Return the ZiCo score.

    Args:
        network: untrained.
        images: shape ``(B, C, H, W)``.
        labels: shape ``(B,)``.
        parts: number of parts of the batch, at least 2.

    Raises:
        UserError: the batch has fewer images than parts.
    """
    if not 2 <= parts <= len(images):
        raise UserError(f"zico: {parts} parts of {len(images)} images: must be 2..{len(images)}")
    with scratch(network) as made:
        split = zip(images.tensor_split(parts), labels.tensor_split(parts), strict=True)
        sizes = [[g.abs() for _, g in weight_gradients(made, *part)] for part in split]
    layers = (torch.stack(layer) for layer in zip(*sizes, strict=True))
    return finite(sum(_layer(layer) for layer in layers))


def _layer(sizes: Tensor) -> float:
    """Return one layer's term; ``sizes`` are absolute gradients, one row for each part."""
    mean, std = sizes.mean(0), sizes.std(0, correction=0)
    varies = std != 0  # true for NaN, which must not be hidden
    if not varies.any():
        return 0.0
    return float((mean[varies] / std[varies]).sum().log())
