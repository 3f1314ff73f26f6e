"""Local search against steepest ascent written out, and what parallel trials may not change."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from torch import nn

from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.space import DataSpec, LayerChoice, Repeat, SearchSpace
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext
from nasbench.strategies.sampled.local_search import LocalSearchOptions, LocalSearchStrategy
from nasbench.testing.problems import below, flat, nested, play


def worth(arch):
    """Return a score full of local optima."""
    return derive(1, arch.canonical) / 2**63


def slope(arch):
    """Return a separable score with one optimum."""
    return sum("abcdefgh".index(value) for value in arch.values()) / 100


class Watched(LocalSearchStrategy):
    """Notes every place of every climb."""

    def _begin(self):
        super()._begin()
        self.path = []

    def _move(self, place):
        super()._move(place)
        self.path.append(place)


def search(domains, seed=0, violation=None, **options):
    setting = (
        SampledContext(seed) if violation is None else SampledContext(seed, violation=violation)
    )
    return Watched(domains, LocalSearchOptions(**options), setting)


def tell(strategy, archs, score=worth):
    strategy.update([Result(arch, score(arch)) for arch in archs])


def course(strategy, evaluations, score=worth):
    """Return the places of all climbs, one behind the other."""
    for _ in range(evaluations):
        tell(strategy, [p.arch for p in strategy.suggest(1)], score)
    return strategy.path


def test_the_best_of_all_neighbours_is_steepest_ascent():
    domains, lengths = flat(5, 4), []
    for seed in range(5):
        strategy = search(domains, seed, first=False, starts=3)
        starts = [p.arch for p in strategy.suggest(3)]
        tell(strategy, starts)
        expected = [max(starts, key=worth)]
        while worth(best := max(domains.neighbours(expected[-1]), key=worth)) > worth(
            expected[-1]
        ):
            expected.append(best)
        assert course(strategy, len(expected) * 15)[: len(expected)] == expected
        lengths.append(len(expected))
    assert max(lengths) > 2


@pytest.mark.parametrize("first", [True, False])
def test_a_climb_rises_and_ends_at_a_local_optimum(first):
    domains = flat(5, 4)
    places = course(search(domains, first=first, starts=2), 400)
    climbs = 0
    for one, other in pairwise(places):
        around = set(domains.neighbours(one))
        if other in around and worth(other) > worth(one):
            continue
        climbs += 1
        assert all(worth(near) < worth(one) for near in around)
    assert climbs > 3


def test_the_first_better_neighbour_needs_fewer_evaluations_a_move():
    kinds = (True, False)
    moves = {first: len(course(search(flat(6, 5), first=first), 50, slope)) for first in kinds}
    assert moves[True] > 2 * moves[False]


@pytest.mark.parametrize(("first", "most"), [(True, 6 * 5 * 4), (False, 5 * 5 * 4)])
def test_a_separable_optimum_is_reached_in_few_evaluations(first, most):
    # Steepest ascent sets one of five decisions right with each move; a move of the other raises
    # one decision by a step or more, which on average is far less than all of the neighbors.
    for seed in range(5):
        strategy = search(flat(5, 5), seed, first=first, starts=1)
        for _ in range(1 + most):
            tell(strategy, [p.arch for p in strategy.suggest(1)], slope)
        assert set(strategy.best().arch.values()) == {"e"}


def test_a_start_is_the_best_of_a_few_that_did_not_fail():
    strategy = search(flat(), starts=3)
    one, two, failed, three = [p.arch for p in strategy.suggest(4)]
    tell(strategy, [one, two])
    strategy.update([Result(failed, 1.0, failed=True)])
    assert strategy.place is None
    tell(strategy, [three])
    assert strategy.place == max((one, two, three), key=worth)


@pytest.mark.parametrize("first", [True, False])
def test_the_order_of_the_results_does_not_change_the_climb(first):
    def climb(order):
        strategy, under_way, places = search(flat(5, 4), starts=1, first=first), [], []
        tell(strategy, [p.arch for p in strategy.suggest(1)])
        while strategy.place is not None:
            under_way += strategy.suggest(4 - len(under_way), under_way)
            tell(strategy, [under_way.pop(order.randrange(len(under_way))).arch])
            if strategy.place not in places:
                places.append(strategy.place)
        return places

    assert climb(random.Random(0)) == climb(random.Random(1))
    assert len(climb(random.Random(2))) > 2


def test_it_waits_for_the_last_neighbours():
    domains = flat(2, 3)
    strategy = search(domains, starts=1)
    tell(strategy, [p.arch for p in strategy.suggest(1)], lambda arch: 1.0)
    pending = strategy.suggest(9)
    assert {p.arch for p in pending} == set(domains.neighbours(strategy.place))
    assert strategy.suggest(1, pending) == []
    tell(strategy, [p.arch for p in pending], lambda arch: 0.0)
    assert strategy.place is None
    assert len(strategy.suggest(9)) == 9 - 1 - 4


def test_a_known_better_neighbour_costs_nothing():
    domains = flat(3, 3)
    strategy = search(domains, starts=2, first=False)
    here = domains.at(0)
    better = next(iter(domains.neighbours(here)))
    strategy.update([Result(better, 0.4), Result(here, 0.5)])
    assert strategy.place == here
    strategy.update([Result(better, 0.6)])  # the engine may tell a result again
    others = [p.arch for p in strategy.suggest(20)]
    assert better not in others
    tell(strategy, others, lambda arch: 0.1)
    assert strategy.place == better


def test_failed_neighbours_are_left_behind():
    strategy = search(flat(2, 3), starts=1)
    tell(strategy, [p.arch for p in strategy.suggest(1)], lambda arch: 0.0)
    strategy.update([Result(p.arch, 1.0, failed=True) for p in strategy.suggest(9)])
    assert strategy.place is None


def test_limits_bound_the_neighbourhood():
    domains = flat(3, 4)
    violation = below(domains, 2.0)
    strategy = search(domains, violation=violation, starts=1)
    tell(strategy, [p.arch for p in strategy.suggest(1)], lambda arch: 1.0)
    fitting = {arch for arch in domains.neighbours(strategy.place) if violation(arch) == 0}
    assert {p.arch for p in strategy.suggest(50)} == fitting


class Deep(SearchSpace):
    """One more layer multiplies the architectures by seven."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.stack = Repeat(self.layer, (1, 30), label="depth")

    def layer(self, index: int) -> nn.Module:
        return LayerChoice({str(k): nn.Identity for k in range(7)}, label=f"layer{index}")


