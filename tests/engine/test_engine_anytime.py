from __future__ import annotations

from nasbench.engine.anytime import curve


def trial(seconds, score=None):
    return {"seconds": seconds, "score": score}


def test_the_curve_has_a_point_wherever_the_best_grows():
    trials = [trial(2.0, 0.5), trial(1.0, 0.4), trial(4.0, 0.75), trial(0.5, 0.75), trial(1, 1.0)]
    assert curve(trials) == [[2.0, 0.5], [7.0, 0.75], [8.5, 1.0]]


def test_failed_trials_cost_time_and_score_nothing():
    assert curve([trial(3.0), trial(1.0, 0.0), trial(2.0), trial(1.0, 0.1)]) == [
        [4.0, 0.0],
        [7.0, 0.1],
    ]
    assert curve([]) == curve([trial(3.0)]) == []


def test_what_is_answered_from_memory_adds_no_point():
    assert curve([trial(1.0, 0.3), trial(0.0, 0.3), trial(0.0)]) == [[1.0, 0.3]]
