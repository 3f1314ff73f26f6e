import itertools
import math
from statistics import stdev

import numpy as np
import pytest
from scipy import stats

from nasbench.report.statistics import (
    bootstrap_band,
    bootstrap_interval,
    difference_interval,
    mean_of_means,
    paired_interval,
    t_interval,
)


def test_one_group_agrees_with_scipy():
    values = np.random.default_rng(1).gamma(2.0, 3.0, size=25)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(2)
    ).confidence_interval
    low, high = bootstrap_interval([values.tolist()], resamples=20_000)
    width = theirs.high - theirs.low
    assert low == pytest.approx(theirs.low, abs=0.03 * width)
    assert high == pytest.approx(theirs.high, abs=0.03 * width)


def test_single_values_per_seed_agree_with_scipy_over_the_seeds():
    values = np.random.default_rng(3).normal(50.0, 4.0, size=12)
    theirs = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=20_000, rng=np.random.default_rng(4)
    ).confidence_interval
    ours = bootstrap_interval([[value] for value in values], resamples=20_000)
    assert ours == pytest.approx(tuple(theirs), abs=0.03 * (theirs.high - theirs.low))


def test_two_levels_have_the_variance_that_theory_gives():
    rng = np.random.default_rng(5)
    n, m = 200, 4
    values = rng.normal(0.0, 3.0, size=(n, 1)) + rng.normal(0.0, 2.0, size=(n, m))
    # Var = variance of the observed group means / n + mean of variances within / (n m).
    variance = values.mean(axis=1).var() / n + values.var(axis=1).mean() / (n * m)
    low, high = bootstrap_interval(values.tolist())
    expected = 1.96 * np.sqrt(variance)
    assert (high - low) / 2 == pytest.approx(expected, rel=0.05)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=0.1 * expected)


def test_ragged_groups_match_a_plain_loop():
    groups = [[1.0, 2.0, 4.0], [10.0], [5.0, 7.0]]
    rng = np.random.default_rng(6)
    means = []
    for _ in range(6_000):
        drawn = [groups[index] for index in rng.integers(3, size=3)]
        each = [[group[i] for i in rng.integers(len(group), size=len(group))] for group in drawn]
        means.append(sum(sum(values) / len(values) for values in each) / 3)
    expected = np.quantile(means, [0.025, 0.975])
    assert bootstrap_interval(groups, resamples=20_000) == pytest.approx(expected, abs=0.1)
    assert mean_of_means(groups) == pytest.approx((7 / 3 + 10 + 6) / 3)


def test_single_value_has_no_interval():
    assert bootstrap_interval([[1.0]]) is None
    assert difference_interval([[1.0]], [[1.0, 2.0]]) is None
    assert difference_interval([[1.0, 2.0]], [[1.0]]) is None


def test_a_level_of_fifty_percent_lies_within_ninety_five():
    groups = [[1.0, 2.0, 3.0, 4.0, 5.0]]
    wide, narrow = bootstrap_interval(groups), bootstrap_interval(groups, level=0.5)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_same_seed_same_interval_and_no_global_randomness():
    groups = [[1.0, 2.5], [3.0, 7.0]]
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    assert bootstrap_interval(groups, seed=7) == bootstrap_interval(groups, seed=7)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_difference_has_the_normal_interval_for_many_values():
    rng = np.random.default_rng(8)
    ours, theirs = rng.normal(3.0, 1.0, size=400), rng.normal(1.0, 2.0, size=300)
    low, high = difference_interval([ours.tolist()], [theirs.tolist()])
    half = 1.96 * np.sqrt(ours.var() / 400 + theirs.var() / 300)
    centre = ours.mean() - theirs.mean()
    assert (low, high) == pytest.approx((centre - half, centre + half), abs=0.1 * half)


def test_difference_of_a_row_from_itself_uses_independent_draws():
    groups = [[1.0, 2.0, 3.0], [2.0, 5.0, 9.0]]
    low, high = difference_interval(groups, groups)
    assert low < 0 < high


@pytest.mark.parametrize("groups", [[], [[]], [[1.0], []]])
def test_empty_groups_are_refused(groups):
    with pytest.raises(ValueError, match="at least one group"):
        bootstrap_interval(groups)


def test_level_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"level 95"):
        bootstrap_interval([[1.0, 2.0]], level=95)


