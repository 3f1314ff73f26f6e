"""The ensembles of BANANAS: small networks, trained side by side (White et al., AAAI 2021).

They are written in numpy: for networks this small, torch takes several times as long.
Shapes: ``m`` members, ``n`` architectures, ``b`` of them in a batch, ``d`` features.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from nasbench.errors import UserError
from nasbench.space import Arch, Domains
from nasbench.strategies.predictors import base
from nasbench.strategies.predictors.base import Encoding, Predictor
from nasbench.strategies.predictors.features import NOTHING

_EDGE = re.compile(r"edge_(\d+)_(\d+)")  # to, from


class PathEncoding:
    """One feature for each sequence of operations along a path from the first node to the last.

    Args:
        domains: decisions with labels ``edge_TO_FROM``, nodes counted from 0.

    Raises:
        UserError: a label has another form.
    """

    def __init__(self, domains: Domains) -> None:
        edges = {label: _EDGE.fullmatch(label) for label in domains}
        other = next((label for label, match in edges.items() if match is None), None)
        if other is not None:
            raise UserError(
                f"-o encoding=path: the label {other!r} is no edge of a cell: allowed: one-hot"
            )
        self._labels = {
            (int(match[2]), int(match[1])): label for label, match in edges.items() if match
        }
        last = max(to for _, to in self._labels)
        self._paths = list(self._walk(0, last, (0,)))
        operations = {
            label: [option for option in domain.options if option != NOTHING]
            for label, domain in domains.items()
        }
        sequences = (
            (path, along)
            for path in self._paths
            for along in product(*(operations[edge] for edge in path))
        )
        self._index = {key: number for number, key in enumerate(sequences)}

    def __call__(self, arch: Arch) -> npt.NDArray[np.float32]:
        """Return ``arch`` as a vector of 0 and 1, shape ``(sequences,)``."""
        encoded = np.zeros(len(self._index), dtype=np.float32)
        for path in self._paths:
            number = self._index.get((path, tuple(arch[label] for label in path)))
            if number is not None:
                encoded[number] = 1
        return encoded

    def _walk(self, node: int, last: int, nodes: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
        """Yield the labels along every path from ``node`` to ``last``."""
        if node == last:
            yield tuple(self._labels[edge] for edge in pairwise(nodes))
            return
        for source, to in self._labels:
            if source == node:
                yield from self._walk(to, last, (*nodes, to))


Floats = npt.NDArray[np.float32]

Batch = tuple[npt.NDArray[np.int64], float]  # numbers ``(m, b)`` and a share of the learning rate

BETAS = 0.9, 0.99  # of Adam
PAPER_HIDDEN, PAPER_EPOCHS = (20,) * 10, 150  # appendix of the paper, and its code


class Ensemble:
    """Feed-forward networks with hidden layers of ReLU, trained side by side.

    Args:
        members: the number of networks, ``m``.
        features: the number of features, ``d``.
        stream: draws the initial weights and the batches, in which the members differ.
        hidden: the width of each hidden layer.
    """

    def __init__(
        self,
        members: int,
        features: int,
        stream: np.random.Generator,
        hidden: Sequence[int] = (32, 32),
    ) -> None:
        self._stream = stream
        sizes = pairwise((features, *hidden, 1))
        shapes = [shape for c_in, c in sizes for shape in ((members, c_in, c), (members, 1, c))]
        self.parameters = np.zeros(sum(map(math.prod, shapes)), dtype=np.float32)
        self._gradient = np.zeros_like(self.parameters)
        self._layers = _views(self.parameters, shapes)
        self._layer_gradients = _views(self._gradient, shapes)
        for weight in self._layers[::2]:
            weight[:] = stream.normal(0, math.sqrt(2 / weight.shape[1]), weight.shape)  # He et al.
        self._mean, self._std = 0.0, 1.0

    def fit(
        self,
        x_nd: Floats,
        y_n: npt.NDArray[np.floating],
        steps: int = 200,
        epochs: int = 0,
        lr: float = 0.01,
        batch: int = 32,
    ) -> None:
        """Minimise the mean absolute error by Adam.

        Args:
            x_nd: encoded architectures.
            y_n: their accuracies.
            steps: steps of Adam, each on another batch for each member, drawn with replacement;
                the learning rate falls to 0 along a cosine.
            epochs: if above 0, passes over all architectures at a constant learning rate instead.
            lr: the learning rate, above 0.
            batch: architectures in a batch.
        """
        self._mean, self._std = float(y_n.mean()), max(float(y_n.std()), 1e-6)
        target = ((y_n - self._mean) / self._std).astype(np.float32)
        first, second = np.zeros_like(self.parameters), np.zeros_like(self.parameters)
        n = len(x_nd)
        batches = self._passes(n, epochs, batch) if epochs else self._draws(n, steps, batch)
        for step, (drawn, share) in enumerate(batches, start=1):
            gradient = self.gradient(x_nd[drawn], target[drawn])
            first += (1 - BETAS[0]) * (gradient - first)
            second += (1 - BETAS[1]) * (gradient**2 - second)
            rate = lr * share / (1 - BETAS[0] ** step)
            size = np.sqrt(second / np.float32(1 - BETAS[1] ** step)) + np.float32(1e-8)
            self.parameters -= np.float32(rate) * first / size

    def _draws(self, n: int, steps: int, batch: int) -> Iterator[Batch]:
        """Yield random batches of ``n`` architectures under a cosine."""
        members = len(self._layers[0])
        for step in range(steps):
            drawn = self._stream.integers(n, size=(members, min(batch, n)))
            yield drawn, (1 + math.cos(math.pi * step / steps)) / 2

    def _passes(self, n: int, epochs: int, batch: int) -> Iterator[Batch]:
        """Yield batches that take each of ``n`` architectures once in an epoch."""
        members = len(self._layers[0])
        for _ in range(epochs):
            order = np.stack([self._stream.permutation(n) for _ in range(members)])
            for start in range(0, n, batch):
                yield order[:, start : start + batch], 1.0

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
    """Return views of consecutive parts of ``flat`` in the given shapes."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])[:-1]
    return [part.reshape(shape) for part, shape in zip(np.split(flat, ends), shapes, strict=True)]


