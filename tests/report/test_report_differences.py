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
    assert found.excludes_zero
    assert not found.shown  # two search seeds of random are too few


def test_equal_values_show_no_difference(rows):
    found = difference(*rows({0: 0.9, 1: 0.7}, {0: 0.9, 1: 0.7}))
    assert found.interval == (0.0, 0.0)
    assert not found.shown


def test_rounding_is_no_difference(rows):
    found = difference(*rows({0: 0.1 + 0.2, 1: 0.1 + 0.2}, {0: 0.3, 1: 0.3}))
    assert found.points != 0
    assert not found.shown


def test_the_same_difference_in_every_pair_is_shown(rows):
    ours, theirs = dict.fromkeys(range(5), 0.5), dict.fromkeys(range(5), 0.25)
    found = difference(*rows(ours, theirs))
    assert found.interval == (25.0, 25.0)
    assert found.shown


@pytest.mark.parametrize(("pairs", "shown"), [(1, False), (2, False), (4, False), (5, True)])
def test_below_five_pairs_nothing_is_better(rows, pairs, shown):
    one, other = rows(dict.fromkeys(range(pairs), 0.9), dict.fromkeys(range(pairs), 0.1))
    found = difference(one, other)
    assert found.shown == shown
    assert ("better" in sentence(one, other, found)) == shown


def test_networks_at_chance_level_show_no_difference(seeds):
    # One class holds 50 of 100 images: 50 + 1.96 * 5 = 59.8 of them are within its reach.
    known = {"test_classes": [50, 30, 20], "test_examples": 100}

    def compared(accuracy):
        ours = seeds("darts", dict.fromkeys(range(5), accuracy), **known)
        theirs = seeds("random", dict.fromkeys(range(5), 0.40), **known)
        one, other = sorted(make_rows([*ours, *theirs]), key=lambda row: row.method)
        return one, other, difference(one, other)

    one, other, found = compared(0.59)
    assert (one.at_chance, other.at_chance, one.chance) == (5, 5, 50.0)
    assert found.excludes_zero
    assert not found.shown
    assert sentence(one, other, found).endswith(
        "no difference shown, all networks are at chance level"
    )
    one, _, found = compared(0.60)
    assert one.at_chance == 0
    assert found.shown


@pytest.mark.parametrize(
    ("ours", "theirs", "words"),
    [
        (
            dict.fromkeys(range(5), 0.5),
            dict.fromkeys(range(5), 0.25),
            "darts on cnn is better than random on cnn by 25.00 points [25.00, 25.00], "
            "paired over 5 search seeds",
        ),
        (
            dict.fromkeys(range(5), 0.25),
            dict.fromkeys(range(5), 0.75),
            "random on cnn is better than darts on cnn by 50.00 points [50.00, 50.00], "
            "paired over 5 search seeds",
        ),
        (
            {0: 0.5, 1: 0.75},
            {0: 0.25, 1: 0.5},
            "darts on cnn against random on cnn: +25.00 points [+25.00, +25.00], "
            "paired over 2 search seeds: no difference shown, 2 pairs are too few",
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
            "darts on cnn against random on cnn: +25.00 points [+25.00, +25.00], not paired, "
            "for lack of two common search seeds: no difference shown, 2 search seeds are too few",
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
            "a single run of random on cnn: no interval, no difference shown",
        ),
    ],
)
def test_words_say_what_is_shown(rows, ours, theirs, words):
    one, other = rows(ours, theirs)
    assert sentence(one, other, difference(one, other)) == words
