"""Random search, and what every sampled strategy inherits: the best, the state, the draws."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from nasbench.space import Domain, Domains
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy
from nasbench.testing.problems import below, flat, nested


def search(domains, seed=0, **setting):
    return RandomStrategy(domains, RandomOptions(), SampledContext(seed=seed, **setting))


def course(domains, seed):
    made = search(domains, seed)
    for number in range(5):
        (proposal,) = made.suggest(1)
        made.update([Result(proposal.arch, score=number % 3 / 3)])
    return made


def test_it_draws_different_architectures_from_the_seed():
    one, again, other = course(nested(), 0), course(nested(), 0), course(nested(), 1)
    assert [r.arch for r in one.results] == [r.arch for r in again.results]
    assert [r.arch for r in one.results] != [r.arch for r in other.results]
    assert len({r.arch for r in one.results}) == 5
    assert one.best() == one.results[2]  # the first of the two that scored best


def test_it_is_a_function_of_its_updates():
    one, two = search(nested()), search(nested())
    one.update([Result(p.arch, 0.5) for p in one.suggest(2)])
    one.suggest(3)  # without its update this leaves no trace
    two.load_state_dict(one.state_dict())
    assert one.suggest(2) == two.suggest(2)


def test_it_ends_where_the_space_does():
    made = search(Domains([Domain("a", "layer", ("x", "y", "z"))]))
    found = made.suggest(10)
    assert len(found) == 3
    made.update([Result(p.arch, 0.1) for p in found])
    assert made.suggest(10) == []


def test_the_first_draw_is_uniform():
    domains = Domains([Domain("a", "layer", ("x", "y")), Domain("b", "layer", ("x", "y"))])
    draws = Counter(search(domains, seed).suggest(1)[0].arch for seed in range(800))
    expected = 200
    assert sum((n - expected) ** 2 / expected for n in draws.values()) < 16.3  # 99.9 % of chi^2, 3
    assert len(draws) == 4


def test_proposals_ask_for_the_full_length():
    assert [p.epochs for p in search(flat(), epochs=7).suggest(2)] == [7, 7]


def test_without_results_there_is_no_best():
    made = search(flat())
    made.update([Result(made.suggest(1)[0].arch, 0.9, failed=True)])
    with pytest.raises(ValueError, match="no architecture"):
        made.best()


def test_the_longest_training_counts_for_the_best():
    domains = flat()
    short, long, failed = (domains.at(i) for i in range(3))
    made = search(domains)
    made.update([Result(short, 0.9, epochs=1), Result(long, 0.5, epochs=3)])
    made.update([Result(failed, 0.95, epochs=3, failed=True)])
    assert made.best().arch == long
    assert made.front() == [made.best()]


def test_what_next_to_nothing_fits_is_walked_to():
    domains = flat(8, 8)
    violation = below(domains, 1.2)  # of 8^8 architectures the smallest and its next 8 fit
    fitting = [arch for arch in map(domains.at, range(8**3)) if violation(arch) == 0]
    assert len(fitting) == 1 + 3  # among those that differ in the last three decisions alone
    (proposal,) = search(domains, violation=violation).suggest(1)
    assert violation(proposal.arch) == 0


def test_pending_is_known():
    domains = Domains([Domain("a", "layer", ("x", "y", "z"))])
    one, other, last = domains.enumerate()
    made = search(domains)
    made.update([Result(one, 0.1)])
    assert [p.arch for p in made.suggest(3, [Proposal(other, 1)])] == [last]


def test_equal_numbers_of_results_and_pending_draw_the_same():
    one, other = search(nested()), search(nested())
    archs = [nested().sample(np.random.default_rng(i)) for i in range(2)]
    one.update([Result(archs[0], 0.5)])
    other.update([Result(archs[0], 0.7)])
    pending = [Proposal(archs[1], 1)]
    assert one.suggest(1, pending) == other.suggest(1, pending)
