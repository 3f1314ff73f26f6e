"""A Gaussian process on the features of graphs.

Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, algorithm 2.1, with a
Matérn kernel (nu = 5/2) on :meth:`Encoding.vectors`. Lengthscale and noise are those of a grid
with the largest marginal likelihood; the variance of the signal follows in closed form.

Shapes: ``n`` architectures that were fitted, ``k`` others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

from nasbench.space import Arch
from nasbench.strategies.predictors.base import Encoding, Floats, Predictor

LENGTHS = (0.5, 0.8, 1.3, 2.0, 3.2, 5.0)  # the distance of two random architectures is about 1.4
NOISES = (1e-3, 1e-2, 0.03, 0.1, 0.3)  # variance of the noise, as a share of the signal's


class GaussianProcess(Predictor):
    """Predicts the mean and the deviation of a Gaussian process."""

    parameters: Sequence[Any] = LENGTHS
    """Values of the kernel's parameter."""

    def __init__(self, encoding: Encoding, seed: int) -> None:
        super().__init__(encoding, seed)
        self.chosen: tuple[Any, float] = (self.parameters[0], NOISES[0])

    def inputs(self, archs: Sequence[Arch]) -> Any:
        """Return what the kernel compares."""
        return self.encoding.vectors(archs)

    def pairs(self, some: Any, others: Any) -> Any:
        """Return what of each pair does not depend on the kernel's parameter."""
        return squared_distances(some, others)

    def kernel(self, pairs: Any, parameter: Any) -> Floats:
        """Return the covariances of pairs, shape ``(k, n)``, those of equal architectures 1."""
        r = np.sqrt(5 * pairs) / parameter
        return np.asarray((1 + r + r * r / 3) * np.exp(-r))

    def fit(self, archs: Sequence[Arch], scores: Floats) -> None:
        """Choose the kernel's parameter and the noise, and condition on the scores."""
        self.check(archs)
        x = self.inputs(archs)
        pairs, y = self.pairs(x, x), scores - scores.mean()
        best = -np.inf
        for parameter in self.parameters:
            covariance = self.kernel(pairs, parameter)
            for noise in NOISES:
                factor = cholesky(covariance, noise)
                fitted = y @ solve(factor, y) / len(y)
                likelihood = -0.5 * len(y) * np.log(fitted + 1e-300)
                likelihood -= np.log(np.diag(factor)).sum()
                if likelihood > best:
                    best, self.chosen = likelihood, (parameter, noise)
        self._condition(x, self.kernel(pairs, self.chosen[0]), scores)

    def observe(self, archs: Sequence[Arch], scores: Floats) -> None:
        """Condition on all scores, with the parameters of :meth:`fit`."""
        x = self.inputs(archs)
        self._condition(x, self.kernel(self.pairs(x, x), self.chosen[0]), scores)

    def _condition(self, x: Any, covariance: Floats, scores: Floats) -> None:
        self._x, self._offset = x, float(scores.mean())
        y = scores - self._offset
        self._factor = cholesky(covariance, self.chosen[1])
        self._weights = solve(self._factor, y)
        self._signal = max(float(y @ self._weights) / len(y), 1e-300)  # variance

    def predict(self, archs: Sequence[Arch]) -> tuple[Floats, Floats]:
        """Return mean and deviation of the noise-free process."""
        across = self.kernel(self.pairs(self.inputs(archs), self._x), self.chosen[0])
        explained, _ = dtrtrs(self._factor, across.T, lower=1)
        left = np.maximum(1 - (explained * explained).sum(axis=0), 1e-12)
        mean = np.asarray(across @ self._weights + self._offset)
        return mean, np.sqrt(left * self._signal)


def squared_distances(some: Floats, others: Floats) -> Floats:
    """Return the squared Euclidean distances, shape ``(k, n)``."""
    lengths = (some * some).sum(axis=1)[:, None] + (others * others).sum(axis=1)
    return np.asarray(np.maximum(lengths - 2 * some @ others.T, 0.0))


def cholesky(covariance: Floats, noise: float) -> Floats:
    """Return the lower Cholesky factor of ``covariance + noise * I``."""
    matrix = covariance.copy()
    matrix[np.diag_indices(len(matrix))] += noise
    factor, failed = dpotrf(matrix, lower=1)
    if failed:  # equal architectures with hardly any noise
        return cholesky(covariance, max(10 * noise, 1e-8))
    return np.asarray(factor)


def solve(factor: Floats, y: Floats) -> Floats:
    """Return ``A^-1 y`` by the Cholesky factor of ``A``."""
    found, _ = dpotrs(factor, y, lower=1)
    return np.asarray(found)
