"""When trials are ended early."""

from __future__ import annotations

import math
import statistics
import sys

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.assessors.curvefitting import CurvefittingAssessor, CurvefittingOptions
from nasbench.hpo.assessors.hyperband import HyperbandAssessor, HyperbandOptions
from nasbench.hpo.assessors.medianstop import MedianstopAssessor, MedianstopOptions


def made(
    cls: type[Assessor], maximize: bool = True, epochs: int | None = 9, **options
) -> Assessor:
    return cls(cls.Options(**options), maximize, epochs)


def follow(assessor: Assessor, number: int, curve: list[float]) -> int:
    """Report a curve; return after how many reports it was ended, or its length."""
    for step in range(1, len(curve) + 1):
        if not assessor.keep(number, curve[:step]):
            assessor.end(number, False)
            return step
    assessor.end(number, True)
    return len(curve)


@pytest.mark.parametrize("maximize", [True, False])
@pytest.mark.parametrize("start", [0, 3])
def test_medianstop_is_the_median_rule(maximize, start):
    """Worse than the median of the completed trials' running averages at that step."""
    assessor = made(MedianstopAssessor, maximize, start_step=start)
    rng, completed, ended = np.random.default_rng(0), [], 0
    better = max if maximize else min
    for number in range(30):
        curve = (rng.random() + 0.1 * rng.random(6)).tolist()
        expected = len(curve)
        for step in range(max(start, 1), 7):
            averages = sorted(statistics.fmean(one[:step]) for one in completed)
            if not averages:
                break
            middle = (statistics.median_low if maximize else statistics.median_high)(averages)
            if better(curve[:step]) != middle and better(better(curve[:step]), middle) == middle:
                expected = step
                break
        assert follow(assessor, number, curve) == expected
        # A trial that was ended early does not count for others.
        ended += expected < 6
        if expected == 6:
            completed.append(curve)
    assert 5 < ended < 25


def test_medianstop_knows_trials_that_reported_too_little():
    assessor = made(MedianstopAssessor, start_step=4)
    assert assessor.keep(0, [0.1])
    assessor.end(0, True)
    assessor.end(1, False)


def growing(top: float, rng: np.random.Generator, epochs: int = 12) -> list[float]:
    steps = np.arange(1, epochs + 1)
    return (top * (1 - np.exp(-steps / 3)) + 0.002 * rng.standard_normal(epochs)).tolist()


def test_curvefitting_ends_what_cannot_catch_up_and_keeps_the_best():
    rng = np.random.default_rng(0)
    assessor = made(CurvefittingAssessor, epochs=12, start_step=10)
    assert follow(assessor, 0, growing(0.9, rng)) == 12
    assert 10 <= follow(assessor, 1, growing(0.4, rng)) < 12
    assert follow(assessor, 2, growing(0.97, rng)) == 12


@pytest.mark.slow
def test_curvefitting_judges_the_same_again():
    def course() -> list[int]:
        rng = np.random.default_rng(1)
        assessor = made(CurvefittingAssessor, epochs=12, start_step=10)
        return [follow(assessor, n, growing(top, rng)) for n, top in enumerate((0.8, 0.6))]

    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    assert course() == course()
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


def test_curvefitting_counts_the_trial_that_ended():
    """NNI would take the last score of whichever trial was judged last."""
    assessor = made(CurvefittingAssessor, epochs=12)
    assessor.keep(0, [0.9])
    assessor.keep(1, [0.1])
    assessor.end(0, True)
    assessor.end(2, True)  # it reported nothing
    assert assessor._assessor.completed_best_performance == 0.9


def test_hyperband_lets_one_in_three_pass_each_rung():
    """Li et al., 2018, algorithm 1: 9, 5 and 3 of 17 trials meet rungs at (1, 3), (3) and none."""
    rng = np.random.default_rng(0)
    assessor = made(HyperbandAssessor, epochs=9)
    lengths = [follow(assessor, n, [float(s)] * 9) for n, s in enumerate(rng.random(300))]
    at_one, at_three = 9 / 17 * 2 / 3, (9 / 17 / 3 + 5 / 17) * 2 / 3
    expected = {1: at_one, 3: at_three, 9: 1 - at_one - at_three}
    assert {n: lengths.count(n) / 300 for n in set(lengths)} == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize("maximize", [True, False])
def test_hyperband_keeps_the_better_ones(maximize):
    scores = np.random.default_rng(1).random(200)
    assessor = made(HyperbandAssessor, maximize, 27)
    lengths = np.array([follow(assessor, n, [float(s)] * 27) for n, s in enumerate(scores)])
    full, early = scores[lengths == 27].mean(), scores[lengths == 1].mean()
    assert (full - early) * (1 if maximize else -1) > 0.15


def test_hyperband_judges_the_same_again():
    def course() -> list[int]:
        rng = np.random.default_rng(2)
        assessor = made(HyperbandAssessor)
        return [follow(assessor, n, rng.random(9).tolist()) for n in range(40)]

    assert course() == course()


def test_hyperband_takes_trials_at_once_and_trials_without_a_report():
    assessor = made(HyperbandAssessor)
    for step in range(1, 4):
        for number in (4, 2, 7):
            assessor.keep(number, [0.1 * number] * step)
    for number in (2, 3, 4, 7):
        assessor.end(number, number == 7)


@pytest.mark.parametrize("cls", [MedianstopAssessor, CurvefittingAssessor, HyperbandAssessor])
def test_a_score_that_is_no_number_ends_a_trial_and_harms_no_other(cls):
    assessor = made(cls)
    for value in (math.nan, math.inf):
        assert not assessor.keep(0, [0.5, value])
    assessor.end(0, False)
    assert follow(assessor, 1, [0.5, 0.6]) == 2


@pytest.mark.parametrize(
    ("attempt", "line"),
    [
        (lambda: made(CurvefittingAssessor, False), "curvefitting extrapolates accuracies: it ca"),
        (
            lambda: made(CurvefittingAssessor, epochs=None),
            "CurvefittingAssessor must know how",
        ),
        (lambda: made(HyperbandAssessor, epochs=None), "HyperbandAssessor must know how many"),
        (
            lambda: made(HyperbandAssessor, min_resource=10),
            "min_resource=10: a trial has 9 epochs",
        ),
        (lambda: MedianstopOptions(-1), "-o start_step=-1: must be at least 0"),
        (lambda: CurvefittingOptions(gap=0), "-o gap=0: must be at least 1"),
        (lambda: CurvefittingOptions(threshold=-1), "-o threshold=-1: must be at least 0"),
        (lambda: HyperbandOptions(0), "-o min_resource=0: must be at least 1"),
        (
            lambda: HyperbandOptions(reduction_factor=1),
            "-o reduction_factor=1: must be at least 2",
        ),
    ],
)
def test_what_cannot_work_is_refused(attempt, line):
    with pytest.raises(UserError, match=line):
        attempt()


def test_hyperband_without_optuna(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match="the assessor hyperband needs the package optuna"):
        made(HyperbandAssessor)
