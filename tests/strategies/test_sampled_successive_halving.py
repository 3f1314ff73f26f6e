"""Successive halving: its rungs, who goes on, and when it waits."""

from __future__ import annotations

from statistics import median

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.strategies.sampled.base import Result, SampledContext
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy
from nasbench.strategies.sampled.successive_halving import (
    SuccessiveHalvingOptions,
    SuccessiveHalvingStrategy,
)
from nasbench.testing.problems import evaluate, fail, flat, places, play


def make(domains=None, setting=None, **options):
    setting = setting or SampledContext(epochs=9)
    return SuccessiveHalvingStrategy(
        domains or flat(), SuccessiveHalvingOptions(**options), setting
    )


def rungs(setting, **options):
    (bracket,) = make(setting=setting, **options).brackets
    return [(rung.size, rung.epochs) for rung in bracket]


@pytest.mark.parametrize(
    ("setting", "options", "expected"),
    [
        (SampledContext(epochs=9), {}, [(9, 1), (3, 3), (1, 9)]),
        (SampledContext(epochs=2), {}, [(3, 1), (1, 2)]),
        (SampledContext(epochs=9), {"initial": 20}, [(20, 1), (6, 3), (2, 9)]),
        (SampledContext(epochs=9), {"initial": 3}, [(3, 1), (1, 3), (1, 9)]),
        (
            SampledContext(epochs=20),
            {"eta": 2, "min_epochs": 4, "initial": 8},
            [(8, 4), (4, 8), (2, 16), (1, 20)],
        ),
        (SampledContext(epochs=200, lengths=(12, 200)), {}, [(3, 12), (1, 200)]),
        (SampledContext(epochs=200, lengths=(12, 200)), {"eta": 16}, [(16, 12), (1, 200)]),
        # 1, 3, 9, 27, 81 and 200, although every length can be had.
        (
            SampledContext(epochs=200, lengths=tuple(range(1, 201))),
            {"initial": 27},
            [(27, 1), (9, 3), (3, 9), (1, 27), (1, 81), (1, 200)],
        ),
    ],
)
def test_rungs(setting, options, expected):
    assert rungs(setting, **options) == expected


def test_the_best_third_goes_on_and_then_a_new_bracket_begins():
    strategy = make()
    done = play(strategy, 26)
    for start in (0, 13):
        first, second, last = (done[start + a : start + b] for a, b in ((0, 9), (9, 12), (12, 13)))
        assert {one.epochs for one in first} == {1}
        ranked = sorted(first, key=lambda one: -sum(places(strategy.domains, one.arch)))
        assert {one.arch for one in second} == {one.arch for one in ranked[:3]}
        assert [one.epochs for one in second] == [3, 3, 3]
        assert [(one.arch, one.epochs) for one in last] == [(ranked[0].arch, 9)]
    assert len({one.arch for one in done if one.epochs == 1}) == 18


def test_a_rung_waits_for_all_of_its_results():
    strategy = make()
    first = strategy.suggest(20)
    assert len(first) == 9  # the rest of the rung, however many places are free
    assert strategy.suggest(4, first) == []
    strategy.update([evaluate(strategy, one) for one in first[1:]])
    assert strategy.suggest(4, first[:1]) == []
    strategy.update([evaluate(strategy, first[0])])
    second = strategy.suggest(2)
    third = strategy.suggest(2, second)
    assert [one.epochs for one in second + third] == [3, 3, 3]
    assert strategy.suggest(2, second + third) == []


def test_a_trial_that_was_lost_is_proposed_again():
    strategy = make()
    play(strategy, 9)
    lost = strategy.suggest(3)
    strategy.update([evaluate(strategy, lost[1])])
    assert strategy.suggest(3) == [lost[0], lost[2]]


def test_failed_trials_do_not_go_on():
    strategy = make()
    first = strategy.suggest(9)
    strategy.update([fail(strategy, one) for one in first[:7]])
    strategy.update([evaluate(strategy, one) for one in first[7:]])
    assert {one.arch for one in strategy.suggest(9)} == {one.arch for one in first[7:]}


def test_a_bracket_of_failures_ends():
    strategy = make()
    first = strategy.suggest(9)
    strategy.update([fail(strategy, one) for one in first])
    after = strategy.suggest(9)
    assert {one.epochs for one in after} == {1}
    assert not {one.arch for one in after} & {one.arch for one in first}


def test_the_earlier_one_goes_on_at_a_tie():
    strategy = make()
    first = strategy.suggest(9)
    strategy.update([Result(one.arch, 0.5, 1) for one in first])
    assert [one.arch for one in strategy.suggest(9)] == [one.arch for one in first[:3]]


def test_a_space_smaller_than_a_bracket():
    done = play(make(flat(1, 2)), 100)
    assert [one.epochs for one in done] == [1, 1, 3, 3, 9]


def test_better_than_random_at_equal_epochs():
    """Short trainings rank well but not exactly: their score is the full one plus some noise."""

    def reached(strategy, seed, epochs):
        noise = np.random.default_rng(seed)

        def outcome(strategy, one):
            truth = evaluate(strategy, one).score
            return Result(one.arch, truth + noise.normal(0, 0.02 / one.epochs), one.epochs)

        while epochs > 0:
            (one,) = play(strategy, 1, outcome=outcome)
            before = [r.epochs for r in strategy.results[:-1] if r.arch == one.arch]
            epochs -= one.epochs - max(before, default=0)
        return evaluate(strategy, strategy.full(strategy.best().arch)).score

    seeds = range(8)
    halving = [reached(make(setting=SampledContext(seed, 27)), seed, 27 * 12) for seed in seeds]
    chance = [
        reached(RandomStrategy(flat(), RandomOptions(), SampledContext(seed, 27)), seed, 27 * 12)
        for seed in seeds
    ]
    assert median(halving) > median(chance) + 0.02


@pytest.mark.parametrize(
    ("setting", "options", "words"),
    [
        (SampledContext(epochs=1), {}, r"^epochs=1 leaves nothing to halve: .*min_epochs=1"),
        (SampledContext(epochs=9), {"min_epochs": 9}, r"^epochs=9 leaves nothing .*min_epochs=9"),
        (
            SampledContext(epochs=200, lengths=(200,)),
            {},
            r"^lengths=\[200\] leaves nothing to halve",
        ),
        (SampledContext(epochs=9), {"eta": 1}, r"^-o eta=1: must be at least 2$"),
        (SampledContext(epochs=9), {"initial": 2}, r"^-o initial=2: must be 0 or at least eta=3$"),
        (SampledContext(epochs=9), {"min_epochs": 0}, r"^-o min_epochs=0: must be at least 1$"),
    ],
)
def test_refusals(setting, options, words):
    with pytest.raises(UserError, match=words):
        make(setting=setting, **options)
