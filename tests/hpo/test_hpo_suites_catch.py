"""The suites of tuners and assessors themselves: they find broken ones."""

from __future__ import annotations

import random

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.hpo.assessors.hyperband import HyperbandAssessor
from nasbench.hpo.assessors.medianstop import MedianstopAssessor
from nasbench.hpo.tuners.nni import PbtOptions, PbtTuner
from nasbench.hpo.tuners.optuna import StartupOptions, TpeTuner
from nasbench.hpo.tuners.random import RandomTuner
from nasbench.testing.assessors import AssessorSuite
from nasbench.testing.tuners import TunerSuite

CAUGHT = (AssertionError, KeyError, TypeError, UserError, pytest.fail.Exception)


class Needs:
    """Options without a default."""

    def __init__(self, population: int) -> None:
        self.population = population


class NeedsOptions(RandomTuner):
    Options = Needs


class Outside(RandomTuner):
    def suggest(self, number):
        return {**super().suggest(number), "lr": 7.0}


class Incomplete(RandomTuner):
    def suggest(self, number):
        params = super().suggest(number)
        del params["lr"]
        return params


class TakesNested(RandomTuner):
    needs_flat = True

    def __init__(self, space, options, seed, maximize=True):
        self.needs_flat = False
        super().__init__(space, options, seed, maximize)


class IgnoresSeed(RandomTuner):
    def __init__(self, space, options, seed, maximize=True):
        super().__init__(space, options, 0, maximize)


class Unseeded(RandomTuner):
    def __init__(self, space, options, seed, maximize=True):
        super().__init__(space, options, random.SystemRandom().randrange(2**31), maximize)


class Hashes(RandomTuner):
    def __init__(self, space, options, seed, maximize=True):
        super().__init__(space, options, seed + abs(hash(str(seed))) % 2**31, maximize)


class GlobalStream(RandomTuner):
    def suggest(self, number):
        np.random.random()  # noqa: NPY002
        return super().suggest(number)


