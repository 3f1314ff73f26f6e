"""The loop that drives every search."""

from __future__ import annotations

from nasbench.strategies.sampled import ask_tell
from nasbench.strategies.sampled.ask_tell import Function, Proposals, ask_and_tell
from nasbench.strategies.sampled.base import Result, SampledContext
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy
from nasbench.testing.problems import flat


class Numbers:
    """A source of numbers that has none while the last two are under way; two slots."""

    slots = 2

    def __init__(self, count: int, wait_at: int | None = None) -> None:
        self.left = list(range(count))
        self.wait_at = wait_at
        self.calls: list[str] = []
        self.under_way: list[int] = []

    def ask(self) -> int | None:
        if not self.left or (self.left[0] == self.wait_at and self.under_way):
            self.calls.append("none")
            return None
        return self.left.pop(0)

    def tell(self, done: int) -> None:
        self.calls.append(f"tell {done}")

    def submit(self, job: int) -> None:
        self.calls.append(f"begin {job}")
        self.under_way.append(job)

    def next(self) -> int:
        return self.under_way.pop(0)


def test_slots_are_kept_filled():
    numbers = Numbers(3)
    ask_and_tell(numbers, numbers, lambda: True)
    assert numbers.calls == [
        *("begin 0", "begin 1", "tell 0"),
        *("begin 2", "tell 1"),
        *("none", "tell 2", "none"),
    ]


def test_a_source_that_waits_is_asked_again_after_each_end():
    numbers = Numbers(2, wait_at=1)
    ask_and_tell(numbers, numbers, lambda: True)
    assert numbers.calls == ["begin 0", "none", "tell 0", "begin 1", "none", "tell 1", "none"]


def test_what_is_under_way_when_the_budget_is_spent_is_waited_for():
    numbers = Numbers(9)
    ask_and_tell(numbers, numbers, lambda: len(numbers.left) > 6)
    assert numbers.calls == ["begin 0", "begin 1", "tell 0", "begin 2", "tell 1", "tell 2"]


def test_known_architectures_are_answered_from_memory(monkeypatch):
    monkeypatch.setattr(ask_tell, "KNOWN_IN_A_ROW", 5)
    strategy = RandomStrategy(flat(1, 4), RandomOptions(), SampledContext())
    first, second, *_ = flat(1, 4).enumerate()
    known = {first: Result(first, 0.9), second: Result(second, 0.8)}
    evaluated = []

    def evaluate(proposal):
        evaluated.append(proposal.arch)
        return Result(proposal.arch, 0.1)

    source = Proposals(strategy, lambda proposal: known.get(proposal.arch))
    ask_and_tell(source, Function(evaluate), lambda: True)
    assert len(evaluated) == 2
    assert not known.keys() & set(evaluated)
    assert len(strategy.results) == 4
    assert source.pending == []


def test_a_search_that_proposes_known_architectures_alone_has_converged(monkeypatch):
    monkeypatch.setattr(ask_tell, "KNOWN_IN_A_ROW", 3)
    strategy = RandomStrategy(flat(2, 4), RandomOptions(), SampledContext())
    source = Proposals(strategy, lambda proposal: Result(proposal.arch, 0.5))
    assert source.ask() is None
    assert len(strategy.results) == 3
