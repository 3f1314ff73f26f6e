"""Counting, drawing, changing and encoding, against plain enumeration."""

from __future__ import annotations

from collections import Counter
from itertools import product
from math import comb

import numpy as np
import pytest
from torch import nn

from nasbench.errors import UserError
from nasbench.space import (
    Condition,
    DataSpec,
    Domain,
    Domains,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    ValueChoice,
)

SPEC = DataSpec(1, 8, 8, 3)


class Nested(SearchSpace):
    """Choices inside of choices, of every kind."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.block = LayerChoice(
            {
                "wide": lambda: nn.Linear(1, ValueChoice([2, 4, 8], label="width").number),
                "deep": lambda: Repeat(self.inner, (0, 2), label="depth"),
                "skip": nn.Identity,
            },
            label="block",
        )
        self.node = InputChoice(
            3,
            2,
            label="node",
            edges=[lambda i=i: self.inner(i, "edge") for i in range(3)],
        )

    def inner(self, index: int, name: str = "inner") -> nn.Module:
        return LayerChoice({"a": nn.Identity, "b": nn.Identity}, label=f"{name}{index}")


def brute_force() -> list[dict]:
    """Every architecture of ``Nested``, written out by hand."""
    blocks = [{"block": "skip"}]
    blocks += [{"block": "wide", "width": w} for w in (2, 4, 8)]
    for depth in range(3):
        for inner in product("ab", repeat=depth):
            block = {"block": "deep", "depth": depth}
            blocks.append(block | {f"inner{i}": op for i, op in enumerate(inner)})
    nodes = []
    for pair in ((0, 1), (0, 2), (1, 2)):
        for ops in product("ab", repeat=2):
            edges = {f"edge{i}": op for i, op in zip(pair, ops, strict=True)}
            nodes.append({"node": pair} | edges)
    return [block | node for block in blocks for node in nodes]


@pytest.fixture(scope="module")
def domains() -> Domains:
    return Nested.describe(SPEC)


def test_enumeration_agrees_with_brute_force(domains):
    expected = {domains.arch(choices) for choices in brute_force()}
    found = list(domains.enumerate())
    assert set(found) == expected
    assert len(found) == len(expected) == domains.size == 11 * 12


def test_sampling_is_uniform_over_architectures(domains):
    rng = np.random.default_rng(3)
    n = 40 * domains.size
    counts = Counter(domains.sample(rng) for _ in range(n))
    expected = n / domains.size
    chi2 = sum((counts[arch] - expected) ** 2 / expected for arch in domains.enumerate())
    freedom = domains.size - 1
    # The 99.99 % quantile of chi-square, by Wilson and Hilferty.
    limit = freedom * (1 - 2 / (9 * freedom) + 3.72 * (2 / (9 * freedom)) ** 0.5) ** 3
    assert chi2 < limit


def test_neighbours_are_exactly_the_archs_one_decision_away(domains):
    everything = list(domains.enumerate())

    def one_apart(a, b):
        """One shared decision differs by one step; the rest differs only where it must."""
        shared = [label for label in a if label in b and a[label] != b[label]]
        if len(shared) != 1:
            return False
        value = a[shared[0]], b[shared[0]]
        return not isinstance(value[0], tuple) or len(set(value[0]) - set(value[1])) == 1

    for arch in everything[::7]:
        assert set(domains.neighbours(arch)) == {b for b in everything if one_apart(arch, b)}


def test_mutation_reaches_every_neighbour_and_nothing_else(domains):
    rng = np.random.default_rng(0)
    arch = domains.sample(rng)
    reached = {domains.mutate(arch, rng) for _ in range(1500)}
    assert reached == set(domains.neighbours(arch))


def test_encoding_tells_architectures_apart(domains):
    codes = {tuple(domains.encode(arch)) for arch in domains.enumerate()}
    assert len(codes) == domains.size
    lengths = {len(code) for code in codes}
    assert lengths == {sum(len(domain.selectable) for domain in domains.values())}


def test_encoding_is_one_hot_and_multi_hot(domains):
    arch = domains.arch({"block": "skip", "node": [0, 2], "edge0": "b", "edge2": "a"})
    code = dict(zip(domains, np.split(domains.encode(arch), _ends(domains)), strict=True))
    assert code["block"].tolist() == [0, 0, 1]
    assert code["node"].tolist() == [1, 0, 1]
    assert code["edge0"].tolist() == [0, 1]
    assert code["edge1"].tolist() == [0, 0]


def _ends(domains):
    return np.cumsum([len(domain.selectable) for domain in domains.values()])[:-1]


def test_size_of_the_darts_space_is_the_papers():
    from search_spaces.darts import Darts

    cell = 1
    for node in range(1, 5):  # section A.3 of the paper: (k + 1) k / 2 pairs and 7 operations
        cell *= comb(node + 1, 2) * 7**2
    assert Darts.describe(DataSpec(3, 32, 32, 10)).size == cell**2


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"block": "skip"}, "lacks the label 'node'"),
        ({"block": "skip", "node": [0, 1], "edge0": "a"}, "lacks the label 'edge1'"),
        (
            {"block": "skip", "node": [0, 1], "edge0": "a", "edge1": "a", "width": 2},
            "extra label 'width'",
        ),
        ({"block": "skp", "node": [0, 1], "edge0": "a", "edge1": "a"}, "'skp': allowed: wide"),
        ({"block": "skip", "node": [0, 3], "edge0": "a", "edge1": "a"}, "2 different inputs"),
        ({"block": "skip", "node": [0], "edge0": "a"}, "2 different inputs of 0..2"),
        ({"block": "wide", "width": 2.0, "node": [0, 1], "edge0": "a", "edge1": "a"}, "2, 4, 8"),
        ({"blok": "skip"}, "did you mean block"),
    ],
)
def test_a_wrong_architecture_is_named(domains, choices, words):
    with pytest.raises(UserError) as caught:
        domains.arch(choices)
    assert words in str(caught.value)


def test_one_decision_may_be_active_at_several_sites():
    child = Domain(
        "child",
        "layer",
        ("x", "y", "z"),
        sites=(
            (Condition("p", frozenset({"a"})),),
            (Condition("q", frozenset({"a"})),),
        ),
    )
    p, q = Domain("p", "layer", ("a", "b")), Domain("q", "layer", ("a", "b"))
    domains = Domains([child, p, q])
    assert domains.size == 3 * 3 + 1
    assert len(set(domains.enumerate())) == 10


def test_a_cycle_is_refused():
    one = Domain("one", "layer", ("a",), sites=((Condition("two", frozenset({"a"})),),))
    two = Domain("two", "layer", ("a",), sites=((Condition("one", frozenset({"a"})),),))
    with pytest.raises(ValueError, match="depends on itself"):
        Domains([one, two])


def test_a_large_conditional_space_is_counted_exactly():
    def block(i: int) -> nn.Module:
        return LayerChoice({str(k): nn.Identity for k in range(7)}, label=f"b{i}")

    class Deep(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.stack = Repeat(block, (1, 40), label="depth")

    assert Deep.describe(SPEC).size == sum(7**d for d in range(1, 41))


def test_an_architecture_has_its_number(domains):
    everything = list(domains.enumerate())
    assert [domains.at(number) for number in range(domains.size)] == everything
    for number in (-1, domains.size):
        with pytest.raises(IndexError, match=f"no architecture {number}: the space has 132"):
            domains.at(number)


def test_a_change_draws_what_it_makes_active(domains):
    rng = np.random.default_rng(0)
    arch = domains.arch({"block": "skip", "node": [0, 2], "edge0": "b", "edge2": "a"})
    reached = Counter(domains.changed(arch, "block", "deep", rng) for _ in range(1400))
    expected = {a for a in domains.neighbours(arch) if a["block"] == "deep"}
    assert set(reached) == expected
    assert all(abs(n - 200) < 60 for n in reached.values())  # seven, each a seventh of the draws
    assert domains.changed(arch, "edge0", "a", rng) == domains.arch({**arch, "edge0": "a"})


def test_deciding_asks_for_what_is_active_only(domains):
    for arch in domains.enumerate():
        asked = []

        def choose(domain, arch=arch, asked=asked):
            asked.append(domain.label)
            return arch[domain.label]

        assert domains.decide(choose) == arch
        assert sorted(asked) == sorted(arch)


def test_distinct_samples_are_prefixes_of_each_other_and_end_with_the_whole_space():
    domains = Domains(Domain(f"layer{i}", "layer", ("a", "b", "c")) for i in range(2))
    draws = [domains.sample_distinct(n, np.random.default_rng(3)) for n in range(9)]
    assert [len(set(one)) for one in draws] == list(range(9))
    assert all(draws[n] == draws[8][:n] for n in range(9))
    stream = np.random.default_rng(3)
    assert domains.sample_distinct(20, stream) == list(domains.enumerate())
    assert stream.random() == np.random.default_rng(3).random()
