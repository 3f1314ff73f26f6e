"""The interface of performance predictors, and how they see an architecture.

Shapes: ``n`` architectures, ``d`` features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from nasbench.errors import UserError
from nasbench.graph import Graph
from nasbench.space import Arch, Domains
from nasbench.strategies.predictors.features import GraphFeatures, operations

Floats = npt.NDArray[np.float64]
Graphs = Callable[[Arch], Sequence[Graph]]
"""Returns the cells of an architecture, such as :meth:`nasbench.space.SearchSpace.graphs`."""

DRAWS = 256  # architectures whose features give their scale


class Encoding:
    """Architectures as vectors, for predictors.

    Args:
        domains: the decisions of the space.
        graphs: returns the cells of an architecture; ``None`` for a space without cells.
        encode: returns an architecture as a vector for networks; by default one-hot.
        more: returns further features, shape ``(n, m)``, such as scores of zero-cost proxies.
    """

    def __init__(
        self,
        domains: Domains,
        graphs: Graphs | None = None,
        encode: Callable[[Arch], npt.NDArray[np.float32]] | None = None,
        more: Callable[[Sequence[Arch]], npt.NDArray[np.floating]] | None = None,
    ) -> None:
        self.domains = domains
        self.graphs = graphs
        self._encode = encode or domains.encode
        self._more = more
        self._operations = operations(domains)
        self._decisions: dict[Arch, Floats] = {}

    def encoded(self, archs: Sequence[Arch]) -> npt.NDArray[np.float32]:
        """Return single-precision vectors of 0 and 1, and what is added, shape ``(n, d)``."""
        encoded = np.stack([self._encode(arch) for arch in archs])
        if self._more is None:
            return encoded
        return np.concatenate([encoded, self._more(archs).astype(np.float32)], axis=1)

    def decisions(self, archs: Sequence[Arch]) -> Floats:
        """Return every decision one-hot, shape ``(n, d)``.

        A decision between numbers, such as widths, has its place among them as one more feature,
        from 0 to 1.
        """
        for arch in archs:
            if arch not in self._decisions:
                places = [self._places[label].get(arch.get(label), 0.0) for label in self._places]
                row = np.concatenate([self.domains.encode(arch), np.array(places)])
                self._decisions[arch] = row.astype(np.float64)
        return np.stack([self._decisions[arch] for arch in archs])

    @cached_property
    def _places(self) -> dict[str, dict[object, float]]:
        found: dict[str, dict[object, float]] = {}
        for label, domain in self.domains.items():
            options = domain.options
            if len(options) > 2 and all(type(one) in (int, float) for one in options):
                ordered = sorted(options, key=float)  # type: ignore[arg-type]
                last = len(ordered) - 1
                found[label] = {one: place / last for place, one in enumerate(ordered)}
        return found

    def cells(self, archs: Sequence[Arch]) -> Floats:
        """Return the features of the cells' graphs, shape ``(n, d)``.

        Raises:
            ValueError: the space has no cells.
        """
        if self.graphs is None:
            raise ValueError("this space has no cells")
        return np.stack([_cells(self.graphs, self._operations, arch) for arch in archs])

    def features(self, archs: Sequence[Arch]) -> Floats:
        """Return all features, unscaled, for trees: decisions, cells, and what is added."""
        parts = [self.decisions(archs), *self._cells(archs), *self._added(archs)]
        return np.concatenate(parts, axis=1)

    def vectors(self, archs: Sequence[Arch]) -> Floats:
        """Return vectors whose distances compare architectures, for kernels; shape ``(n, d)``.

        In a space with cells these are the graphs' features, which say what a cell computes;
        otherwise the decisions. Each feature has unit variance over the space, and the squared
        length of a vector is about 1.
        """
        parts = [*(self._cells(archs) or [self.decisions(archs)]), *self._added(archs)]
        mean, scale = self._scale
        x = np.concatenate(parts, axis=1)
        base = len(mean)
        x[:, :base] = (x[:, :base] - mean) * scale
        if base < x.shape[1]:
            x[:, base:] /= np.sqrt(x.shape[1] - base)
        return x

    @cached_property
    def _scale(self) -> tuple[Floats, Floats]:
        """Mean and factor of each feature, from uniform draws that need no results."""
        drawn = self.domains.sample_distinct(DRAWS, np.random.default_rng(0))
        x = self.cells(drawn) if self.graphs is not None else self.decisions(drawn)
        std = x.std(axis=0)
        varying = std > 1e-9
        scale = np.where(varying, 1 / np.where(varying, std, 1.0), 0.0)
        return x.mean(axis=0), scale / np.sqrt(max(1, int(varying.sum())))

    def _cells(self, archs: Sequence[Arch]) -> list[Floats]:
        return [] if self.graphs is None else [self.cells(archs)]

    def _added(self, archs: Sequence[Arch]) -> list[Floats]:
        return [] if self._more is None else [self._more(archs).astype(np.float64)]


@lru_cache(maxsize=2**15)
def _cells(graphs: Graphs, names: tuple[str, ...], arch: Arch) -> Floats:
    """Return the features of all cells; searches of one process share them."""
    of = _graph_features(names)
    return np.concatenate([of(graph) for graph in graphs(arch)])


@lru_cache(maxsize=8)
def _graph_features(names: tuple[str, ...]) -> GraphFeatures:
    return GraphFeatures(names)


class Predictor(ABC):
    """Learns from architectures and their scores, and predicts the scores of others.

    Example:
        >>> predictor = GaussianProcess(Encoding(domains), seed=0)
        >>> predictor.fit(archs, scores)
        >>> mean, deviation = predictor.predict(others)

    Args:
        encoding: turns architectures into vectors.
        seed: of all that is random: the same architectures, scores and seed give the same
            predictions in every process.

    Attributes:
        fewest: the smallest number of architectures that it can be fitted to.
        on_ranks: whether strategies fit it to :func:`normal_scores` in place of the scores: bad
            networks are far worse than good ones differ, and their distances say nothing about
            the best ones.
    """

    fewest: ClassVar[int] = 3
    on_ranks: ClassVar[bool] = True

    def __init__(self, encoding: Encoding, seed: int) -> None:
        self.encoding = encoding
        self.seed = seed

    @abstractmethod
    def fit(self, archs: Sequence[Arch], scores: Floats) -> None:
        """Learn from architectures and their scores, in place of all learnt before.

        Args:
            archs: at least ``fewest`` of them.
            scores: shape ``(n,)``; larger is better.

        Raises:
            UserError: there are fewer.
        """

    def observe(self, archs: Sequence[Arch], scores: Floats) -> None:  # noqa: B027
        """Take in more results after :meth:`fit`, if that is cheap; by default nothing changes.

        Args:
            archs: all architectures with a score, also those of :meth:`fit`.
            scores: shape ``(n,)``.
        """

    @abstractmethod
    def predict(self, archs: Sequence[Arch]) -> tuple[Floats, Floats]:
        """Return mean and standard deviation of the scores, each of shape ``(n,)``.

        The deviation is that of the network's true score, which :meth:`fit` saw with noise.
        """

    def check(self, archs: Sequence[Arch]) -> None:
        """Raise unless there are enough architectures.

        Raises:
            UserError: there are fewer than ``fewest``.
        """
        if len(archs) < self.fewest:
            raise UserError(
                f"{type(self).__name__}: {len(archs)} architectures: "
                f"a predictor needs at least {self.fewest}"
            )


def normal_scores(scores: Floats) -> Floats:
    """Return the normal quantiles of the scores' ranks (van der Waerden); ties share a rank.

    The middle one becomes 0, and the order stays. Salinas et al., "A Quantile-based Approach for
    Hyperparameter Transfer Learning", ICML 2020, fit Gaussian processes to them.

    Args:
        scores: shape ``(n,)``.
    """
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    return np.asarray(ndtri((ranks - 0.5) / max(1, len(scores))), dtype=np.float64)
