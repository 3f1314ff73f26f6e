"""Zen-score (Lin et al., "Zen-NAS", ICCV 2021), algorithm 1.

All weights are drawn from N(0, 1). Score: ``log E||f(x) - f(x + a e)|| + sum over BN layers of
log sqrt(mean over channels of the variance that the layer normalises by)``, with x and e noise
from N(0, 1), ``a = 0.01``, and f the last feature map before the global pooling. Needs the batch's
shape; neither its images nor labels. Larger is better: more complex functions.

The paper takes shortcuts out of its own networks first. Cells have nothing else, so they stay.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.pooling import _AdaptiveAvgPoolNd

from nasbench.proxies.base import LAYERS, finite, logits, scratch

STEP = 0.01


def score(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the Zen-score."""
    with scratch(network) as made, torch.no_grad():
        _redraw(made)
        stream = torch.Generator().manual_seed(0)
        x, e = torch.randn((2, *images.shape), generator=stream).to(images)
        watch = _Watch(made)
        before = watch.features(x)
        scale = watch.log_scale
        after = watch.features(x + STEP * e)
        change = (after - before).flatten(1).norm(dim=1).mean()
        return finite(change.log() + scale)


class _Watch:
    """Keeps the last feature map and the scales of BN of every pass.

    Attributes:
        log_scale: the sum of the second term, of the last pass.
    """

    def __init__(self, network: nn.Module) -> None:
        self.log_scale = 0.0
        self._network = network
        self._last: Tensor | None = None
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                module.register_forward_pre_hook(self._scale)
            if not any(True for _ in module.children()):
                module.register_forward_hook(self._keep)

    def features(self, x: Tensor) -> Tensor:
        """Return the last feature map ``(B, C, H, W)``, the logits where there is none."""
        self.log_scale, self._last = 0.0, None
        out = logits(self._network, x)
        return out if self._last is None else self._last

    def _scale(self, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        over = [d for d in range(inputs[0].dim()) if d != 1]
        self.log_scale += 0.5 * float(inputs[0].var(over, correction=0).mean().log())

    def _keep(self, module: nn.Module, _: Any, out: Any) -> None:
        pools = isinstance(module, _AdaptiveAvgPoolNd)
        if isinstance(out, Tensor) and out.dim() == 4 and not pools:
            self._last = out


def _redraw(network: nn.Module) -> None:
    """Draw all weights from N(0, 1); biases are 0, and BN scales nothing."""
    for module in network.modules():
        if isinstance(module, LAYERS):
            module.weight.normal_()
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, _BatchNorm) and module.affine:
            module.weight.fill_(1)
            module.bias.zero_()
