"""Random search (Bergstra and Bengio, JMLR 2012)."""

from __future__ import annotations

from typing import Any

import numpy as np

from nasbench.hpo.parameters import text_of
from nasbench.hpo.space import ParameterSpace, Params
from nasbench.hpo.tuners.base import Tuner
from nasbench.seeding import derive

_TRIES = 1000  # repeated points in a row after which the space counts as exhausted


class RandomTuner(Tuner):
    """Draws from the parameters' distributions, no point twice."""

    def __init__(
        self, space: ParameterSpace, options: Any, seed: int, maximize: bool = True
    ) -> None:
        super().__init__(space, options, seed, maximize)
        self._rng = np.random.default_rng(derive(seed, "random"))
        self._seen = set[str]()

    def suggest(self, number: int) -> Params | None:
        """Return a new point; ``None`` if only known ones are drawn."""
        for _ in range(_TRIES):
            params = self.space.sample(self._rng)
            text = text_of(params)
            if text not in self._seen:
                self._seen.add(text)
                return params
        self.exhausted = True
        return None
