"""The type of a proxy, and functions that several proxies use.

A proxy takes an untrained network and one batch, and returns a number: the larger it is, the
higher the predicted accuracy after training. It works on a copy and does not change the network.
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
"""Network, images ``(B, C, H, W)`` and labels ``(B,)`` to a score; -inf if it is undefined."""

WORST = -math.inf
LAYERS = (_ConvNd, nn.Linear)  # those with weights in the sense of Abdelfattah et al.


@contextmanager
def scratch(network: nn.Module) -> Iterator[nn.Module]:
    """Yield a copy of ``network`` in training mode, without gradients, that may be changed.

    Random layers such as dropout use a fixed seed: a score is a function of its arguments, and
    torch's global random state does not change.
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
        network: its ``grad`` fields are not written.
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
    """Return the gradients of the summed logits by each image, and the number of logits.

    The gradients are float64 of shape ``(B, C * H * W)``.
    """
    inputs = images.detach().clone().requires_grad_(True)
    out = logits(network, inputs)
    (found,) = torch.autograd.grad(out.sum(), [inputs])
    return found.flatten(1).double(), out.shape[1]


def total(terms: Iterable[Tensor]) -> float:
    """Return the sum of all tensors' sums, -inf if it is not finite."""
    return finite(sum(float(term.detach().sum()) for term in terms))


def finite(value: Tensor | float) -> float:
    """Return ``value``, or -inf if it is not finite, so that it ranks last."""
    number = float(value)
    return number if math.isfinite(number) else WORST
