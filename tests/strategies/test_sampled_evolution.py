"""Regularized evolution against a plain transcription of the paper's algorithm."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext
from nasbench.strategies.sampled.evolution import EvolutionOptions, EvolutionStrategy
from nasbench.testing.problems import flat, nested, play


def worth(arch):
    """Return a score without ties or structure: the population is all that counts."""
    return derive(0, arch.canonical) / 2**63


def search(domains, seed=0, **options):
    return EvolutionStrategy(domains, EvolutionOptions(**options), SampledContext(seed=seed))


def step(strategy):
    (proposal,) = strategy.suggest(1)
    strategy.update([Result(proposal.arch, worth(proposal.arch))])
    return proposal.arch


def plain(domains, seed, population, sample, evaluations, ageing):
    """Algorithm 1 of Real et al. (2019), with the worst instead of the oldest to die at will."""
    history, alive = [], deque()
    while len(history) < evaluations:
        stream = np.random.default_rng(derive(seed, "EvolutionStrategy", len(history)))
        child = None
        while child is None or child in history:
            if len(alive) < population:
                child = domains.sample(stream)
                continue
            drawn = [alive[i] for i in stream.integers(population, size=sample)]
            child = domains.mutate(max(drawn, key=worth), stream)
        history.append(child)
        alive.append(child)
        if len(alive) > population:
            if ageing:
                alive.popleft()
            else:
                alive.remove(min(alive, key=worth))
                alive = deque(sorted(alive, key=worth, reverse=True))
    return history


@pytest.mark.parametrize("domains", [flat(8, 4), nested()], ids=["flat", "nested"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_course_is_the_papers(domains, seed):
    strategy = search(domains, seed, population=8, sample=3)
    assert [step(strategy) for _ in range(60)] == plain(domains, seed, 8, 3, 60, ageing=True)


def test_without_ageing_the_worst_dies():
    strategy = search(flat(8, 4), population=8, sample=3, ageing=False)
    expected = plain(flat(8, 4), 0, 8, 3, 60, ageing=False)
    # The first population stands in its order of birth, the later ones by score.
    assert [step(strategy) for _ in range(8)] == expected[:8]
    strategy.update([Result(arch, worth(arch)) for arch in expected[8:59]])
    assert step(strategy) == expected[59]


def one_apart(one, other):
    return sum(one[label] != other[label] for label in one) == 1


def test_the_oldest_is_no_parent_however_good():
    domains = flat(8, 4)
    old, *young = [domains.at(i * 3_001) for i in range(5)]
    strategy = search(domains, population=4, sample=4)
    strategy.update([Result(old, 1.0)] + [Result(arch, 0.1) for arch in young])
    children = [p.arch for p in strategy.suggest(30)]
    assert not any(one_apart(old, child) for child in children)
    assert all(any(one_apart(arch, child) for arch in young) for child in children)


def test_a_failed_trial_is_neither_a_parent_nor_counted():
    domains = flat(8, 4)
    failed, *good = [domains.at(i * 3_001) for i in range(4)]
    strategy = search(domains, population=3, sample=3)
    strategy.update([Result(arch, 0.2) for arch in good])
    strategy.update([Result(failed, 1.0, failed=True)])
    children = [p.arch for p in strategy.suggest(30)]
    assert all(any(one_apart(arch, child) for arch in good) for child in children)


def test_the_first_population_is_random_and_counts_what_is_pending():
    domains = flat(8, 4)
    strategy = search(domains, population=5, sample=5)
    archs = [domains.at(i * 3_001) for i in range(4)]
    strategy.update([Result(archs[0], 0.5), Result(archs[1], 0.4)])
    pending = [Proposal(arch, 1) for arch in archs[2:]]
    first, second = strategy.suggest(2, pending)  # the fifth, and the first child
    assert not any(one_apart(arch, first.arch) for arch in archs)
    assert any(one_apart(arch, second.arch) for arch in archs[:2])


def test_where_all_children_are_known_it_walks_on():
    domains = flat(2, 4)
    parent = domains.at(0)
    strategy = search(domains, population=1, sample=1)
    around = list(domains.neighbours(parent))
    strategy.update([Result(arch, 0.1) for arch in around] + [Result(parent, 0.9)])
    rest = set(domains.enumerate()) - {parent, *around}
    assert {p.arch for p in strategy.suggest(20)} == rest


def test_the_best_of_the_sample_is_the_parent():
    domains = flat(8, 4)
    good, bad = domains.at(0), domains.at(30_001)
    strategy = search(domains, population=2, sample=2)
    strategy.update([Result(good, 0.9), Result(bad, 0.1)])
    children = [p.arch for p in strategy.suggest(16)]
    # Both draws are the bad one in a quarter of the cases.
    assert 1 <= sum(one_apart(bad, child) for child in children) <= 9
    assert all(one_apart(bad, child) or one_apart(good, child) for child in children)


def test_it_is_far_better_than_chance_where_there_is_a_slope():
    strategy = search(flat(8, 4), population=20, sample=10)
    play(strategy, 150)
    # Of eight draws from four, six or more hit with a chance of 0.4 %; here nearly all do.
    assert list(strategy.best().arch.values()).count("d") >= 7


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"population": 0}, "-o population=0: must be at least 1"),
        ({"sample": 21}, "-o sample=21: must be in [1, population=20]"),
        ({"sample": 0}, "-o sample=0: must be in [1, population=20]"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(UserError) as caught:
        EvolutionOptions(**options)
    assert words in str(caught.value)
