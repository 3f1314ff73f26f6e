"""Differences between two rows, against float64 references, and their words."""

import itertools

import numpy as np
import pytest

from nasbench.report.comparisons import difference, sentence
from nasbench.report.rows import make_rows


def ends(means):
    """The percentile interval of a distribution of equally likely means."""
    return tuple(np.quantile(means, [0.025, 0.975], method="inverted_cdf"))


@pytest.fixture
def rows(seeds):
    """Return a function from two rows' accuracies by search seed to the rows."""

    def make(ours, theirs):
        records = [*seeds("darts", ours), *seeds("random", theirs)]
        return sorted(make_rows(records), key=lambda row: row.method)

    return make


def test_common_seeds_are_compared_pair_by_pair(rows):
    ours = {0: 0.981, 1: 0.974, 2: 0.989, 7: 0.1}
    theirs = {0: 0.979, 1: 0.976, 2: 0.980, 8: 0.9}
    found = difference(*rows(ours, theirs))
    each = [100 * (ours[seed] - theirs[seed]) for seed in (0, 1, 2)]
    means = [np.mean(drawn) for drawn in itertools.product(each, repeat=3)]
    assert (found.paired, found.seeds) == (True, 3)
    assert found.points == pytest.approx(np.mean(each))
    assert found.interval == pytest.approx(ends(means))
    assert not found.shown


def test_fewer_than_two_common_seeds_are_not_paired(rows):
    ours, theirs = {0: 0.90, 1: 0.92, 2: 0.94}, {2: 0.80, 3: 0.84}
    found = difference(*rows(ours, theirs))
    means = [
        np.mean(one) - np.mean(other)
        for one in itertools.product((90, 92, 94), repeat=3)
        for other in itertools.product((80, 84), repeat=2)
    ]
    assert (found.paired, found.seeds) == (False, 2)
    assert found.points == pytest.approx(10.0)
    assert found.interval == pytest.approx(ends(means))
    assert found.shown


def test_equal_values_show_no_difference(rows):
    found = difference(*rows({0: 0.9, 1: 0.7}, {0: 0.9, 1: 0.7}))
    assert found.interval == (0.0, 0.0)
    assert not found.shown


def test_rounding_is_no_difference(rows):
    found = difference(*rows({0: 0.1 + 0.2, 1: 0.1 + 0.2}, {0: 0.3, 1: 0.3}))
    assert found.points != 0
    assert not found.shown


def test_the_same_difference_in_every_pair_is_shown(rows):
    found = difference(*rows({0: 0.5, 1: 0.75}, {0: 0.25, 1: 0.5}))
    assert found.interval == (25.0, 25.0)
    assert found.shown


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (
            {0: 0.5, 1: 0.75},
            {0: 0.25, 1: 0.5},
            "darts on cnn is better than random on cnn by 25.00 points [25.00, 25.00], "
            "paired over 2 search seeds",
        ),
        (
            {0: 0.25, 1: 0.25},
            {0: 0.5, 1: 0.75},
            "random on cnn is better than darts on cnn by 37.50 points [25.00, 50.00], "
            "paired over 2 search seeds",
        ),
        (
            {0: 0.5, 1: 0.5},
            {0: 0.5, 1: 0.5},
            "darts on cnn against random on cnn: +0.00 points [+0.00, +0.00], "
            "paired over 2 search seeds: no difference shown",
        ),
        (
            {0: 0.5, 1: 0.5},
            {2: 0.25, 3: 0.25},
            "darts on cnn is better than random on cnn by 25.00 points [25.00, 25.00], "
            "not paired, for lack of two common search seeds",
        ),
        (
            {0: 0.5},
            {0: 0.25},
            "darts on cnn against random on cnn: +25.00 points; "
            "one run each: no interval, no difference shown",
        ),
        (
            {0: 0.5, 1: 0.5},
            {0: 0.25},
            "darts on cnn against random on cnn: +25.00 points; "
            "a single run of random: no interval, no difference shown",
        ),
    ],
)
def test_words_say_what_is_shown(rows, ours, theirs, words):
    one, other = rows(ours, theirs)
    assert sentence(one, other, difference(one, other)) == words
