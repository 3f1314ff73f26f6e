"""The conformance suite of sampled strategies: what the engine expects of each of them."""

from __future__ import annotations

import json
from statistics import median
from typing import ClassVar

import numpy as np
import pytest

from nasbench.strategies.sampled.base import Proposal, Result, SampledContext, SampledStrategy
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy
from nasbench.testing.problems import evaluate, fail, flat, nested, play
from nasbench.testing.proposals import FULL, ProposalSuite, repeated


class SampledStrategySuite(ProposalSuite):
    """Inherit from it to test a sampled strategy.

    Example:
        >>> class TestMine(SampledStrategySuite):
        ...     strategy = MyStrategy
        ...     options = MyOptions(population=10)

    Attributes:
        strategy, options, seeded: what is under test; see :class:`ProposalSuite`.
        learns: whether it promises to beat random search on an easy problem.
    """

    learns: ClassVar[bool] = False

    def test_measures_are_known_costs(self) -> None:
        """``measures`` names costs of the engine; the results in this suite have no others."""
        measures = self.make(flat()).measures
        assert isinstance(measures, tuple)
        assert set(measures) <= {"params", "macs", "latency_ms"}

    @pytest.mark.parametrize("slots", [1, 4])
    def test_a_small_space_ends(self, slots: int) -> None:
        """Every architecture is proposed, none twice at the same length, and then nothing."""
        strategy = self.make(flat(2, 3))
        done = play(strategy, 100, slots)
        assert not repeated(done)
        assert {one.arch for one in done} == set(flat(2, 3).enumerate())
        assert strategy.suggest(4) == []

    def test_a_space_without_a_choice_ends(self) -> None:
        """The only architecture is proposed, and then nothing."""
        done = play(self.make(flat(1, 1)), 20)
        assert len({one.arch for one in done}) == 1
        assert not repeated(done)

    def test_state_goes_through_json(self) -> None:
        """A strategy that loads a state continues as the one that saved it, new or used."""
        strategy, loaded = self.make(nested()), self.make(nested())
        play(strategy, 25, slots=2)
        play(loaded, 12)
        loaded.load_state_dict(json.loads(json.dumps(strategy.state_dict())))
        assert loaded.best() == strategy.best()
        assert play(loaded, 10) == play(strategy, 10)

    def test_some_trials_fail(self) -> None:
        """A failed trial is never the best one, and the search continues."""
        strategy = self.make(flat())

        def every_third_fails(strategy: SampledStrategy, proposal: Proposal) -> Result:
            failing = len(strategy.results) % 3 == 0
            return fail(strategy, proposal) if failing else evaluate(strategy, proposal)

        assert len(play(strategy, 40, slots=2, outcome=every_third_fails)) == 40
        assert not strategy.best().failed
        assert not any(one.failed for one in strategy.front())

    def test_all_trials_fail(self) -> None:
        """New architectures are proposed, and there is no best one."""
        strategy = self.make(flat())
        done = play(strategy, 30, slots=2, outcome=fail)
        assert len(done) == 30
        assert not repeated(done)
        for ask in (strategy.best, strategy.front):
            with pytest.raises(ValueError, match="no architecture"):
                ask()

    def test_results_out_of_order(self) -> None:
        """Four slots are kept busy, in whichever order the trials end."""
        done = play(self.make(nested()), 40, slots=4, order=np.random.default_rng(7))
        assert len(done) == 40
        assert not repeated(done)

    def test_a_result_that_comes_twice(self) -> None:
        """New proposals follow those whose results the engine already has."""
        strategy = self.make(flat())
        proposals: list[Proposal] = []
        for _ in range(20):
            proposals += strategy.suggest(1)
            strategy.update([evaluate(strategy, proposals[-1])] * 2)
        assert len(proposals) == 20
        assert not repeated(proposals)

    def test_the_best_and_the_front(self) -> None:
        """The best result has the highest score of the longest trainings and is in the front."""
        strategy = self.make(flat())
        play(strategy, 60)
        longest = [one for one in strategy.results if one.epochs == FULL]
        assert strategy.best().score == max(one.score for one in longest)
        assert strategy.best() in strategy.front()
        assert all(one in strategy.results for one in strategy.front())

    def test_it_learns(self) -> None:
        """After 60 trials of an easy problem it is at least as good as most random searches."""
        if not self.learns:
            pytest.skip(f"{self.strategy.__name__} does not promise to beat random search")

        def reached(strategy: SampledStrategy) -> float:
            play(strategy, 60)
            return strategy.best().score

        settings = [SampledContext(seed, FULL) for seed in range(9)]
        chance = [reached(RandomStrategy(flat(), RandomOptions(), one)) for one in settings]
        assert reached(self.make(flat())) >= median(chance)
