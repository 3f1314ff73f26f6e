"""Zen-score (Lin et al., "Zen-NAS", ICCV 2021), algorithm 1.

All weights are drawn from N(0, 1). Score: ``log E|f(x) - f(x + a e)| + sum over BN layers of
log sqrt(mean over channels of the running variance after both passes)``, with x and e noise from
N(0, 1), ``a = 0.01``, and f the last feature map before the global pooling. Needs the batch's
shape; neither its images nor labels. Larger is better: more complex functions.

This is what the authors' code computes, and so do published tables. The paper has the Euclidean
norm, and the variance that BN normalizes by; running variances start at 1 and have moved a fifth
of the way to it, so every BN layer lowers the score.

The paper removes the shortcuts of its networks first. Cells consist of them, so they stay.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd

from nasbench.proxies.base import LAYERS, finite, logits, on_embeddings, scratch

STEP = 0.01
MOMENTUM = 0.1  # of BN


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the Zen-score."""
    with scratch(network) as made, torch.no_grad():
        _redraw(made)
        last = _LastMap(made, max(3, images.dim()))
        if images.is_floating_point():
            x, e = _noise(images)
            apart = last.of(x) - last.of(x + STEP * e)
        else:  # noise in the place of the tokens' embeddings
            step = torch.zeros((), device=images.device)
            on_embeddings(made, lambda output: _moved(output, step))
            before = last.of(images)
            step.fill_(STEP)
            apart = before - last.of(images)
        change = apart.flatten(1).abs().sum(1).mean()
        norms = [module for module in made.modules() if isinstance(module, _BatchNorm)]
        variances = [norm.running_var for norm in norms if norm.running_var is not None]
        scale = sum(0.5 * float(variance.mean().log()) for variance in variances)
        return finite(change.log() + scale)


def _noise(like: Tensor) -> Tensor:
    """Return x and e, shape ``(2, *shape of like)``."""
    stream = torch.Generator().manual_seed(0)
    drawn: Tensor = torch.randn((2, *like.shape), generator=stream).to(like)
    return drawn


def _moved(like: Tensor, step: Tensor) -> Tensor:
    """Return ``x + step * e`` of the shape of ``like``."""
    x, e = _noise(like)
    moved: Tensor = x + step * e
    return moved


class _LastMap:
    """Keeps the last feature map of a pass."""

    def __init__(self, network: nn.Module, dimensions: int) -> None:
        self._network = network
        self._dimensions = dimensions
        self._last: Tensor | None = None
        for module in network.modules():
            if not any(True for _ in module.children()):
                module.register_forward_hook(self._keep)

    def of(self, x: Tensor) -> Tensor:
        """Return the last feature map ``(B, C, ...)``, or the logits if there is none."""
        self._last = None
        out = logits(self._network, x)
        return out if self._last is None else self._last

    def _keep(self, module: nn.Module, _: Any, out: Any) -> None:
        pools = isinstance(module, _AdaptiveAvgPoolNd)
        if isinstance(out, Tensor) and out.dim() == self._dimensions and not pools:
            self._last = out


def _redraw(network: nn.Module) -> None:
    """Draw all weights from N(0, 1), set biases to 0, and reset BN."""
    for module in network.modules():
        if isinstance(module, LAYERS):
            module.weight.normal_()
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, _BatchNorm):
            module.momentum = MOMENTUM
            module.reset_running_stats()
            if module.affine:
                module.weight.fill_(1)
                module.bias.zero_()
