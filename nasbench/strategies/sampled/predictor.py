"""An ensemble of small networks that predict accuracies from encoded architectures.

It is written on numpy: for networks this small torch takes several times as long.
Shapes: ``m`` members, ``n`` architectures, ``b`` of them in a batch, ``d`` features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

BETAS = 0.9, 0.99  # of Adam


class Ensemble:
    """Feed-forward networks with two hidden layers of ReLU, trained side by side.

    Args:
        members: how many networks, ``m``.
        features: ``d``.
        stream: of the initial weights and of the batches, by which the members differ.
        hidden: width of the hidden layers.
    """

    def __init__(
        self, members: int, features: int, stream: np.random.Generator, hidden: int = 32
    ) -> None:
        self._stream = stream
        sizes = pairwise((features, hidden, hidden, 1))
        shapes = [shape for c_in, c in sizes for shape in ((members, c_in, c), (members, 1, c))]
        self.parameters = np.zeros(sum(map(math.prod, shapes)), dtype=np.float32)
        self._gradient = np.zeros_like(self.parameters)
        self._layers = _views(self.parameters, shapes)
        self._layer_gradients = _views(self._gradient, shapes)
        for weight in self._layers[::2]:
            weight[:] = stream.normal(0, math.sqrt(2 / weight.shape[1]), weight.shape)  # He et al.
        self._mean, self._std = 0.0, 1.0

    def fit(
        self, x_nd: Floats, y_n: Floats, steps: int = 200, lr: float = 0.01, batch: int = 32
    ) -> None:
        """Minimise the mean absolute error by Adam.

        Args:
            x_nd: encoded architectures.
            y_n: their accuracies.
            steps: of Adam, each on another batch for each member.
            lr: its learning rate, falling to 0 along a cosine.
            batch: architectures in a batch, drawn with replacement.
        """
        self._mean, self._std = float(y_n.mean()), max(float(y_n.std()), 1e-6)
        target = ((y_n - self._mean) / self._std).astype(np.float32)
        members = len(self._layers[0])
        first, second = np.zeros_like(self.parameters), np.zeros_like(self.parameters)
        for step in range(1, steps + 1):
            drawn = self._stream.integers(len(x_nd), size=(members, min(batch, len(x_nd))))
            gradient = self.gradient(x_nd[drawn], target[drawn])
            first += (1 - BETAS[0]) * (gradient - first)
            second += (1 - BETAS[1]) * (gradient**2 - second)
            rate = lr * (1 + math.cos(math.pi * (step - 1) / steps)) / 2 / (1 - BETAS[0] ** step)
            size = np.sqrt(second / np.float32(1 - BETAS[1] ** step)) + np.float32(1e-8)
            self.parameters -= np.float32(rate) * first / size

    def predict(self, x_nd: Floats) -> Floats:
        """Return every member's prediction, shape ``(m, n)``, in the accuracies' unit."""
        return self._forward(x_nd)[-1][..., 0] * np.float32(self._std) + np.float32(self._mean)

    def gradient(self, x_mbd: Floats, y_mb: Floats) -> Floats:
        """Return the gradient of the sum of the members' mean absolute errors.

        It has the shape of ``parameters`` and is overwritten by the next call.
        """
        values = self._forward(x_mbd)
        back = np.sign(values[-1] - y_mb[..., None]) / np.float32(y_mb.shape[-1])
        for layer in reversed(range(len(values) - 1)):
            weight, into = self._layers[2 * layer], self._layer_gradients[2 * layer :]
            np.matmul(values[layer].swapaxes(-1, -2), back, out=into[0])
            np.sum(back, axis=-2, keepdims=True, out=into[1])
            if layer:
                back = (back @ weight.swapaxes(-1, -2)) * (values[layer] > 0)
        return self._gradient

    def _forward(self, x: Floats) -> list[Floats]:
        """Return the input, the values of the hidden layers, and the outputs."""
        values = [x]
        for layer in range(0, len(self._layers), 2):
            value = values[-1] @ self._layers[layer]
            value += self._layers[layer + 1]
            if layer + 2 < len(self._layers):
                np.maximum(value, 0, out=value)
            values.append(value)
        return values


def _views(flat: Floats, shapes: Sequence[tuple[int, ...]]) -> list[Floats]:
    """Return consecutive parts of ``flat`` in these shapes; to write to them writes to it."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]
