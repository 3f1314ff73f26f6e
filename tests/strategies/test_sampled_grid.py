"""Grid search: all of the space, once, in an order that spreads."""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import islice, pairwise

import pytest

from nasbench.space import DataSpec, Domain, Domains
from nasbench.strategies.sampled import grid
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext
from nasbench.strategies.sampled.grid import GridOptions, GridStrategy, golden_step
from nasbench.testing.problems import below, flat, nested
from search_spaces.mbconv import Proxyless


def made(domains, seed=0, **setting):
    return GridStrategy(domains, GridOptions(), SampledContext(seed=seed, **setting))


@pytest.mark.parametrize("domains", [flat(4, 3), nested()], ids=["flat", "nested"])
def test_the_order_holds_every_architecture_once(domains):
    search = made(domains)
    places = [search.place(number) for number in range(domains.size)]
    assert len(set(places)) == domains.size
    assert set(places) == set(domains.enumerate())


def test_suggestions_follow_the_order_whatever_the_seed():
    one, other = made(nested(), 0), made(nested(), 7)
    expected = [one.place(number) for number in range(6)]
    assert [p.arch for p in one.suggest(6)] == expected
    other.update([Result(arch, 0.1) for arch in expected[:2]])
    assert [p.arch for p in other.suggest(3, [Proposal(expected[2], 1)])] == expected[3:6]


def test_what_came_out_of_order_is_skipped_later():
    search = made(flat(2, 2))
    order = [search.place(number) for number in range(4)]
    search.update([Result(order[2], 0.1)])
    assert [p.arch for p in search.suggest(4)] == [order[0], order[1], order[3]]


@pytest.mark.parametrize("space", ["flat", "proxyless"])
def test_a_short_beginning_tries_every_option(space):
    large = DataSpec(3, 32, 32, 10)
    domains = flat(6, 5) if space == "flat" else Proxyless.describe(large)
    seen = defaultdict(set)
    for proposal in made(domains).suggest(25):
        for label, value in proposal.arch.items():
            seen[label].add(value)
    assert all(seen[label] == set(domains[label].options) for label in domains)


def test_any_beginning_is_spread_over_the_first_decision():
    domains = Domains([Domain("a", "value", tuple(range(100)))])
    search = made(domains)
    for count in (5, 10, 20, 50):
        numbers = sorted(int(search.place(i)["a"]) for i in range(count))
        gaps = [b - a for a, b in pairwise(numbers)]
        # Three gaps at most (the three-gap theorem), the largest less than three times the mean.
        assert len(set(gaps)) <= 3
        assert max(gaps) < 3 * 100 / count


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 10, 5**6, 3**8, 10**18, 7**30])
def test_the_step_meets_every_number(size):
    step = golden_step(size)
    assert math.gcd(step, size) == 1
    assert abs(step / size - 0.618) < 0.01 or size < 100


def test_limits_are_walked_over():
    domains = flat(3, 4)
    violation = below(domains, 2.0)
    search = made(domains, violation=violation)
    found = [p.arch for p in search.suggest(100)]
    assert set(found) == {arch for arch in domains.enumerate() if violation(arch) == 0}
    search.update([Result(arch, 0.1) for arch in found])
    assert search.suggest(1) == []


def test_it_gives_up_for_good_where_nothing_fits(monkeypatch):
    monkeypatch.setattr(grid, "GIVE_UP", 50)
    domains = Proxyless.describe(DataSpec(3, 32, 32, 10))
    asked = []
    search = made(
        domains, violation=lambda arch: float(len(asked) < 60 and not asked.append(arch))
    )
    assert search.suggest(1) == []
    assert len(asked) == 50
    assert search.suggest(1) == []  # though by now everything fits
    assert len(asked) == 50


def test_a_long_stretch_of_misfits_ends_with_what_fits(monkeypatch):
    monkeypatch.setattr(grid, "GIVE_UP", 40)
    domains = flat(4, 3)
    order = [made(domains).place(number) for number in range(domains.size)]
    fitting = {order[0], order[39], order[79]}
    search = made(domains, violation=lambda arch: float(arch not in fitting))
    assert [p.arch for p in search.suggest(1)] == [order[0]]
    search.update([Result(order[0], 0.1)])
    assert [p.arch for p in search.suggest(1)] == [order[39]]
    search.update([Result(order[39], 0.1)])
    # Of the 40 in between none fits; the same whether the places are looked at anew or not.
    assert [p.arch for p in search.suggest(1)] == [order[79]]


def test_a_loaded_state_begins_anew():
    search = made(flat(2, 2))
    before = search.state_dict()
    search.update([Result(p.arch, 0.1) for p in search.suggest(3)])
    search.suggest(1)
    search.load_state_dict(before)
    assert [p.arch for p in search.suggest(4)] == [search.place(number) for number in range(4)]


def test_numbers_are_those_of_the_enumeration():
    domains = nested()
    for number, arch in islice(enumerate(domains.enumerate()), 0, None, 37):
        assert domains.at(number) == arch
    for number in (-1, domains.size):
        with pytest.raises(IndexError, match="space has 6192"):
            domains.at(number)
