"""What a proxy is, and what the proxies share.

A proxy takes an untrained network and one batch, and returns a number: the larger, the better the
network should be once it is trained. It works on a copy, so the network stays as it was.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

Proxy = Callable[[nn.Module, Tensor, Tensor], float]
"""Network, images ``(B, C, H, W)`` and labels ``(B,)`` to a score; -inf where there is none."""

WORST = -math.inf
LAYERS = (_ConvNd, nn.Linear)  # those with weights in the sense of Abdelfattah et al.


@contextmanager
def scratch(network: nn.Module) -> Iterator[nn.Module]:
    """Yield a copy of ``network`` in training mode, without gradients, to do anything with.

    Random layers such as dropout draw from a stream of their own: a score is a function of its
    arguments, and torch's global streams are left where they were.
    """
    devices = {p.device for p in network.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)), torch.enable_grad():
        torch.manual_seed(0)
        made = copy.deepcopy(network).train().requires_grad_(True)
        made.zero_grad(set_to_none=True)
        yield made


def logits(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits ``(B, classes)``, without those of an auxiliary head."""
    out = network(images)
    found: Tensor = out[0] if isinstance(out, tuple) else out
    return found


def layer_weights(network: nn.Module) -> list[Tensor]:
    """Return the weights of all convolutions and linear layers; biases and BN are left out."""
    return [module.weight for module in network.modules() if isinstance(module, LAYERS)]


def weight_gradients(
    network: nn.Module, images: Tensor, labels: Tensor, create_graph: bool = False
) -> list[tuple[Tensor, Tensor]]:
    """Return every layer's weight with the gradient of the mean cross-entropy.

    Layers that the loss does not depend on are left out.

    Args:
        network: is left without gradients of its own.
        images: shape ``(B, C, H, W)``.
        labels: shape ``(B,)``.
        create_graph: whether the gradients can be differentiated again.
    """
    weights = layer_weights(network)
    if not weights:
        return []
    loss = F.cross_entropy(logits(network, images), labels)
    found = torch.autograd.grad(loss, weights, create_graph=create_graph, allow_unused=True)
    return [(w, g) for w, g in zip(weights, found, strict=True) if g is not None]


def input_gradients(network: nn.Module, images: Tensor) -> tuple[Tensor, int]:
    """Return the gradients of the summed logits by each image, and how many logits there are.

    The gradients are float64 of shape ``(B, C * H * W)``.
    """
    inputs = images.detach().clone().requires_grad_(True)
    out = logits(network, inputs)
    (found,) = torch.autograd.grad(out.sum(), [inputs])
    return found.flatten(1).double(), out.shape[1]


def total(terms: Iterable[Tensor]) -> float:
    """Return the sum of all tensors' sums, -inf where it is no finite number."""
    return finite(sum(float(term.detach().sum()) for term in terms))


def finite(value: Tensor | float) -> float:
    """Return ``value``, or -inf where it is no finite number, so that it ranks last."""
    number = float(value)
    return number if math.isfinite(number) else WORST
