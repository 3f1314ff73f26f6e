"""An ensemble of small networks that predict accuracies from encoded architectures."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor


class Ensemble:
    """Feed-forward networks with two hidden layers, trained side by side in one batch.

    Shapes: ``m`` members, ``n`` architectures, ``d`` features.

    Args:
        members: how many networks.
        features: ``d``.
        generator: of the initial weights; the members differ by them alone.
        hidden: width of the hidden layers.
    """

    def __init__(
        self, members: int, features: int, generator: torch.Generator, hidden: int = 64
    ) -> None:
        sizes = (features, hidden, hidden, 1)
        self._layers: list[Tensor] = []
        for c_in, c_out in pairwise(sizes):
            bound = math.sqrt(6 / c_in)  # He's uniform initialisation
            weight = torch.rand(members, c_in, c_out, generator=generator) * 2 * bound - bound
            bias = torch.zeros(members, 1, c_out)
            self._layers += [weight.requires_grad_(), bias.requires_grad_()]
        self._mean = self._std = torch.zeros(())

    def fit(self, x_nd: Tensor, y_n: Tensor, steps: int = 150, lr: float = 0.01) -> None:
        """Minimise the mean absolute error by Adam on all architectures at once.

        Args:
            x_nd: encoded architectures, float32.
            y_n: their accuracies, float32.
            steps: of Adam.
            lr: its learning rate, falling to 0 along a cosine.
        """
        self._mean, self._std = y_n.mean(), y_n.std(correction=0).clamp_min(1e-6)
        target = (y_n - self._mean) / self._std
        optimizer = torch.optim.Adam(self._layers, lr, fused=True)
        for step in range(steps):
            optimizer.param_groups[0]["lr"] = lr * (1 + math.cos(math.pi * step / steps)) / 2
            loss = (self._forward(x_nd) - target).abs().mean()
            gradients = torch.autograd.grad(loss * len(self._layers[0]), self._layers)
            for weight, gradient in zip(self._layers, gradients, strict=True):
                weight.grad = gradient
            optimizer.step()

    @torch.no_grad()
    def predict(self, x_nd: Tensor) -> Tensor:
        """Return every member's prediction, shape ``(m, n)``, in the accuracies' unit."""
        return self._forward(x_nd) * self._std + self._mean

    def _forward(self, x_nd: Tensor) -> Tensor:
        weights, biases = self._layers[::2], self._layers[1::2]
        x_mnd = x_nd.expand(len(weights[0]), *x_nd.shape)
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x_mnd = torch.baddbmm(bias, x_mnd, weight).relu()
        return torch.baddbmm(biases[-1], x_mnd, weights[-1]).squeeze(-1)
