"""The conformance suite itself: it finds what broken strategies do wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.strategies.sampled.base import Proposal
from nasbench.strategies.sampled.random import RandomStrategy
from nasbench.testing.strategies import SampledStrategySuite

CAUGHT = (AssertionError, KeyError, TypeError, UserError, pytest.fail.Exception)


class Repeats(RandomStrategy):
    def known(self, pending):
        return set()


class IgnoresPending(RandomStrategy):
    def known(self, pending):
        return super().known(())


class IgnoresLimits(RandomStrategy):
    def fits(self, arch):
        return True


class IgnoresSeed(RandomStrategy):
    def stream(self, pending):
        return np.random.default_rng(len(self.results) + len(pending))


class Counts(RandomStrategy):
    calls = 0

    def stream(self, pending):
        self.calls += 1
        return np.random.default_rng((self.context.seed, self.calls))


class Hashes(RandomStrategy):
    def stream(self, pending):
        return np.random.default_rng(abs(hash(str(len(self.results)))))


class GlobalStream(RandomStrategy):
    def stream(self, pending):
        return np.random.default_rng(np.random.randint(10**6))  # noqa: NPY002


class TooLong(RandomStrategy):
    def full(self, arch):
        return Proposal(arch, self.context.epochs + 1)


class NeverLong(RandomStrategy):
    def full(self, arch):
        return Proposal(arch, 1)


class Incomplete(RandomStrategy):
    def full(self, arch):
        return super().full(type(arch)(dict(list(arch.items())[1:])))


class TooMany(RandomStrategy):
    def suggest(self, n, pending=()):
        return super().suggest(n + 1, pending)


class GivesUp(RandomStrategy):
    def suggest(self, n, pending=()):
        return super().suggest(n, pending)[: max(0, 5 - len(self.results))]


class Undeclared(RandomStrategy):
    def update(self, results):
        super().update(results)
        self.lowest = min(one.costs["params"] for one in results)


class UnknownCost(RandomStrategy):
    measures = ("flops",)


class TakesFailures(RandomStrategy):
    def best(self):
        return next((one for one in self.results if one.failed), self.results[0])


class Forgets(RandomStrategy):
    def load_state_dict(self, state):
        super().load_state_dict({"results": state["results"][1:]})


class TakesTheWorst(RandomStrategy):
    def best(self):
        super().best()
        return min(self.results, key=lambda one: one.score)


@dataclass(frozen=True)
class Needed:
    population: int


class NeedsOptions(RandomStrategy):
    Options = Needed


@pytest.mark.parametrize(
    ("broken", "test"),
    [
        (Repeats, "test_nothing_is_proposed_twice"),
        (Repeats, "test_a_small_space_ends"),
        (IgnoresPending, "test_pending_is_not_proposed"),
        (IgnoresLimits, "test_limits_are_kept"),
        (IgnoresLimits, "test_a_limit_that_nothing_keeps"),
        (IgnoresSeed, "test_seeds_differ"),
        (Counts, "test_suggest_leaves_no_trace"),
        (Counts, "test_state_goes_through_json"),
        (Hashes, "test_same_seed_same_proposals_in_a_fresh_process"),
        (GlobalStream, "test_global_random_streams_are_left_alone"),
        (TooLong, "test_lengths_are_from_1_to_the_full_one"),
        (NeverLong, "test_lengths_are_from_1_to_the_full_one"),
        (NeverLong, "test_only_lengths_that_can_be_had"),
        (Incomplete, "test_proposals_lie_in_a_conditional_space"),
        (TooMany, "test_no_more_proposals_than_places"),
        (GivesUp, "test_results_out_of_order"),
        (Undeclared, "test_nothing_is_proposed_twice"),
        (UnknownCost, "test_measures_are_known_costs"),
        (TakesFailures, "test_some_trials_fail"),
        (TakesFailures, "test_all_trials_fail"),
        (Forgets, "test_state_goes_through_json"),
        (TakesTheWorst, "test_the_best_and_the_front"),
        (TakesTheWorst, "test_it_learns"),
        (NeedsOptions, "test_options_have_defaults"),
    ],
)
def test_the_suite_catches(broken, test):
    suite = type("Suite", (SampledStrategySuite,), {"strategy": broken, "learns": True})()
    arguments = {"test_a_small_space_ends": (1,), "test_limits_are_kept": (1.7,)}.get(test, ())
    with pytest.raises(CAUGHT):
        getattr(suite, test)(*arguments)
