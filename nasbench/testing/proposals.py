"""The first half of the conformance suite of sampled strategies: what they propose."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from nasbench.space import Domains
from nasbench.strategies.sampled.base import Proposal, SampledContext, SampledStrategy
from nasbench.testing.fresh_process import in_fresh_process
from nasbench.testing.problems import below, course, flat, joint, nested, play, promise

FULL = 9  # epochs of a full training, enough for three rungs of halving


def repeated(proposals: Sequence[Proposal]) -> list[Proposal]:
    """Return the proposals of architectures proposed before for as long or longer."""
    longest: dict[str, int] = {}
    found = []
    for one in proposals:
        if longest.get(one.arch.id, 0) >= one.epochs:
            found.append(one)
        longest[one.arch.id] = one.epochs
    return found


def seed_global_streams(seed: int) -> None:
    """Seed the global streams, which a strategy must not use."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


def draw_from_global_streams() -> tuple[float, float, float]:
    """Return a number from each of Python's, numpy's and torch's global streams."""
    return random.random(), np.random.random(), float(torch.rand(()))  # noqa: NPY002


class ProposalSuite:
    """The first half of :class:`nasbench.testing.strategies.SampledStrategySuite`.

    Attributes:
        strategy: the class under test, at the top level of its module.
        options: its options, with which 60 trials are enough to show what it does; the defaults
            where ``None``.
        seeded: whether its proposals depend on the seed.
    """

    strategy: ClassVar[type[SampledStrategy]]
    options: ClassVar[Any] = None
    seeded: ClassVar[bool] = True

    def chosen(self) -> Any:
        """Return the options under test."""
        return self.strategy.Options() if self.options is None else self.options

    def make(self, domains: Domains, **setting: Any) -> SampledStrategy:
        """Return a new strategy; ``setting`` overrides fields of its ``SampledContext``."""
        return self.strategy(
            domains, self.chosen(), SampledContext(**{"epochs": FULL, "proxy": promise, **setting})
        )

    def test_options_have_defaults(self) -> None:
        """Options are a dataclass, and none of them must be given."""
        assert is_dataclass(self.strategy.Options)
        self.strategy(
            nested(), self.strategy.Options(), SampledContext(epochs=FULL, proxy=promise)
        )

    def test_proposals_lie_in_a_conditional_space(self) -> None:
        """Architectures with nested choices, depths, pairs of inputs and values are complete."""
        domains = nested()
        done = play(self.make(domains), 40, slots=2)
        assert len(done) == 40
        assert [domains.arch(dict(one.arch)) for one in done] == [one.arch for one in done]

    def test_options_of_training_are_searched_beside_a_space(self) -> None:
        """Ordered options, and those below others, are decisions like the space's own."""
        domains = joint()
        done = play(self.make(domains), 30, slots=2)
        assert len(done) == 30
        assert [domains.arch(dict(one.arch)) for one in done] == [one.arch for one in done]
        labels = ("training.lr", "training.optimizer", "training.momentum")
        varied = {label: {one.arch.get(label) for one in done} for label in labels}
        assert max(map(len, varied.values())) > 1

    def test_no_more_proposals_than_places(self) -> None:
        """``suggest(n)`` returns ``n`` different architectures at most."""
        strategy = self.make(flat())
        for n in (1, 3, 8):
            proposals = strategy.suggest(n)
            assert 1 <= len(proposals) <= n
            assert len({one.arch for one in proposals}) == len(proposals)

    def test_nothing_is_proposed_twice(self) -> None:
        """An architecture is proposed again only for a longer training, while others are new."""
        done = play(self.make(flat()), 60, slots=3)
        assert len(done) == 60
        assert not repeated(done)

    def test_pending_is_not_proposed(self) -> None:
        """Pending architectures are not proposed again, not even in a space of nine."""
        strategy = self.make(flat(2, 3))
        pending: list[Proposal] = []
        while len(pending) < 12 and (more := strategy.suggest(2, pending)):
            pending += more
        assert len(pending) > 1
        assert not repeated(pending)

    def test_suggest_leaves_no_trace(self) -> None:
        """A suggestion is a function of the results and the pending proposals."""
        strategy, other = self.make(nested()), self.make(nested())
        play(strategy, 25)
        play(other, 25)
        first = strategy.suggest(2)
        strategy.suggest(3, first)
        assert strategy.suggest(2) == first == other.suggest(2)
        assert strategy.suggest(3, first) == other.suggest(3, first)

    def test_same_seed_same_proposals_in_a_fresh_process(self) -> None:
        """Proposals do not depend on the process or the order of a set."""
        case = (
            self.strategy,
            self.chosen(),
            SampledContext(seed=3, epochs=FULL, proxy=promise),
            24,
        )
        assert in_fresh_process(course, *case) == course(*case)

    def test_seeds_differ(self) -> None:
        """Another seed is another search, unless the strategy is declared deterministic."""
        settings = [SampledContext(seed, FULL, proxy=promise) for seed in (0, 1)]
        one, other = (course(self.strategy, self.chosen(), s, 12) for s in settings)
        assert (one != other) == self.seeded

    def test_global_random_streams_are_left_alone(self) -> None:
        """The global random streams are neither read nor advanced."""
        seed_global_streams(5)
        expected = draw_from_global_streams()
        seed_global_streams(5)
        one = play(self.make(flat()), 24)
        assert draw_from_global_streams() == expected
        assert play(self.make(flat()), 24) == one

    @pytest.mark.parametrize("limit", [3.0, 1.7])
    def test_limits_are_kept(self, limit: float) -> None:
        """Of 4,096 architectures 756 keep the first limit, and 28 the second."""
        violation = below(flat(), limit)
        done = play(self.make(flat(), violation=violation), 24, slots=2)
        assert len({one.arch for one in done}) >= 8
        assert all(violation(one.arch) == 0 for one in done)

    def test_a_limit_that_nothing_keeps(self) -> None:
        """If nothing keeps the limits, it proposes nothing, in a bounded time."""
        assert self.make(flat(), violation=lambda arch: 1.0).suggest(2) == []

    def test_lengths_are_from_1_to_the_full_one(self) -> None:
        """Some training reaches the full length."""
        done = play(self.make(flat()), 60)
        assert all(1 <= one.epochs <= FULL for one in done)
        assert max(one.epochs for one in done) == FULL

    def test_only_lengths_that_can_be_had(self) -> None:
        """Only available lengths are proposed; a table of finished trainings has few."""
        done = play(self.make(flat(), epochs=200, lengths=(12, 200)), 60)
        assert {one.epochs for one in done} <= {12, 200}
        assert max(one.epochs for one in done) == 200
