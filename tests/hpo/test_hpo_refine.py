"""The second round's space: what the best trials span, and never more."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.hpo.refine import refine
from nasbench.hpo.space import ParameterSpace

SPACE = ParameterSpace.of(
    {
        "lr": {"_type": "loguniform", "_value": [1e-4, 1.0]},
        "batch": {"_type": "quniform", "_value": [16, 128, 16]},
        "depth": {"_type": "randint", "_value": [1, 9]},
        "noise": {"_type": "normal", "_value": [0, 1]},
        "steps": {"_type": "qlognormal", "_value": [0, 1, 1]},
        "opt": {
            "_type": "choice",
            "_value": [
                {"_name": "adam"},
                {"_name": "sgd", "momentum": {"_type": "uniform", "_value": [0, 1]}},
                {"_name": "rms"},
            ],
        },
        "act": {"_type": "choice", "_value": ["relu", "tanh", "elu"]},
    }
)


def trial(lr, batch, depth, noise, steps, opt, act):
    return dict(lr=lr, batch=batch, depth=depth, noise=noise, steps=steps, opt=opt, act=act)


SGD = {"_name": "sgd", "momentum": 0.9}
TRIALS = [
    (trial(0.01, 32.0, 3, -0.5, 1.0, {"_name": "adam"}, "relu"), 0.9),
    (trial(0.1, 64.0, 5, 0.5, 0.0, SGD, "relu"), 0.8),
    (trial(0.03, 32.0, 4, 0.1, 3.0, {**SGD, "momentum": 0.5}, "relu"), 0.7),
    (trial(1e-4, 128.0, 8, 3.0, 9.0, {"_name": "rms"}, "tanh"), 0.1),
    (trial(1.0, 16.0, 1, -3.0, 9.0, {"_name": "rms"}, "elu"), 0.0),
]


def test_the_range_of_the_best():
    assert refine(SPACE, TRIALS, 0.6).content == {
        "lr": {"_type": "loguniform", "_value": [0.01, 0.1]},
        "batch": {"_type": "quniform", "_value": [32, 64, 16]},
        "depth": {"_type": "randint", "_value": [3, 6]},
        "noise": {"_type": "uniform", "_value": [-0.5, 0.5]},
        "steps": {"_type": "quniform", "_value": [0, 3, 1]},  # 0 has no place on a log scale
        "opt": {
            "_type": "choice",
            "_value": [
                {"_name": "adam"},
                {"_name": "sgd", "momentum": {"_type": "uniform", "_value": [0.5, 0.9]}},
            ],
        },
        "act": {"_type": "choice", "_value": ["relu"]},
    }


def test_a_range_of_one_point_becomes_a_choice():
    narrow = refine(SPACE, TRIALS, 0.4).content
    assert narrow["opt"]["_value"][1]["momentum"] == {"_type": "choice", "_value": [0.9]}


def test_minimize_takes_the_smallest():
    narrow = refine(SPACE, TRIALS, 0.4, maximize=False).content
    assert narrow["depth"] == {"_type": "randint", "_value": [1, 9]}
    assert narrow["act"]["_value"] == ["tanh", "elu"]
    assert narrow["steps"] == {"_type": "choice", "_value": [9.0]}


def test_nothing_grows_round_after_round():
    space, rng = SPACE, np.random.default_rng(0)
    for _ in range(6):
        points = [space.sample(rng) for _ in range(20)]
        narrow = refine(space, [(point, float(rng.random())) for point in points], 0.5)
        for _ in range(100):
            space.check(narrow.sample(rng))
        space = narrow


def test_the_best_are_two_at_least():
    assert refine(SPACE, TRIALS, 0.01).content == refine(SPACE, TRIALS, 0.4).content


@pytest.mark.parametrize("share", [0.0, -0.1, 1.5, float("nan")])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(UserError, match="must be a share above 0 % and at most 100 %"):
        refine(SPACE, TRIALS, share)


def test_what_spans_no_range_is_refused():
    with pytest.raises(UserError, match="20%: the best 1 of 1 trials span no range"):
        refine(SPACE, TRIALS[:1], 0.2)
    with pytest.raises(UserError, match="20%: the best 2 of 3 trials span no range"):
        refine(SPACE, [TRIALS[0], TRIALS[0], TRIALS[4]], 0.2)
    with pytest.raises(UserError, match="the best 0 of 0 trials span no range"):
        refine(SPACE, [], 0.2)


def test_trials_of_another_space_are_refused():
    with pytest.raises(UserError, match="parameter lr: is missing"):
        refine(SPACE, [({}, 1.0)], 1.0)
