"""The evolution of SPOS: generations, parents, mutations and crossings."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from nasbench.space import Domains
from nasbench.space.domain import Condition, Domain
from nasbench.strategies.oneshot.path_evolution import (
    PathEvolution,
    PathEvolutionOptions,
    mutated,
)
from nasbench.strategies.sampled.base import Proposal, Result, SampledContext
from nasbench.testing.strategies import SampledStrategySuite


class TestPathEvolution(SampledStrategySuite):
    strategy = PathEvolution
    options = PathEvolutionOptions(population=4, parents=2)


LETTERS = tuple("abcd")
DOMAINS = Domains([Domain(f"layer{i}", "layer", LETTERS) for i in range(10)])


def score(arch):
    """Return the share of decisions that are the last letter."""
    return sum(value == "d" for value in arch.values()) / len(arch)


def run(number, **options):
    made = PathEvolution(DOMAINS, PathEvolutionOptions(**options), SampledContext(seed=3))
    for _ in range(number):
        (proposal,) = made.suggest(1)
        made.update([Result(proposal.arch, score(proposal.arch))])
    return made


def test_each_generation_is_half_mutated_and_half_crossed_from_the_best_so_far():
    made = run(60, population=20, parents=3, mutation=0.1)
    assert len({result.arch for result in made.results}) == 60
    for generation in (1, 2):
        over = made.results[: 20 * generation]
        parents = [r.arch for r in sorted(over, key=lambda r: -r.score)[:3]]
        own = [r.arch for r in made.results[20 * generation : 20 * (generation + 1)]]
        for child in own[10:]:  # of two parents, except where all their crossings are known
            taken = [child[k] in {p[k] for p in parents} for k in DOMAINS]
            assert sum(taken) >= 9
        distances = [
            min(sum(child[k] != p[k] for k in DOMAINS) for p in parents) for child in own[:10]
        ]
        assert all(distance >= 1 for distance in distances)
        assert np.mean(distances) < 3  # at 0.1 and 10 decisions about one changes


def test_it_finds_what_chance_does_not():
    evolved = run(300, population=30, parents=5).best().score
    stream = np.random.default_rng(0)
    assert evolved > max(score(DOMAINS.sample(stream)) for _ in range(300))
    assert evolved >= 0.9


def test_a_mutation_redraws_a_decision_with_its_rate():
    stream, arch = np.random.default_rng(0), DOMAINS.sample(np.random.default_rng(1))
    changed, seen = 0, Counter()
    for _ in range(1000):
        child = mutated(DOMAINS, arch, 0.4, stream)
        changed += sum(child[k] != arch[k] for k in DOMAINS)
        seen[child["layer0"]] += 1
    # Three of the four values of a redrawn decision differ from the old one.
    assert changed / 10_000 == pytest.approx(0.4 * 3 / 4, abs=0.02)
    assert seen[arch["layer0"]] / 1000 == pytest.approx(0.7, abs=0.05)
    assert mutated(DOMAINS, arch, 0.0, stream) == arch


def test_a_decision_that_becomes_active_is_drawn():
    inner = Domain("inner", "layer", LETTERS, sites=((Condition("outer", frozenset("b")),),))
    domains = Domains([Domain("outer", "layer", ("a", "b")), inner])
    arch, stream = domains.arch({"outer": "a"}), np.random.default_rng(0)
    children = [mutated(domains, arch, 0.5, stream) for _ in range(400)]
    assert all(domains.arch(child) == child for child in children)
    assert {child["inner"] for child in children if "inner" in child} == set(LETTERS)


def test_what_is_under_way_counts_as_part_of_its_generation():
    made = run(4, population=4, parents=1)
    first = made.suggest(1)
    assert made.suggest(1) == first  # a suggestion leaves no trace
    three = [*first, *made.suggest(1, first)]
    assert len({proposal.arch for proposal in three}) == 2
    failed = PathEvolution(DOMAINS, PathEvolutionOptions(population=2), SampledContext())
    failed.update(
        [Result(DOMAINS.sample(np.random.default_rng(i)), 0.0, failed=True) for i in (0, 1)]
    )
    assert isinstance(failed.suggest(1)[0], Proposal)  # without a parent it draws
