"""Fisher information of the activations (Theis et al., 2018; Turner et al., ICLR 2020).

Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, equation 2. A channel z of
a convolution's or linear layer's output has ``d = 1/2 * mean over images of (sum over pixels of
z * dL/dz)^2``. Score: the sum of d over channels, each times its number of weights, as in the
authors' code. Needs images and labels. Larger is better.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from nasbench.proxies.base import LAYERS, logits, mean_loss, scratch, total


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the Fisher information of all channels, counted once for each of their weights."""
    outputs: list[Tensor] = []
    sizes: list[int] = []  # weights of one channel
    last: list[bool] = []  # whether the channels are the last dimension

    def keep(module: nn.Module, _: Any, output: Tensor) -> None:
        outputs.append(output)
        sizes.append(module.weight[0].numel())  # type: ignore[index]
        last.append(isinstance(module, nn.Linear))

    with scratch(network) as made:
        for module in made.modules():
            if isinstance(module, LAYERS):
                module.register_forward_hook(keep)
        loss = mean_loss(logits(made, images), labels)
        if not outputs:
            return 0.0
        found = torch.autograd.grad(loss, outputs, allow_unused=True)
        every = zip(outputs, found, sizes, last, strict=True)
        return total(n * _information(z, g, end) for z, g, n, end in every if g is not None)


def _information(z: Tensor, gradient: Tensor, last: bool) -> Tensor:
    """Return ``d`` of each channel of ``(B, C, ...)``, or of ``(B, ..., C)`` if they are last."""
    product = z * gradient
    if last:
        product = product.movedim(-1, 1)
    per_image = product.flatten(2).sum(2) if z.dim() > 2 else product
    return 0.5 * per_image.pow(2).mean(0)
