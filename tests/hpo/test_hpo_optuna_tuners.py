"""optuna's samplers behind our interface."""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np
import optuna
import pytest
from hpo_tuners import make

from nasbench.catalog import resolve
from nasbench.errors import UserError
from nasbench.hpo.space import ParameterSpace
from nasbench.hpo.tuners.optuna import QmcOptions, QmcTuner, TpeTuner
from nasbench.testing.tuners import score

UNIT = {"x": {"_type": "uniform", "_value": [0, 1]}, "y": {"_type": "uniform", "_value": [0, 1]}}
CHOICES = {
    "a": {"_type": "choice", "_value": list("abcd")},
    "b": {"_type": "randint", "_value": [0, 5]},
}


def test_tpe_is_that_of_optuna():
    tuner = make("tpe", ParameterSpace.of({**UNIT, **CHOICES}), seed=9)
    assert isinstance(tuner, TpeTuner)
    study = optuna.create_study(
        direction="maximize", sampler=optuna.samplers.TPESampler(n_startup_trials=6, seed=9)
    )
    for number in range(20):
        trial = study.ask()
        theirs = {name: trial.suggest_float(name, 0, 1) for name in "xy"}
        theirs["a"] = "abcd"[trial.suggest_categorical("a", range(4))]
        theirs["b"] = trial.suggest_int("b", 0, 4)
        params = tuner.suggest(number)
        assert params == theirs
        tuner.learn(number, params, params["x"] - params["y"])
        study.tell(trial, params["x"] - params["y"])


@pytest.mark.parametrize("sequence", ["sobol", "halton"])
def test_qmc_fills_the_square_evenly(sequence):
    """Of 64 points of a (0, 2)-sequence each of 16 cells gets four; by chance some get none."""
    tuner = QmcTuner(ParameterSpace.of(UNIT), QmcOptions(sequence), 0)
    cells = Counter[tuple[int, int]]()
    for number in range(65):
        params = tuner.suggest(number)
        tuner.learn(number, params, 0.0)
        if number > 0:  # optuna draws the first one at random
            cells[int(4 * params["x"]), int(4 * params["y"])] += 1
    assert min(cells.values()) >= 3
    assert len(cells) == 16


@pytest.mark.parametrize("name", ["tpe", "gp"])
def test_no_point_is_tried_twice_while_others_are_left(name):
    tuner, seen = make(name, ParameterSpace.of(CHOICES)), set()
    for number in range(12):
        params = tuner.suggest(number)
        seen.add(tuple(params.values()))
        tuner.learn(number, params, float(params["b"]))
    assert len(seen) == 12


def test_cma_es_learns_choices():
    """optuna would draw options at random; on a line from 0 to 1 they are learned."""
    options = {n: {"_type": "choice", "_value": list(range(6))} for n in "abcdefgh"}
    tuner, sums = make("cma-es", ParameterSpace.of(options), 0), []
    for number in range(150):
        params = tuner.suggest(number)
        sums.append(sum(params.values()))
        tuner.learn(number, params, float(sums[-1]))
    assert np.mean(sums[:20]) == pytest.approx(20, abs=3)
    assert np.mean(sums[-20:]) > 30


def test_a_failed_point_teaches_nothing():
    def last(fails: bool) -> dict:
        tuner = make("tpe", ParameterSpace.of(UNIT), 1)
        for number in range(15):
            params = tuner.suggest(number)
            if number == 14 and fails:
                tuner.fail(number, params)
            elif number < 14:
                tuner.learn(number, params, score({"lr": 0.01 + params["x"], "depth": 4}))
        return tuner._study.get_trials()[-1].state

    assert last(True) == optuna.trial.TrialState.FAIL
    assert last(False) == optuna.trial.TrialState.RUNNING


@pytest.mark.parametrize("name", ["tpe", "cma-es"])
def test_without_the_package_one_line_says_what_to_install(name, monkeypatch):
    missing = {"tpe": "optuna", "cma-es": "cmaes"}[name]
    monkeypatch.setitem(sys.modules, missing, None)
    line = f"the tuner {resolve('tuner', name).__name__} needs the package {missing}.* pip install"
    with pytest.raises(UserError, match=f"{line} {missing}"):
        make(name, ParameterSpace.of(UNIT))
