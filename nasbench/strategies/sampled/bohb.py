"""BOHB: hyperband whose architectures are drawn by a model (Falkner et al., ICML 2018).

The model is optuna's tree-structured Parzen estimator, as in ``tpe``.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasbench.options import option
from nasbench.space import Arch, Domains
from nasbench.strategies.sampled.base import SampledContext
from nasbench.strategies.sampled.hyperband import HyperbandOptions, HyperbandStrategy
from nasbench.strategies.sampled.tpe import TpeOptions, TpeStrategy

MODEL_TRIES = 20  # known or too costly draws of the model, after which a uniform one is taken


@dataclass(frozen=True)
class BohbOptions(HyperbandOptions):
    """Options of ``bohb``."""

    startup: int = option(
        0,
        "Results at one length before a model is fitted to them; 0 for the paper's: the number of "
        "decisions and three more.",
        low=0,
    )
    random: float = option(
        1 / 3, "Share of the architectures that are drawn uniformly.", low=0.0, high=1.0
    )


class BohbStrategy(HyperbandStrategy):
    """Runs hyperband's brackets, and draws new architectures from a model of good ones.

    The model is fitted to the results of the longest training that has enough of them.

    Raises:
        UserError: optuna is missing.
    """

    Options = BohbOptions

    def __init__(self, domains: Domains, options: BohbOptions, context: SampledContext) -> None:
        super().__init__(domains, options, context)
        self._least = options.startup or len(domains) + 3
        self._fitted: tuple[tuple[int, int], TpeStrategy] | None = None
        self._tpe()  # which says if optuna is missing

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from :meth:`state_dict`."""
        self._fitted = None
        super().load_state_dict(state)

    def draw(self, stream: np.random.Generator, known: AbstractSet[Arch]) -> Arch | None:
        """Return a new architecture that keeps the limits: the model's draw, or a uniform one."""
        model = self._model()
        if model is not None and stream.random() >= self.options.random:
            for _ in range(MODEL_TRIES):
                arch = model.candidate((), stream)
                if arch not in known and self.fits(arch):
                    return arch
        return super().draw(stream, known)

    def _model(self) -> TpeStrategy | None:
        """Return the model of the longest training with enough results, ``None`` if none has."""
        good = [result for result in self.results if not result.failed]
        for length in sorted({result.epochs for result in good}, reverse=True):
            known = [result for result in good if result.epochs == length]
            if len(known) >= self._least:
                if self._fitted is None or self._fitted[0] != (length, len(known)):
                    model = self._tpe()
                    model.update(known)
                    self._fitted = ((length, len(known)), model)
                return self._fitted[1]
        return None

    def _tpe(self) -> TpeStrategy:
        return TpeStrategy(self.domains, TpeOptions(startup=1), self.context)