def test_paired_interval_is_that_of_the_differences_over_every_resample():
    ours = np.array([98.1, 97.4, 98.9, 96.0])
    theirs = np.array([97.9, 97.6, 98.0, 95.1])
    every = itertools.product(range(4), repeat=4)  # all 256 resamples are equally likely
    means = np.array([(ours - theirs)[list(drawn)].mean() for drawn in every])
    expected = np.quantile(means, [0.025, 0.975])
    found = paired_interval(ours[:, None].tolist(), theirs[:, None].tolist(), resamples=40_000)
    assert found == pytest.approx(tuple(expected), abs=0.02)


def test_paired_interval_of_ragged_groups_matches_a_plain_loop():
    ours = [[1.0, 2.0, 4.0], [10.0], [5.0, 7.0]]
    theirs = [[0.5], [8.0, 9.0, 9.5], [6.0, 4.0]]
    rng = np.random.default_rng(9)

    def drawn_mean(group: list[float]) -> float:
        return sum(group[i] for i in rng.integers(len(group), size=len(group))) / len(group)

    means = []
    for _ in range(6_000):
        drawn = rng.integers(3, size=3)
        means.append(sum(drawn_mean(ours[k]) - drawn_mean(theirs[k]) for k in drawn) / 3)
    expected = np.quantile(means, [0.025, 0.975])
    assert paired_interval(ours, theirs, resamples=20_000) == pytest.approx(expected, abs=0.15)


def test_what_seeds_share_cancels_out_of_the_paired_interval_alone():
    rng = np.random.default_rng(10)
    splits = rng.normal(90.0, 5.0, size=20)
    ours = (splits + 1.0 + rng.normal(0, 0.1, size=20))[:, None].tolist()
    theirs = splits[:, None].tolist()
    low, high = paired_interval(ours, theirs)
    assert 0.9 < low < high < 1.1
    assert difference_interval(ours, theirs)[0] < 0


def test_equal_pairs_give_an_interval_without_width():
    assert paired_interval([[2.0], [3.0]], [[2.0], [3.0]]) == (0.0, 0.0)


def test_a_single_pair_has_no_interval():
    assert paired_interval([[1.0, 2.0]], [[3.0, 4.0]]) is None


def test_pairs_must_match():
    with pytest.raises(ValueError, match="2 groups cannot be paired with 1"):
        paired_interval([[1.0], [2.0]], [[1.0]])


def test_band_holds_the_interval_of_every_column():
    values = np.random.default_rng(11).normal(0.0, 1.0, size=(12, 3))
    low, high = bootstrap_band(values, resamples=20_000)
    for column in range(3):
        groups = [[value] for value in values[:, column]]
        expected = bootstrap_interval(groups, resamples=20_000)
        assert (low[column], high[column]) == pytest.approx(expected, abs=0.03)


def test_band_draws_the_same_seeds_for_every_column():
    values = np.random.default_rng(12).normal(0.0, 1.0, size=(5, 1))
    low, high = bootstrap_band(np.hstack([values, values + 7.0]))
    assert low[1] == pytest.approx(low[0] + 7.0)
    assert high[1] == pytest.approx(high[0] + 7.0)


def test_band_is_blank_where_a_value_is_missing_and_for_a_single_row():
    low, high = bootstrap_band(np.array([[np.nan, 1.0], [2.0, 3.0]]))
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, False]
    assert np.isnan(bootstrap_band(np.array([[1.0, 2.0]]))).all()


def test_band_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        bootstrap_band(np.empty((0, 3)))


@pytest.mark.parametrize(("n", "printed"), [(2, 12.706), (5, 2.776), (10, 2.262)])
def test_t_intervals_reach_as_far_as_the_printed_quantiles(n, printed):
    values = [0.9 + 0.01 * (i % 3) for i in range(n)]
    low, high = t_interval(values)
    assert (low + high) / 2 == pytest.approx(sum(values) / n)
    reach = printed * stdev(values) / math.sqrt(n)
    assert (high - low) / 2 == pytest.approx(reach, rel=1e-3)


def test_a_t_interval_of_equal_values_has_no_spread():
    assert t_interval([0.5, 0.5, 0.5]) == (0.5, 0.5)


def test_a_single_value_has_no_interval():
    with pytest.raises(ValueError, match="at least two"):
        t_interval([0.5])
