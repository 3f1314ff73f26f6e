"""The type of a proxy, and functions that several proxies use.

A proxy takes an untrained network and one batch, and returns a number: the larger it is, the
higher the predicted accuracy after training. It works on a copy and does not change the network.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

Proxy = Callable[[nn.Module, Tensor, Tensor], float]
"""Network, examples ``(B, *shape)`` and labels to a score; -inf if it is undefined.

Labels are classes ``(B,)``, int64; or several labels or numbers ``(B, outputs)``, float32.
Examples are numbers, or int64 tokens, whose embeddings take the place of an image's numbers.
"""

Together = Callable[[nn.Module, Tensor, Tensor], Mapping[str, float]]
"""As :data:`Proxy`, but computes several scores at once, by the names of their functions."""

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
    """Return every layer's weight with the gradient of the mean loss.

    Layers that the loss does not depend on are left out.

    Args:
        network: its ``grad`` fields are not written.
        images: shape ``(B, *shape)``.
        labels: shape ``(B,)`` or ``(B, outputs)``.
        create_graph: whether the gradients can be differentiated again.
    """
    weights = layer_weights(network)
    if not weights:
        return []
    loss = mean_loss(logits(network, images), labels)
    found = torch.autograd.grad(loss, weights, create_graph=create_graph, allow_unused=True)
    return [(w, g) for w, g in zip(weights, found, strict=True) if g is not None]


def mean_loss(outputs: Tensor, labels: Tensor) -> Tensor:
    """Return the mean loss: cross-entropy, of several labels each by itself, or squared error."""
    if labels.dim() == 1:
        return F.cross_entropy(outputs, labels)
    if bool(((labels == 0) | (labels == 1)).all()):
        return F.binary_cross_entropy_with_logits(outputs, labels)
    return F.mse_loss(outputs, labels)


def input_gradients(network: nn.Module, images: Tensor) -> tuple[Tensor, int]:
    """Return the gradients of the summed logits by each example, and the number of logits.

    The gradients are float64 of shape ``(B, numbers of an example)``.

    Args:
        network: a scratch copy.
        images: shape ``(B, *shape)``; of tokens, the gradients are those by their embeddings.
    """
    inputs: list[Tensor] = []
    if images.is_floating_point():
        images = images.detach().clone().requires_grad_(True)
        inputs.append(images)
    else:
        on_embeddings(network, inputs.append)
    out = logits(network, images)
    found = torch.autograd.grad(out.sum(), inputs, allow_unused=True) if inputs else ()
    rows = [one.flatten(1) for one in found if one is not None and len(one) == len(images)]
    if not rows:
        return out.new_zeros((len(images), 1), dtype=torch.float64), out.shape[1]
    return torch.cat(rows, 1).double(), out.shape[1]


def on_embeddings(network: nn.Module, change: Callable[[Tensor], Tensor | None]) -> None:
    """Call ``change`` with the output of every embedding of a scratch copy.

    Args:
        network: a scratch copy.
        change: may return what takes the output's place.
    """
    for module in network.modules():
        if isinstance(module, nn.Embedding):
            module.register_forward_hook(
                lambda _module, _inputs, output: change(output), prepend=True
            )  # before hooks that look at the output


def total(terms: Iterable[Tensor]) -> float:
    """Return the sum of all tensors' sums, -inf if it is not finite."""
    return finite(sum(float(term.detach().sum()) for term in terms))


def finite(value: Tensor | float) -> float:
    """Return ``value``, or -inf if it is not finite, so that it ranks last."""
    number = float(value)
    return number if math.isfinite(number) else WORST


def part_of(together: Together) -> Callable[[Proxy], Proxy]:
    """Mark a proxy as one of the scores that ``together`` computes at once, under its name.

    Whoever wants several finds the function in the attribute ``together`` and calls it once.
    """

    def mark(proxy: Proxy) -> Proxy:
        proxy.together = together  # type: ignore[attr-defined]
        return proxy

    return mark


def kaiming(network: nn.Module) -> None:
    """Draw all weights from the normal distribution of He et al. (2015), fan-in, for ReLU.

    Biases become 0, norms do nothing but normalize, and running statistics are those of a new
    network. Layers for training alone stay as they are. No parameter requires gradients then.

    Args:
        network: a scratch copy.
    """
    network.requires_grad_(False)
    extra = [getattr(network, name) for name in getattr(network, "training_only", ())]
    unused = {part for module in extra if module is not None for part in module.modules()}
    for module in network.modules():
        if module in unused:
            continue
        if isinstance(module, LAYERS):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, _BatchNorm | nn.GroupNorm | nn.LayerNorm):
            if isinstance(module, _BatchNorm):
                module.reset_running_stats()
            if module.weight is not None:
                nn.init.ones_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def on_noise(network: nn.Module, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return noise from N(0, 1) that requires gradients, and the logits of it.

    Args:
        network: a scratch copy.
        like: examples, which tell the shape; of tokens, noise takes the place of their embeddings.
    """
    if like.is_floating_point():
        noise = torch.randn_like(like).requires_grad_(True)
        return noise, logits(network, noise)
    drawn: list[Tensor] = []

    def replace(output: Tensor) -> Tensor:
        drawn.append(torch.randn_like(output).requires_grad_(True))
        return drawn[-1]

    on_embeddings(network, replace)
    out = logits(network, like)
    return (drawn[0] if drawn else out), out
