"""Student's interval against the printed table."""

from __future__ import annotations

import math
from statistics import stdev

import pytest

from nasbench.report.student import t_interval


@pytest.mark.parametrize(("n", "printed"), [(2, 12.706), (5, 2.776), (10, 2.262)])
def test_intervals_reach_as_far_as_the_printed_quantiles(n, printed):
    values = [0.9 + 0.01 * (i % 3) for i in range(n)]
    low, high = t_interval(values)
    assert (low + high) / 2 == pytest.approx(sum(values) / n)
    reach = printed * stdev(values) / math.sqrt(n)
    assert (high - low) / 2 == pytest.approx(reach, rel=1e-3)


def test_equal_values_have_no_spread():
    assert t_interval([0.5, 0.5, 0.5]) == (0.5, 0.5)


def test_a_single_value_has_no_interval():
    with pytest.raises(ValueError, match="at least two"):
        t_interval([0.5])