class SmallNetworks(Predictor):
    """An ensemble of networks with two hidden layers of 32, each trained for 200 steps.

    Args:
        encoding: turns architectures into vectors.
        seed: draws the initial weights and the batches.
        members: the number of networks.

    Attributes:
        hidden: the width of each hidden layer.
        epochs: passes over all architectures; 0 for 200 steps.
    """

    fewest = 1
    on_ranks = False
    hidden: ClassVar[tuple[int, ...]] = (32, 32)
    epochs: ClassVar[int] = 0

    def __init__(self, encoding: Encoding, seed: int, members: int = 5) -> None:
        super().__init__(encoding, seed)
        self.members = members
        self.ensemble: Ensemble | None = None

    def fit(self, archs: Sequence[Arch], scores: base.Floats) -> None:
        """Train the networks."""
        self.check(archs)
        x, stream = self.encoding.encoded(archs), np.random.default_rng(self.seed)
        self.ensemble = Ensemble(self.members, x.shape[1], stream, self.hidden)
        self.ensemble.fit(x, scores, epochs=self.epochs)

    def predict(self, archs: Sequence[Arch]) -> tuple[base.Floats, base.Floats]:
        """Return mean and spread of the networks."""
        assert self.ensemble is not None
        every = self.ensemble.predict(self.encoding.encoded(archs))
        return every.mean(axis=0), every.std(axis=0)


class PaperNetworks(SmallNetworks):
    """An ensemble of networks with ten hidden layers of 20, each trained for 150 epochs."""

    hidden = PAPER_HIDDEN
    epochs = PAPER_EPOCHS