def test_a_depth_is_one_decision_of_many_neighbours():
    domains = Deep.describe(DataSpec(1, 8, 8, 3))
    strategy = search(domains, starts=1)
    tell(strategy, [p.arch for p in strategy.suggest(1)], lambda arch: 1.0)
    depth = strategy.place["depth"]
    around = [p.arch for p in strategy.suggest(10_000)]
    assert len(around) == 29 + 6 * depth
    assert {arch["depth"] for arch in around} == set(range(1, 31))
    assert all(domains.arch(dict(arch)) == arch for arch in around)


def test_a_loaded_state_replaces_the_old_one():
    one, other = search(nested(), seed=0), search(nested(), seed=0)
    play(one, 20)
    play(other, 25, slots=3)
    other.load_state_dict(one.state_dict())
    assert other.place == one.place is not None
    assert play(other, 20) == play(one, 20)


def test_pending_starts_are_not_drawn_again():
    strategy = search(flat(1, 3), starts=2)
    pending = strategy.suggest(2)
    (last,) = strategy.suggest(3, pending)
    assert last not in pending
    assert strategy.suggest(1, [*pending, last]) == []
    assert isinstance(last, Proposal)


def test_wrong_options_are_named():
    with pytest.raises(UserError, match="-o starts=0: must be at least 1"):
        LocalSearchOptions(starts=0)
