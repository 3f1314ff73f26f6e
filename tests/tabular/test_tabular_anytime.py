"""Anytime values, against what one reads off by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.budget import Budget
from nasbench.space import Arch
from nasbench.tabular.simulate import Trace, amounts_at, values_at

NAN = float("nan")


def trace(tests: list[float], epochs: list[int], seconds: list[float]) -> Trace:
    archs = tuple(Arch({"a": i}) for i in range(len(tests)))
    values = np.array(tests)
    return Trace(0, archs, archs, values - 0.1, values, np.array(epochs), np.array(seconds))


TRACES = [
    trace([0.5, 0.7, 0.6], [2, 4, 10], [20.0, 45.0, 100.0]),
    trace([0.8], [6], [50.0]),
]


@pytest.mark.parametrize(
    ("unit", "amounts", "expected"),
    [
        ("trials", [0.5, 1, 2, 3, 9], [[NAN, 0.5, 0.7, 0.6, 0.6], [NAN, 0.8, 0.8, 0.8, 0.8]]),
        ("epochs", [1, 2, 5, 6, 10], [[NAN, 0.5, 0.7, 0.7, 0.6], [NAN, NAN, NAN, 0.8, 0.8]]),
        ("seconds", [20, 44.9, 45, 50], [[0.5, 0.5, 0.7, 0.7], [NAN, NAN, NAN, 0.8]]),
    ],
)
def test_what_was_held_when_so_much_was_spent(unit, amounts, expected):
    found = values_at(TRACES, "test", unit, np.array(amounts, dtype=float))
    np.testing.assert_array_equal(found, expected)


def test_other_columns():
    np.testing.assert_allclose(
        values_at(TRACES, "validation", "trials", np.array([2.0])), [[0.6], [0.7]]
    )
    np.testing.assert_array_equal(
        values_at(TRACES, "seconds", "trials", np.array([np.inf])), [[100], [50]]
    )


def test_what_was_spent():
    assert [TRACES[0].spent(unit).tolist() for unit in ("trials", "epochs", "seconds")] == [
        [1, 2, 3],
        [2, 4, 10],
        [20, 45, 100],
    ]


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ("300", [10, 150, 300]),
        ("10", [1, 5, 10]),  # no third of a trial
        ("1", [1]),
        ("90s", [3, 45, 90]),
        ("7 epochs", [1, 4, 7]),
    ],
)
def test_marks_are_whole_trials_and_epochs(budget, expected):
    assert amounts_at(Budget.parse(budget), (1 / 30, 0.5, 1)).tolist() == expected
