"""What every tuner promises."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hpo_tuners import TUNERS, course, make, score, space_for

from nasbench.errors import UserError
from nasbench.hpo.space import ParameterSpace

REPOSITORY = Path(__file__).resolve().parents[2]
RANDOM_AT_FIRST = [name for name in TUNERS if name not in ("grid", "nni-grid")]
LEARNING = ["nni-tpe", "evolution", "tpe", "gp", "cma-es", "pbt"]
FLAT = {
    "lr": {"_type": "loguniform", "_value": [1e-4, 1.0]},
    "depth": {"_type": "randint", "_value": [2, 7]},
}


@pytest.fixture(params=TUNERS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


def test_points_lie_in_the_space_whatever_fails(name):
    space = space_for(name)
    for params, _ in course(name, 0):
        space.check(params)
        assert json.loads(json.dumps(params)) == params


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, list]:
    """What a fresh process suggests."""
    script = Path(__file__).with_name("hpo_tuners.py")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_the_same_calls_give_the_same_trials_in_a_fresh_process(name, elsewhere):
    assert elsewhere[name] == course(name, 5)


@pytest.mark.parametrize("name", RANDOM_AT_FIRST)
def test_another_seed_gives_other_trials(name):
    assert course(name, 1, trials=4) != course(name, 2, trials=4)


def test_the_global_random_state_is_left_alone(name):
    def states() -> tuple:
        return random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002

    before = states()
    course(name, 0)
    assert states() == before


def test_many_trials_at_once(name):
    space = space_for(name)
    tuner = make(name, space)
    running = {number: tuner.suggest(number) for number in range(5)}
    for number, params in reversed(running.items()):
        space.check(params)
        tuner.learn(number, params, score(params))
    params = tuner.suggest(5)
    while params is None:  # the last one of a generation is still to be had
        assert not tuner.exhausted
        params = tuner.suggest(5)
    space.check(params)


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("maximize", [True, False])
def test_learning_tuners_go_where_the_score_is_good(name, maximize):
    """Later trials are better than the same tuner's first ones, by far more than chance."""
    sign, gains = (1 if maximize else -1), []
    trials = 30 if name == "gp" else 60
    for seed in range(1 if name == "gp" else 4):
        tuner = make(name, ParameterSpace.of(FLAT), seed, maximize)
        scores = []
        for number in range(trials):
            params = tuner.suggest(number)
            scores.append(score(params))
            tuner.learn(number, params, sign * scores[-1])
        gains.append(np.mean(scores[-8:]) - np.mean(scores[:6]))
    assert np.mean(gains) > 0.3


def test_failures_only_are_survived(name):
    space = space_for(name)
    tuner = make(name, space)
    for number in range(12):
        params = tuner.suggest(number)
        space.check(params)
        tuner.fail(number, params)
    assert tuner.parent(11) is None


@pytest.mark.parametrize("name", ["random", "grid", "nni-tpe", "nni-random", "nni-grid", "tpe"])
def test_a_small_space_is_exhausted_without_a_repetition(name):
    tuner = make(
        name,
        ParameterSpace.of(
            {
                "a": {"_type": "choice", "_value": ["x", "y", "z"]},
                "b": {"_type": "quniform", "_value": [0, 2, 1]},
            }
        ),
    )
    found = []
    for number in range(9):
        params = tuner.suggest(number)
        found.append((params["a"], params["b"]))
        tuner.learn(number, params, float(number))
    assert set(found) == {(a, b) for a in "xyz" for b in (0.0, 1.0, 2.0)}
    assert tuner.suggest(9) is None
    assert tuner.exhausted


def test_nested_choices_are_refused_by_who_cannot_take_them():
    refusing = [name for name, (cls, _) in TUNERS.items() if cls.needs_flat]
    assert refusing == ["pbt"]
    with pytest.raises(UserError, match="takes flat search spaces only, and the options of layer"):
        make("pbt", space_for("random"))


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("grid", {"points": 0}, "-o points=0: must be at least 1"),
        ("nni-tpe", {"n_startup_jobs": 0}, "-o n_startup_jobs=0: must be at least 1"),
        ("nni-tpe", {"gamma": 0.0}, "-o gamma=0.0: must be at least 0.001"),
        (
            "nni-tpe",
            {"constant_liar_type": "bset"},
            "liar_type 'bset': did you mean best",
        ),
        ("evolution", {"population_size": 1}, "-o population_size=1: must be at least 2"),
        ("pbt", {"population_size": 1}, "-o population_size=1: must be at least 2"),
        ("pbt", {"fraction": 0.6}, "-o fraction=0.6: must be in \\[0, 0.5"),
        ("pbt", {"factor": -0.1}, "-o factor=-0.1: must be in \\[0, 1"),
        ("tpe", {"n_startup_trials": 0}, "-o n_startup_trials=0: must be at least 1"),
        ("cma-es", {"popsize": -1}, "-o popsize=-1: must be at least 0"),
        ("qmc", {"sequence": "sobl"}, "sequence 'sobl': did you mean sobol"),
    ],
)
def test_options_out_of_range_are_refused(name, options, line):
    with pytest.raises(UserError, match=line):
        TUNERS[name][0].Options(**options)


def test_no_torch_at_load():
    """Only optuna's Gaussian process loads it, when it suggests."""
    code = (
        "import sys; sys.path.insert(0, 'tests/hpo'); import hpo_tuners as t\n"
        "for name in t.TUNERS:\n    t.make(name, t.space_for(name)).suggest(0)\n"
        "from nasbench.hpo.assessors import curvefitting, hyperband, medianstop\n"
        "import nasbench.hpo.names\nprint('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")
