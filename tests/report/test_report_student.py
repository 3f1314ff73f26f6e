"""Student's interval against scipy's and against the published table."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from nasbench.report.student import t_interval, t_quantile


@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 30, 101])
def test_quantiles_are_scipys(level, freedom):
    assert t_quantile(level, freedom) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom))


@pytest.mark.parametrize(("freedom", "printed"), [(1, 12.706), (4, 2.776), (9, 2.262)])
def test_quantiles_are_those_of_the_printed_tables(freedom, printed):
    assert t_quantile(0.95, freedom) == pytest.approx(printed, abs=5e-4)


@pytest.mark.parametrize("n", [2, 5, 10])
def test_intervals_are_scipys(n):
    values = np.random.default_rng(n).normal(0.9, 0.02, n)
    expected = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    assert t_interval(values.tolist()) == pytest.approx(expected)


def test_equal_values_have_no_spread():
    assert t_interval([0.5, 0.5, 0.5]) == (0.5, 0.5)


@pytest.mark.parametrize(("level", "freedom"), [(0.0, 3), (1.0, 3), (0.95, 0)])
def test_arguments_out_of_range(level, freedom):
    with pytest.raises(ValueError, match="must be in"):
        t_quantile(level, freedom)


def test_a_single_value_has_no_interval():
    with pytest.raises(ValueError, match="at least two"):
        t_interval([0.5])