class RemembersObjects(RandomTuner):
    """Its state is not a function of the calls: it recognizes the object that it returned."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.returned = {}

    def suggest(self, number):
        self.returned[number] = super().suggest(number)
        return self.returned[number]

    def learn(self, number, params, score):
        if params is self.returned[number]:
            self._rng.random()


class CountsQuestions(PbtTuner):
    """A call that returns ``None`` changes what follows."""

    asked = 0

    def suggest(self, number):
        self.asked += 1
        found = super().suggest(number)
        return found if found is None else {**found, "depth": 2 + self.asked % 5}


class GivesUp(RandomTuner):
    def suggest(self, number):
        return super().suggest(number) if number < 5 else None


class OneAtATime(RandomTuner):
    running = 0

    def suggest(self, number):
        self.exhausted = self.running > 0
        if self.exhausted:
            return None
        self.running += 1
        return super().suggest(number)

    def learn(self, number, params, score):
        self.running -= 1


class FailsOnFailure(RandomTuner):
    def fail(self, number, params):
        raise KeyError(number)


class ContinuesAnything(RandomTuner):
    def parent(self, number):
        return number - 1 if number else None


class Repeats(RandomTuner):
    def suggest(self, number):
        self._seen.clear()
        return super().suggest(number)


class OnlyMaximizes(TpeTuner):
    def __init__(self, space, options, seed, maximize=True):
        super().__init__(space, options, seed, True)


TUNERS = [
    (NeedsOptions, "test_options_have_defaults"),
    (Outside, "test_suggestions_lie_in_the_space"),
    (Incomplete, "test_suggestions_lie_in_the_space"),
    (Outside, "test_nested_choices_are_taken_or_refused"),
    (TakesNested, "test_nested_choices_are_taken_or_refused"),
    (Unseeded, "test_the_same_calls_give_the_same_suggestions"),
    (Hashes, "test_the_same_calls_give_the_same_suggestions"),
    (RemembersObjects, "test_a_resumed_run_continues_as_the_whole_one"),
    (IgnoresSeed, "test_another_seed_gives_other_suggestions"),
    (GlobalStream, "test_global_random_states_are_left_alone"),
    (CountsQuestions, "test_no_suggestion_leaves_no_trace"),
    (OneAtATime, "test_many_trials_at_once"),
    (GivesUp, "test_all_trials_fail"),
    (FailsOnFailure, "test_all_trials_fail"),
    (ContinuesAnything, "test_all_trials_fail"),
    (ContinuesAnything, "test_parents_are_finished_trials"),
    (Repeats, "test_a_small_space_ends"),
    (GivesUp, "test_a_small_space_ends"),
    (RandomTuner, "test_it_learns"),
    (OnlyMaximizes, "test_it_learns"),
]
OPTIONS = {
    CountsQuestions: PbtOptions(population_size=6),
    OnlyMaximizes: StartupOptions(n_startup_trials=6),
    NeedsOptions: RandomTuner.Options(),
}


@pytest.mark.parametrize(("broken", "test"), TUNERS)
def test_a_broken_tuner_is_caught(broken, test):
    suite = SUITES[broken]()
    arguments = {"test_it_learns": (False,)}.get(test, ())
    with pytest.raises(CAUGHT):
        getattr(suite, test)(*arguments)


class Reversed(MedianstopAssessor):
    def __init__(self, options, maximize=True, epochs=None):
        super().__init__(options, not maximize, epochs)


class NeverEnds(MedianstopAssessor):
    def _keep(self, number, history):
        super()._keep(number, history)
        return True


class IgnoresDirection(MedianstopAssessor):
    def __init__(self, options, maximize=True, epochs=None):
        super().__init__(options, True, epochs)


class Assumes(HyperbandAssessor):
    def __init__(self, options, maximize=True, epochs=None):
        super().__init__(options, maximize, epochs or 9)


class Flips(MedianstopAssessor):
    def _keep(self, number, history):
        return random.SystemRandom().random() < 0.9


class DrawsGlobally(MedianstopAssessor):
    def _keep(self, number, history):
        return random.random() < 2 and super()._keep(number, history)


class Sorts(MedianstopAssessor):
    def _keep(self, number, history):
        history.sort(reverse=True)
        return super()._keep(number, history)


class TakesAnything(MedianstopAssessor):
    def keep(self, number, history):
        return self._keep(number, history)


class NeedsReports(MedianstopAssessor):
    def end(self, number, completed):
        self._assessed.remove(number)
        self._assessor.trial_end(number, completed)


ASSESSORS = [
    (NeedsOptions, "test_options_have_defaults"),
    (Reversed, "test_worse_trials_end_earlier"),
    (NeverEnds, "test_worse_trials_end_earlier"),
    (IgnoresDirection, "test_smaller_scores_may_be_better"),
    (Assumes, "test_an_unknown_number_of_reports"),
    (Flips, "test_the_same_calls_give_the_same_decisions"),
    (DrawsGlobally, "test_global_random_states_are_left_alone"),
    (Sorts, "test_the_history_is_left_alone"),
    (TakesAnything, "test_a_score_that_is_not_finite_ends_the_trial_alone"),
    (NeedsReports, "test_trials_side_by_side_and_without_a_report"),
]


@pytest.mark.parametrize(("broken", "test"), ASSESSORS)
def test_a_broken_assessor_is_caught(broken, test):
    suite = type("Suite", (AssessorSuite,), {"assessor": broken})()
    with pytest.raises(CAUGHT):
        getattr(suite, test)()


# Suites at the top level, where the other process finds them.
SUITES = {}
for _broken, _ in TUNERS:
    _name = f"{_broken.__name__}Suite"
    _fields = {"tuner": _broken, "options": OPTIONS.get(_broken), "exhausts": True, "learns": True}
    SUITES[_broken] = type(_name, (TunerSuite,), {**_fields, "__module__": __name__})
    globals()[_name] = SUITES[_broken]
