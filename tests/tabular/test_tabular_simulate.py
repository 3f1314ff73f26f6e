"""Simulated searches: what they pay, what they see, and what they end with."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from nasbench.budget import Budget
from nasbench.errors import UserError
from nasbench.space import Arch, Domain, Domains
from nasbench.strategies.sampled.base import Proposal, SampledContext, SampledStrategy
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy
from nasbench.tabular.base import Table
from nasbench.tabular.nasbench201 import Csv201
from nasbench.tabular.simulate import simulate


class Toy(Table):
    """Nine architectures; a training of ``e`` epochs takes ``10 e`` seconds."""

    name = "toy"
    datasets = ("dots",)
    lengths = (1, 3, 9)

    def __init__(self) -> None:
        self.domains = Domains([Domain(label, "value", (0, 1, 2)) for label in "ab"])
        self.latencies = {}
        self.tested: list[Arch] = []
        self.asked: list[tuple[Arch, int, int]] = []

    def validation(self, arch: Arch, dataset: str, epochs: int, seed: int) -> float:
        assert not self.tested, "the search goes on after a look at the test accuracies"
        self.asked.append((arch, epochs, seed))
        return (self._sum(arch) + epochs / 10) / 10

    def seconds(self, arch: Arch, dataset: str, epochs: int) -> float:
        return 10.0 * epochs

    def test(self, arch: Arch, dataset: str) -> float:
        self.tested.append(arch)
        return 1 - self._sum(arch) / 10

    def sizes(self, arch: Arch, dataset: str) -> dict[str, float]:
        return {"params": 100.0 + self._sum(arch), "macs": 5.0}

    def _sum(self, arch: Arch) -> int:
        return int(arch["a"]) + int(arch["b"])


def arch(a: int, b: int) -> Arch:
    return Arch({"a": a, "b": b})


@dataclass(frozen=True)
class Script:
    """What a scripted strategy proposes."""

    proposals: tuple[Proposal, ...] = ()
    for_ever: Proposal | None = None
    measures: tuple[str, ...] = ()


class Scripted(SampledStrategy):
    """Proposes what it is told."""

    Options = Script

    def __init__(self, domains: Domains, options: Script, setting: SampledContext) -> None:
        super().__init__(domains, options, setting)
        self.measures = options.measures

    def suggest(self, n: int, pending: Sequence[Proposal] = ()) -> list[Proposal]:
        left = self.options.proposals[len(self.results) :]
        ever = [self.options.for_ever] if self.options.for_ever else []
        return [*left, *ever][:n]


def run(*proposals: tuple[Arch, int], budget: str = "100", **script: object):
    table = Toy()
    options = Script(tuple(Proposal(*one) for one in proposals), **script)
    return simulate(table, "dots", Scripted, options, 7, Budget.parse(budget)), table


def test_a_search_pays_for_what_it_asks():
    trace, table = run((arch(0, 0), 9), (arch(2, 1), 9), (arch(1, 0), 9))
    assert trace.archs == (arch(0, 0), arch(2, 1), arch(1, 0))
    assert table.asked == [(one, 9, 7) for one in trace.archs]
    assert trace.epochs.tolist() == [9, 18, 27]
    assert trace.seconds.tolist() == [90, 180, 270]
    assert trace.incumbents == (arch(0, 0), arch(2, 1), arch(2, 1))
    assert trace.validation == pytest.approx([0.09, 0.39, 0.39])
    assert trace.test == pytest.approx([1.0, 0.7, 0.7])
    assert trace.seed == 7


def test_a_known_architecture_is_free_and_a_longer_training_costs_the_difference():
    one, other = arch(1, 1), arch(0, 1)
    trace, _ = run((one, 1), (one, 1), (one, 3), (other, 1), (one, 1), (one, 9), (one, 9))
    assert trace.archs == (one, one, other, one)
    assert trace.epochs.tolist() == [1, 3, 4, 10]
    assert trace.seconds.tolist() == [10, 30, 40, 100]
    # A shorter training of a known one is answered by the longer.
    assert trace.validation == pytest.approx([0.21, 0.23, 0.23, 0.29])


def test_the_longest_training_decides_before_the_accuracy():
    trace, _ = run((arch(0, 0), 3), (arch(2, 2), 1), (arch(2, 2), 9))
    assert trace.incumbents == (arch(0, 0), arch(0, 0), arch(2, 2))


def test_test_accuracies_are_read_once_each_after_the_end():
    _, table = run((arch(0, 0), 9), (arch(2, 2), 9), (arch(1, 0), 9))
    assert table.tested == [arch(0, 0), arch(2, 2)]


@pytest.mark.parametrize(
    ("budget", "queries"), [("2", 2), ("20 epochs", 3), ("18 epochs", 2), ("80s", 1), ("3min", 2)]
)
def test_the_budget_ends_a_search(budget, queries):
    every = [(arch(a, b), 9) for a, b in itertools.product(range(3), repeat=2)]
    trace, _ = run(*every, budget=budget)
    assert len(trace.archs) == queries


def test_a_strategy_that_repeats_itself_for_ever_ends():
    trace, _ = run((arch(1, 1), 9), for_ever=Proposal(arch(1, 1), 9))
    assert trace.archs == (arch(1, 1),)


def test_a_strategy_gets_the_costs_that_it_measures():
    told = []

    class Watching(Scripted):
        def update(self, results):
            told.extend(dict(result.costs) for result in results)
            super().update(results)

    script = Script((Proposal(arch(2, 2), 9),), measures=("params",))
    simulate(Toy(), "dots", Watching, script, 0, Budget.parse("5"))
    simulate(Toy(), "dots", Watching, Script(script.proposals), 0, Budget.parse("5"))
    assert told == [{"params": 104.0}, {}]


def test_what_the_table_does_not_have_is_told():
    with pytest.raises(UserError, match="Scripted asks for 4 epochs: toy has 1, 3, 9"):
        run((arch(0, 0), 4))
    with pytest.raises(UserError, match="asks for latency_ms: toy has only params, macs"):
        run((arch(0, 0), 9), measures=("latency_ms",))
    with pytest.raises(UserError, match="none was found within the limits"):
        run()


def test_a_strategy_is_told_the_lengths_and_the_limits():
    seen = []

    class Asking(Scripted):
        def __init__(self, domains, options, setting):
            super().__init__(domains, options, setting)
            seen.append(setting)

    def violation(one: Arch) -> float:
        return 0.0 if one["a"] == 1 else 2.0

    script = Script((Proposal(arch(1, 1), 9),))
    simulate(Toy(), "dots", Asking, script, 3, Budget.parse("5"), violation)
    assert seen == [SampledContext(3, 9, (1, 3, 9), violation)]


def test_random_within_limits_proposes_only_what_fits():
    def violation(one: Arch) -> float:
        return float(one["a"] != 1)

    trace = simulate(
        Toy(), "dots", RandomStrategy, RandomOptions(), 1, Budget.parse("50"), violation
    )
    assert sorted(trace.archs, key=str) == sorted((arch(1, b) for b in range(3)), key=str)


def test_incumbents_are_the_best_by_validation_so_far(generated: Csv201):
    budget = Budget.parse("60")
    trace = simulate(generated, "cifar100", RandomStrategy, RandomOptions(), 5, budget)
    assert len(set(trace.archs)) == 60
    seen = [generated.validation(one, "cifar100", 200, 5) for one in trace.archs]
    assert trace.validation.tolist() == np.maximum.accumulate(seen).tolist()
    for number, held in enumerate(trace.incumbents):
        assert held == trace.archs[int(np.argmax(seen[: number + 1]))]
        assert trace.test[number] == generated.test(held, "cifar100")
    times = [generated.seconds(one, "cifar100", 200) for one in trace.archs]
    assert trace.seconds == pytest.approx(np.cumsum(times))
