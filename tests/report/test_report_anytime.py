import itertools

import numpy as np
import pytest

from nasbench.report import anytime
from nasbench.report.rows import make_rows


@pytest.fixture
def rows(record):
    """Return a function from methods' curves, one per search seed, to rows."""

    def make(methods, **changes):
        return make_rows(
            record(f"{method}-{seed}", method=method, search_seed=seed, curve=curve, **changes)
            for method, curves in methods.items()
            for seed, curve in enumerate(curves)
        )

    return make


def reference(curve, time):
    """The best of what was there by ``time``, or NaN."""
    return max((100 * best for spent, best in curve if spent <= time), default=np.nan)


SHORT = [[10.0, 0.5], [30.0, 0.75]]
LONG = [[5.0, 0.25], [20.0, 0.5], [80.0, 0.875]]


def test_curve_is_the_mean_step_function_with_its_bootstrap_interval(rows):
    (row,) = rows({"tpe": [SHORT, LONG]}, search_seconds=1.0)
    (curve,) = anytime.mean_curves([row])
    assert curve.name == "tpe"
    assert (curve.x[0], curve.x[-1]) == pytest.approx((5.0, 80.0))
    assert np.all(np.diff(np.log(curve.x)) == pytest.approx(np.log(16) / (len(curve.x) - 1)))
    for time, mean, low, high in zip(curve.x, curve.mean, curve.low, curve.high, strict=True):
        values = [reference(SHORT, time), reference(LONG, time)]
        means = [np.mean(drawn) for drawn in itertools.product(values, repeat=2)]
        assert mean == pytest.approx(np.mean(values), nan_ok=True)  # both, or none
        assert (low, high) == pytest.approx((min(means), max(means)), nan_ok=True)
    assert np.isnan(curve.mean[curve.x < 10]).all()
    assert not np.isnan(curve.mean[curve.x >= 10]).any()


def test_rows_share_a_grid_and_end_where_their_longest_search_ends(rows):
    made = rows({"a": [SHORT], "b": [LONG]}, search_seconds=0.0)
    short, long = anytime.mean_curves(made)
    assert np.array_equal(short.x, long.x)
    assert not np.isnan(short.mean[(short.x >= 10) & (short.x <= 30)]).any()
    assert np.isnan(short.mean[short.x > 30]).all()
    assert not np.isnan(long.mean).any()
    assert np.isnan(long.low).all()  # one seed: no interval


def test_curve_goes_on_to_the_end_of_the_search(rows):
    (row,) = rows({"a": [SHORT]}, search_seconds=60.0)
    assert anytime.smallest_budget([row]) == 60.0
    (curve,) = anytime.mean_curves([row])
    assert (curve.x[-1], curve.mean[-1]) == pytest.approx((60.0, 75.0))


def test_a_worse_result_later_does_not_lower_the_best(rows):
    (row,) = rows({"a": [[[1.0, 0.75], [2.0, 0.5], [8.0, 0.5]]]}, search_seconds=0.0)
    assert set(anytime.mean_curves([row])[0].mean) == {75.0}


def test_standings_are_taken_at_shares_of_the_smallest_budget(rows):
    made = rows({"a": [SHORT, LONG], "b": [LONG, LONG]}, search_seconds=0.0)
    assert anytime.smallest_budget(made) == 30.0
    (one, ours), (other, theirs) = anytime.standings(made)
    assert (one.method, other.method) == ("a", "b")
    assert ours.x.tolist() == theirs.x.tolist() == [7.5, 15.0, 30.0]
    assert ours.mean.tolist() == pytest.approx([np.nan, 37.5, 62.5], nan_ok=True)
    assert theirs.mean.tolist() == [25.0, 25.0, 50.0]
    assert theirs.low.tolist() == theirs.high.tolist() == [25.0, 25.0, 50.0]  # equal seeds


def test_rows_of_one_name_are_told_apart_by_their_space(record):
    made = make_rows(
        record(space, space=space, method=method, curve=SHORT)
        for space, method in (("cnn", "random"), ("mobilenet", "random"), ("darts", "darts"))
    )
    names = [curve.name for curve in anytime.mean_curves(made)]
    assert names == ["random on cnn", "random on mobilenet", "darts"]


def test_rows_without_a_curve_are_left_out_and_told(rows):
    made = rows({"a": [SHORT, []], "b": [[]], "free": [[[0.0, 0.5]]]}, search_seconds=0.0)
    assert [curve.name for curve in anytime.mean_curves(made)] == ["a"]
    assert [row.method for row in anytime.with_curves(made)] == ["a"]
    notes = anytime.anytime_notes("digits", made)
    assert "task digits: no record has a curve of 1 of 2 search seeds of a on cnn" in notes
    assert "task digits: no record has a curve of b on cnn, free on cnn" in notes
    assert any("optimistic" in note for note in notes)


def test_without_any_curve_there_is_nothing(rows):
    made = rows({"a": [[]]})
    assert (
        anytime.mean_curves(made),
        anytime.standings(made),
        anytime.anytime_notes("t", made),
    ) == ([],) * 3


def test_a_search_of_one_result_has_a_curve_of_one_point(rows):
    (row,) = rows({"a": [[[4.0, 0.5]]]}, search_seconds=4.0)
    (curve,) = anytime.mean_curves([row])
    assert [*curve.x, *curve.mean] == pytest.approx([4.0, 50.0])


def test_retrainings_of_one_search_count_its_curve_once(record):
    (row,) = make_rows(
        record(f"r{seed}", retrain_seed=seed, curve=SHORT if seed else []) for seed in range(3)
    )
    assert len(row.curves) == 1
    assert row.curves[0][:2] == ((10.0, 0.5), (30.0, 0.75))
