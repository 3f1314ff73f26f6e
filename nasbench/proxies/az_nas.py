"""Expressivity, progressivity and trainability (Lee and Ham, "AZ-NAS", CVPR 2024).

Section 3.2. The weights are drawn anew (Kaiming normal, fan-in; biases 0), and the input is noise
from N(0, 1): the scores read neither images, labels nor the network's own weights. Blocks 1..L are
the primary blocks (:func:`nasbench.proxies.blocks.primary_blocks`), ``f_l`` the feature map of
block l, and its channels at all positions of all images are samples of one distribution.

- Expressivity: ``sum over l of H_l``, ``H_l = -sum over i of p_i log p_i`` the entropy of the
  normalized eigenvalues p of the covariance of the channels. High if features are isotropic.
- Progressivity: ``min over l > 1 of H_l - H_(l-1)``. High if every block adds to the entropy.
- Trainability: ``mean over l > 1 of 2 - s - 1 / s``, s the spectral norm of the Jacobian of a
  block, which random signs ``g_l`` estimate: the Jacobian is ``E[g_(l-1) g_l^T]``, with
  ``g_(l-1)`` the gradient of ``f_l . g_l`` by ``f_(l-1)``. At most 0, where gradients neither
  vanish nor explode. A block of stride k compares its outputs with k x k inputs each.

As in the authors' code, a block that passes on its input unchanged gives -inf, and a feature map
that is constant too. The fourth part, complexity, is the proxy ``macs``; ``az-nas`` ranks by all
four (:mod:`nasbench.proxies.aggregation`). Larger is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from nasbench.proxies.base import WORST, finite, kaiming, on_noise, part_of, scratch
from nasbench.proxies.blocks import Map, recorded

TINY = 1e-8  # in the logarithm of a share of the variance
SMALL = 1e-6  # added to a spectral norm


def scores(network: nn.Module, images: Tensor, labels: Tensor) -> Mapping[str, float]:
    """Return the three scores, which come from one forward and one backward pass."""
    with scratch(network) as made:
        kaiming(made)
        maps = recorded(made, lambda: on_noise(made, images)[1])
        entropies = [_entropy(one.samples()) for one in maps]
        norms = [_gain(before, after) for before, after in pairwise(maps)]
    steps = [after - before for before, after in pairwise(entropies)]
    return {
        "expressivity": finite(sum(entropies)) if entropies else WORST,
        "progressivity": finite(min(steps)) if steps else WORST,
        "trainability": finite(sum(norms) / len(norms)) if norms else WORST,
    }


@part_of(scores)
def expressivity(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the sum of the blocks' entropies."""
    return scores(network, images, labels)["expressivity"]


@part_of(scores)
def progressivity(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the smallest increase of the entropy from a block to the next."""
    return scores(network, images, labels)["progressivity"]


@part_of(scores)
def trainability(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return how near to 1 the spectral norms of the blocks' Jacobians are."""
    return scores(network, images, labels)["trainability"]


def _entropy(samples: Tensor) -> float:
    """Return the entropy of the covariance's spectrum; ``samples`` ``(n, channels)``."""
    centred = (samples - samples.mean(0)).detach()
    values = torch.linalg.eigvalsh((centred.T @ centred).double() / len(centred)).clamp(min=0)
    shares = values / values.sum()  # NaN if nothing varies
    return float(-(shares * (shares + TINY).log()).sum())


def _gain(before: Map, after: Map) -> float:
    """Return a block's term of the trainability."""
    signs = torch.randint(0, 2, after.value.shape, device=after.value.device) * 2 - 1
    signs = signs.to(after.value.dtype)
    (found,) = torch.autograd.grad(
        after.value, before.value, signs, retain_graph=True, materialize_grads=True
    )
    if found.shape == signs.shape and torch.equal(found, signs):
        return WORST
    out = after.like(signs)
    back = before.like(found).folded(out.sides).samples()
    jacobian = (back.T @ out.samples()).double() / len(back)
    norm = float(torch.linalg.matrix_norm(jacobian, 2))
    return 2 - norm - 1 / (norm + SMALL)
