"""Tuners by name for the tests, with options that bring the model into play within 25 trials."""

from __future__ import annotations

from typing import Any

from nasbench.catalog import resolve
from nasbench.hpo.space import ParameterSpace
from nasbench.hpo.tuners.base import Tuner

OPTIONS: dict[str, dict[str, Any]] = {
    "nni-tpe": {"n_startup_jobs": 6},
    "tpe": {"n_startup_trials": 6},
    "gp": {"n_startup_trials": 20},
}


def make(name: str, space: ParameterSpace, seed: int = 3, maximize: bool = True) -> Tuner:
    kind: type[Tuner] = resolve("tuner", name)
    return kind(space, kind.Options(**OPTIONS.get(name, {})), seed, maximize)
