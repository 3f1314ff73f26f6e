"""BANANAS: an ensemble predicts, Thompson sampling chooses (White et al., AAAI 2021).

The predictors are written in numpy: for networks this small, torch takes several times as long.
Shapes: ``m`` members, ``n`` architectures, ``b`` of them in a batch, ``d`` features.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt

from nasbench.errors import UserError
from nasbench.options import PluginOptions, option
from nasbench.seeding import derive
from nasbench.space import Arch, Domains
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext, SequentialStrategy
from nasbench.strategies.sampled.proxy_scores import ProxyFeatures, ProxyScores

_EDGE = re.compile(r"edge_(\d+)_(\d+)")  # to, from
NOTHING = "none"  # the operation of an absent edge


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
        y_n: Floats,
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


@dataclass(frozen=True)
class BananasOptions(PluginOptions):
    """Options of ``bananas``."""

    initial: int = option(10, "Random architectures before the first prediction.", low=1)
    refit: int = option(10, "New results after which the ensemble is trained again.", low=1)
    ensemble: int = option(5, "Predictors in the ensemble.", low=1)
    predictor: str = option(
        "small",
        "Predictors: two hidden layers of 32 and 200 steps, or the paper's ten of 20 and 150 "
        "epochs, which take several times as long.",
        allowed=("small", "paper"),
    )
    parents: int = option(10, "Best results whose mutations are candidates.", low=1)
    candidates: int = option(100, "Mutations among the candidates.", low=1)
    random: int = option(30, "Uniform draws among the candidates.", low=0)
    encoding: str = option(
        "one-hot",
        "Encoding of an architecture; path lists the operations on each way from the cell's input "
        "to its output, for spaces with labels edge_TO_FROM.",
        allowed=("one-hot", "path"),
    )
    proxies: str = option(
        "",
        "Zero-cost proxies, separated by commas, whose standardised scores are appended to the "
        "encoding; every candidate is scored.",
    )


class BananasStrategy(SequentialStrategy):
    """Proposes the mutation of a good architecture whose sampled prediction is the best.

    Each candidate's accuracy is drawn from a normal distribution with the ensemble's mean and
    standard deviation, independently of the others (independent Thompson sampling).

    Raises:
        UserError: ``encoding`` is ``path``, and the space has no such encoding.
    """

    Options = BananasOptions

    def __init__(self, domains: Domains, options: BananasOptions, context: SampledContext) -> None:
        super().__init__(domains, options, context)
        self._encode: Callable[[Arch], Floats] = domains.encode
        if options.encoding == "path":
            self._encode = PathEncoding(domains)
        named = options.proxies
        self._features = ProxyFeatures(ProxyScores("proxies", named, context)) if named else None
        self._fitted: tuple[int, Ensemble] | None = None

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self._fitted = None
        super().load_state_dict(state)

    def candidate(self, pending: Sequence[Proposal], stream: np.random.Generator) -> Arch:
        """Return a random architecture at first, then that of the best sampled prediction."""
        good = [result for result in self.results if not result.failed]
        if len(good) < self.options.initial or self.domains.size == 1:
            return self.domains.sample(stream)
        candidates = self._candidates(good, stream, self.known(pending))
        if not candidates:
            return self.domains.sample(stream)
        ensemble = self._ensemble(good)  # first, since it fits the standardisation of the scores
        predicted = ensemble.predict(self._encoded(candidates))
        drawn = stream.normal(predicted.mean(axis=0), predicted.std(axis=0))
        return candidates[int(drawn.argmax())]

    def _candidates(
        self, good: Sequence[Result], stream: np.random.Generator, known: set[Arch]
    ) -> list[Arch]:
        """Return new mutations and draws that keep the limits, in a fixed order."""
        options, domains = self.options, self.domains
        best = sorted(good, key=lambda result: -result.score)[: options.parents]
        parents = (best[number % len(best)].arch for number in range(options.candidates))
        drawn = [domains.mutate(parent, stream) for parent in parents]
        drawn += [domains.sample(stream) for _ in range(options.random)]
        return [arch for arch in dict.fromkeys(drawn) if arch not in known and self.fits(arch)]

    def _ensemble(self, good: Sequence[Result]) -> Ensemble:
        """Return the ensemble, which is trained again after every ``refit`` results."""
        options = self.options
        count = len(good) - (len(good) - options.initial) % options.refit
        if self._fitted is None or self._fitted[0] != count:
            part = good[:count]
            archs = [result.arch for result in part]
            if self._features is not None:
                self._features.fit(archs)
            x = self._encoded(archs)
            # The stream depends only on the count, so a continued search trains the same ensemble.
            stream = np.random.default_rng(derive(self.context.seed, "ensemble", count))
            y = np.array([result.score for result in part])
            if options.predictor == "paper":
                ensemble = Ensemble(options.ensemble, x.shape[1], stream, PAPER_HIDDEN)
                ensemble.fit(x, y, epochs=PAPER_EPOCHS)
            else:
                ensemble = Ensemble(options.ensemble, x.shape[1], stream)
                ensemble.fit(x, y)
            self._fitted = (count, ensemble)
        return self._fitted[1]

    def _encoded(self, archs: Sequence[Arch]) -> Floats:
        encoded = np.stack([self._encode(arch) for arch in archs])
        if self._features is None:
            return encoded
        return np.concatenate([encoded, self._features(archs)], axis=1)
