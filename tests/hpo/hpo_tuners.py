"""What the tests of tuners share: all of them by name, a space with every type, and a score."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

from nasbench.hpo.space import ParameterSpace
from nasbench.hpo.tuners.base import Tuner
from nasbench.hpo.tuners.grid import GridTuner
from nasbench.hpo.tuners.nni import (
    EvolutionTuner,
    NniGridTuner,
    NniRandomTuner,
    NniTpeTuner,
    PbtTuner,
)
from nasbench.hpo.tuners.optuna import CmaEsTuner, GpTuner, QmcTuner, TpeTuner
from nasbench.hpo.tuners.random import RandomTuner

# Name -> class and options that bring the model into play within 25 trials.
TUNERS: dict[str, tuple[type[Tuner], dict[str, Any]]] = {
    "random": (RandomTuner, {}),
    "grid": (GridTuner, {"points": 3}),
    "nni-tpe": (NniTpeTuner, {"n_startup_jobs": 6}),
    "nni-random": (NniRandomTuner, {}),
    "nni-grid": (NniGridTuner, {}),
    "evolution": (EvolutionTuner, {"population_size": 6}),
    "pbt": (PbtTuner, {"population_size": 6}),
    "tpe": (TpeTuner, {"n_startup_trials": 6}),
    "gp": (GpTuner, {"n_startup_trials": 20}),
    "cma-es": (CmaEsTuner, {}),
    "qmc": (QmcTuner, {}),
}
EVERY_TYPE = {
    "lr": {"_type": "loguniform", "_value": [1e-4, 0.1]},
    "opt": {"_type": "choice", "_value": ["sgd", None, [1, 2], 1, 1.0, True]},
    "fixed": {"_type": "choice", "_value": ["only"]},
    "drop": {"_type": "uniform", "_value": [0, 0.5]},
    "share": {"_type": "quniform", "_value": [0.1, 1.0, 0.3]},
    "width": {"_type": "qloguniform", "_value": [1, 100, 7]},
    "noise": {"_type": "normal", "_value": [0, 2]},
    "shift": {"_type": "qnormal", "_value": [0, 2, 0.5]},
    "scale": {"_type": "lognormal", "_value": [0, 1]},
    "steps": {"_type": "qlognormal", "_value": [0, 1, 1]},
    "depth": {"_type": "randint", "_value": [2, 7]},
}
NESTED = {
    **EVERY_TYPE,
    "layer": {
        "_type": "choice",
        "_value": [
            {"_name": "none"},
            {
                "_name": "conv",
                "kernel": {"_type": "choice", "_value": [3, 5]},
                "act": {
                    "_type": "choice",
                    "_value": [
                        {"_name": "relu"},
                        {"_name": "leaky", "slope": {"_type": "uniform", "_value": [0, 1]}},
                    ],
                },
            },
        ],
    },
}


def space_for(name: str) -> ParameterSpace:
    """The richest space that the tuner takes."""
    return ParameterSpace.of(EVERY_TYPE if TUNERS[name][0].needs_flat else NESTED)


def make(name: str, space: ParameterSpace, seed: int = 3, maximize: bool = True) -> Tuner:
    cls, options = TUNERS[name]
    return cls(space, cls.Options(**options), seed, maximize)


def score(params: dict[str, Any]) -> float:
    """Best at lr = 0.01 and depth 4."""
    return -abs(math.log10(params["lr"]) + 2) - 0.1 * abs(params["depth"] - 4)


def course(name: str, seed: int, trials: int = 25) -> list[Any]:
    """What a tuner suggests with two trials at a time, of which one in seven fails."""
    tuner = make(name, space_for(name), seed)
    found, running = [], []
    for number in range(trials):
        params = tuner.suggest(number)
        if params is None:  # it waits for the last trial of a generation
            _finish(tuner, *running.pop(0))
            params = tuner.suggest(number)
        found.append([params, tuner.parent(number)])
        running.append((number, params))
        if len(running) == 2:
            _finish(tuner, *running.pop(0))
    return found


def _finish(tuner: Tuner, number: int, params: dict[str, Any]) -> None:
    if number % 7 == 3:
        tuner.fail(number, params)
    else:
        tuner.learn(number, params, score(params))


if __name__ == "__main__":  # in a process of its own
    sys.stdout.write(json.dumps({name: course(name, 5) for name in TUNERS}))
