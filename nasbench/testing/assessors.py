"""The conformance suite of assessors: the contract that the engine relies on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import is_dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.hpo.assessors.base import Assessor
from nasbench.options import PluginOptions
from nasbench.testing.fresh_process import in_fresh_process
from nasbench.testing.proposals import draw_from_global_streams, seed_global_streams


class AssessorSuite:
    """Inherit from this class to test an assessor.

    Example:
        >>> class TestMine(AssessorSuite):
        ...     assessor = MyAssessor

    Attributes:
        assessor: the class under test, at the top level of its module.
        options: its options; ``None``: the defaults.
        minimizes: whether it supports scores of which smaller ones are better.
        epochs: the number of reports of a trial.
        trials: the number of trials in a test.
    """

    assessor: ClassVar[type[Assessor]]
    options: ClassVar[Any] = None
    minimizes: ClassVar[bool] = True
    epochs: ClassVar[int] = 9
    trials: ClassVar[int] = 30

    def make(self, maximize: bool = True) -> Assessor:
        """Return a new assessor."""
        options = self.assessor.Options() if self.options is None else self.options
        return self.assessor(options, maximize, self.epochs)

    def curves(self, seed: int = 0) -> list[list[float]]:
        """Return the reports of every trial: noisy curves that grow to between 0.3 and 0.9."""
        rng = np.random.default_rng(seed)
        steps = np.arange(1, self.epochs + 1)
        return [
            (top * (1 - np.exp(-steps / 3)) + 0.002 * rng.standard_normal(self.epochs)).tolist()
            for top in rng.uniform(0.3, 0.9, self.trials)
        ]

    def test_options_have_defaults(self) -> None:
        """Options are a dataclass of ``PluginOptions``, and each has a default."""
        kind = self.assessor.Options
        assert is_dataclass(kind)
        assert issubclass(kind, PluginOptions)
        self.assessor(kind(), epochs=self.epochs)

    def test_worse_trials_end_earlier(self) -> None:
        """Trials with low scores are shorter on average, and the best one reaches its end."""
        assessor, curves = self.make(), self.curves()
        lengths = [follow(assessor, number, curve) for number, curve in enumerate(curves)]
        order = np.argsort([curve[-1] for curve in curves])
        third = self.trials // 3
        shortened = np.mean([lengths[number] for number in order[:third]])
        kept = np.mean([lengths[number] for number in order[-third:]])
        assert shortened < kept
        assert min(lengths) < self.epochs
        best = [2.0 * value for value in max(curves, key=lambda curve: curve[-1])]
        assert follow(assessor, self.trials, best) == self.epochs

    def test_smaller_scores_may_be_better(self) -> None:
        """The same decisions on mirrored scores, or one line that refuses them."""
        if not self.minimizes:
            with pytest.raises(UserError) as refused:
                self.make(maximize=False)
            assert "\n" not in str(refused.value)
            return
        mirrored = [[-value for value in curve] for curve in self.curves()]
        here, there = self.make(), self.make(maximize=False)
        for number, (one, other) in enumerate(zip(self.curves(), mirrored, strict=True)):
            assert follow(here, number, one) == follow(there, number, other)

    def test_an_unknown_number_of_reports(self) -> None:
        """An assessor that must know it refuses ``None`` in one line; others take it."""
        options = self.assessor.Options() if self.options is None else self.options
        if not self.assessor.needs_epochs:
            assert self.assessor(options, epochs=None).keep(0, [0.5])
            return
        with pytest.raises(UserError) as refused:
            self.assessor(options, epochs=None)
        assert "\n" not in str(refused.value)

    def test_the_same_calls_give_the_same_decisions(self) -> None:
        """In this process and in a fresh one, so that a run can be resumed."""
        here = self._history()
        assert self._history() == here
        assert in_fresh_process(_history, type(self)) == here

    def test_global_random_states_are_left_alone(self) -> None:
        """The assessor neither uses nor changes the generators of random, numpy and torch."""
        seed_global_streams(0)
        untouched = draw_from_global_streams()
        seed_global_streams(0)
        self._history()
        assert draw_from_global_streams() == untouched

    def test_the_history_is_left_alone(self) -> None:
        """``keep`` does not change the list of scores."""
        assessor, curve = self.make(), self.curves()[0]
        for step in range(1, self.epochs + 1):
            history = curve[:step]
            assessor.keep(0, history)
            assert history == curve[:step]

    def test_a_score_that_is_not_finite_ends_the_trial_alone(self) -> None:
        """Other trials are unaffected."""
        assessor = self.make()
        for value in (math.nan, math.inf, -math.inf):
            assert not assessor.keep(0, [0.5, value])
        assessor.end(0, False)
        assert follow(assessor, 1, [0.5, 0.6]) == 2

    def test_trials_side_by_side_and_without_a_report(self) -> None:
        """Trials may report in turns, and one that reports nothing has no effect."""
        assessor = self.make()
        for step in range(1, 4):
            for number in (4, 2, 7):
                assert assessor.keep(number, [0.1 * number] * step) in (True, False)
        for number in (2, 3, 4, 7):
            assessor.end(number, number == 7)

    def _history(self) -> list[int]:
        assessor, curves = self.make(), self.curves(1)[: self.trials // 3]
        return [follow(assessor, number, curve) for number, curve in enumerate(curves)]


def follow(assessor: Assessor, number: int, curve: Sequence[float]) -> int:
    """Report a trial's curve; return the number of reports after which the trial ended.

    Args:
        assessor: the assessor under test.
        number: the trial's number.
        curve: the metric after each epoch.
    """
    for step in range(1, len(curve) + 1):
        if not assessor.keep(number, list(curve[:step])):
            assessor.end(number, False)
            return step
    assessor.end(number, True)
    return len(curve)


def _history(suite: type[AssessorSuite]) -> list[int]:
    """Return the suite's decisions, in another process."""
    return suite()._history()
