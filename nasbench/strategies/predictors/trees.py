"""Gradient-boosted trees on decisions and features of graphs, several times over resamples.

Friedman, "Greedy Function Approximation: A Gradient Boosting Machine", Annals of Statistics 29,
2001, and "Stochastic Gradient Boosting", 2002, by scikit-learn. Each of a few ensembles is fitted
to another bootstrap resample, and their spread is the deviation (Breiman, "Bagging Predictors",
1996).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nasbench.optional import require
from nasbench.space import Arch
from nasbench.strategies.predictors.base import Encoding, Floats, Predictor

MEMBERS, TREES, DEPTH, RATE = 5, 60, 4, 0.1
SHARE = 0.3  # of the features, tried at each split: many of them are alike


class BoostedTrees(Predictor):
    """The mean and the spread of ensembles of boosted trees."""

    def __init__(self, encoding: Encoding, seed: int) -> None:
        super().__init__(encoding, seed)
        self._members: list[Any] = []

    def fit(self, archs: Sequence[Arch], scores: Floats) -> None:
        """Fit each ensemble to a resample."""
        self.check(archs)
        kind = require("sklearn.ensemble", "the predictor trees", "scikit-learn")
        stream = np.random.default_rng(self.seed)
        x = self.encoding.features(archs).astype(np.float32)
        self._members = []
        for _ in range(MEMBERS):
            rows = stream.integers(len(x), size=len(x))
            made = kind.GradientBoostingRegressor(
                n_estimators=TREES,
                learning_rate=RATE,
                max_depth=DEPTH,
                max_features=SHARE,
                random_state=int(stream.integers(2**31)),
            )
            self._members.append(made.fit(x[rows], scores[rows]))

    def predict(self, archs: Sequence[Arch]) -> tuple[Floats, Floats]:
        """Return mean and spread of the ensembles."""
        x = self.encoding.features(archs).astype(np.float32)
        every = np.stack([one.predict(x) for one in self._members])
        return every.mean(axis=0), every.std(axis=0)
