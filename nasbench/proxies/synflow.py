"""Synaptic flow (Tanaka et al., NeurIPS 2020), summed over a network.

Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, equation 1. Score:
``log of the sum over weights of |w| * dR/d|w|``, R the sum of the logits of one image of ones in
a network of the parameters' absolute values and without BN. The sum grows exponentially with the
depth, so it is computed in float64; the logarithm changes no rank. Needs only the images' shape.
Larger is better; -inf if the sum is 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.proxies.base import WORST, layer_weights, logits, on_embeddings, scratch, total


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the logarithm of the synaptic flow."""
    with scratch(network) as made:
        # All parameters positive, in float64; BN and dropout do nothing.
        made.double().eval()
        for parameter in made.parameters():
            parameter.data.abs_()
        for module in made.modules():
            if isinstance(module, _BatchNorm):
                module.forward = lambda x: x  # type: ignore[method-assign,assignment]
        weights = layer_weights(made)
        if not weights:
            return WORST
        if images.is_floating_point():
            ones = torch.ones_like(images[:1], dtype=torch.float64)
        else:  # tokens stay, and their embeddings are ones
            ones = images[:1]
            on_embeddings(made, torch.ones_like)
        out = logits(made, ones).sum()
        found = torch.autograd.grad(out, weights, allow_unused=True)
        pairs = zip(weights, found, strict=True)
        flow = total(w * g for w, g in pairs if g is not None)
        return math.log(flow) if flow > 0 else WORST
