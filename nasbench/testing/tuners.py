"""The conformance suite of tuners: the contract that the engine relies on."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.hpo.space import ParameterSpace, Params
from nasbench.hpo.tuners.base import Tuner
from nasbench.options import PluginOptions
from nasbench.testing.fresh_process import in_fresh_process
from nasbench.testing.proposals import draw_from_global_streams, seed_global_streams

EVERY_TYPE: Mapping[str, Any] = {
    "lr": {"_type": "loguniform", "_value": [1e-4, 0.1]},
    "opt": {"_type": "choice", "_value": ["sgd", None, [1, 2], 1, 1.0, True]},
    "fixed": {"_type": "choice", "_value": ["only"]},
    "drop": {"_type": "uniform", "_value": [0, 0.5]},
    "share": {"_type": "quniform", "_value": [0.1, 1.0, 0.3]},
    "width": {"_type": "qloguniform", "_value": [1, 100, 7]},
    "noise": {"_type": "normal", "_value": [0, 2]},
    "shift": {"_type": "qnormal", "_value": [0, 2, 0.5]},
    "scale": {"_type": "lognormal", "_value": [0, 1]},
    "steps": {"_type": "qlognormal", "_value": [0, 1, 1]},
    "depth": {"_type": "randint", "_value": [2, 7]},
}
"""A flat space with every type of parameter."""

_ACTIVATIONS = [
    {"_name": "relu"},
    {"_name": "leaky", "slope": {"_type": "uniform", "_value": [0, 1]}},
]
_CONV = {
    "kernel": {"_type": "choice", "_value": [3, 5]},
    "act": {"_type": "choice", "_value": _ACTIVATIONS},
}
NESTED: Mapping[str, Any] = {
    **EVERY_TYPE,
    "layer": {"_type": "choice", "_value": [{"_name": "none"}, {"_name": "conv", **_CONV}]},
}
"""The same space with choices that are nested twice."""

EXTREME: Mapping[str, Any] = {
    "wide": {"_type": "uniform", "_value": [-1e300, 1e300]},
    "narrow": {"_type": "uniform", "_value": [0, 5e-324]},
    "log": {"_type": "loguniform", "_value": [5e-324, 1e300]},
    "fine": {"_type": "quniform", "_value": [0, 1, 1e-300]},
    "coarse": {"_type": "quniform", "_value": [0, 1, 1e300]},
    "far": {"_type": "normal", "_value": [1e300, 1e300]},
    "steep": {"_type": "lognormal", "_value": [0, 116]},
    "options": {"_type": "choice", "_value": [*range(1000)]},
}
"""A flat space whose ranges reach to the ends of the floats."""

HUGE: Mapping[str, Any] = {"seed": {"_type": "randint", "_value": [-(2**53), 2**53]}}
"""An integer with more values than any list."""

EASY: Mapping[str, Any] = {
    "lr": {"_type": "loguniform", "_value": [1e-4, 1.0]},
    "depth": {"_type": "randint", "_value": [2, 7]},
}
NINE: Mapping[str, Any] = {
    "a": {"_type": "choice", "_value": ["x", "y", "z"]},
    "b": {"_type": "quniform", "_value": [0, 2, 1]},
}

Call = tuple[str, int, Params, float | None]
"""``suggest``, ``learn`` or ``fail``, with the trial's number, parameters and score."""


def score(params: Mapping[str, Any]) -> float:
    """Return a score that is best, 0, at ``lr = 0.01`` and ``depth = 4``."""
    return float(-abs(math.log10(params["lr"]) + 2) - 0.1 * abs(params["depth"] - 4))


class TunerSuite:
    """Inherit from this class to test a tuner.

    Example:
        >>> class TestMine(TunerSuite):
        ...     tuner = MyTuner
        ...     options = MyOptions(population=6)

    Attributes:
        tuner: the class under test, at the top level of its module.
        options: options with which 25 trials bring the model into play; ``None``: the defaults.
        seeded: whether its suggestions depend on the seed.
        huge: whether it takes integers with more values than any list.
        exhausts: whether it suggests every point of a small space once and then ends.
        learns: whether its later trials are clearly better than its first ones.
        trials: the number of trials in the test of learning.
        seeds: the number of seeds in the test of learning.
    """

    tuner: ClassVar[type[Tuner]]
    options: ClassVar[Any] = None
    seeded: ClassVar[bool] = True
    huge: ClassVar[bool] = True
    exhausts: ClassVar[bool] = False
    learns: ClassVar[bool] = False
    trials: ClassVar[int] = 60
    seeds: ClassVar[int] = 4

    def make(
        self, content: Mapping[str, Any] | None = None, seed: int = 3, maximize: bool = True
    ) -> Tuner:
        """Return a new tuner.

        Args:
            content: the space in NNI's format; by default the richest one that the tuner takes.
            seed: at least 0.
            maximize: whether larger scores are better.
        """
        if content is None:
            content = EVERY_TYPE if self.tuner.needs_flat else NESTED
        options = self.tuner.Options() if self.options is None else self.options
        return self.tuner(ParameterSpace.of(content), options, seed, maximize)

    def test_options_have_defaults(self) -> None:
        """Options are a dataclass of ``PluginOptions``, and each has a default."""
        kind = self.tuner.Options
        assert is_dataclass(kind)
        assert issubclass(kind, PluginOptions)
        self.tuner(ParameterSpace.of(EVERY_TYPE), kind(), 0)

    def test_suggestions_lie_in_the_space(self) -> None:
        """Whatever fails, each suggestion is a point of the space and survives JSON."""
        tuner = self.make(seed=0)
        for verb, _, params, _ in play(tuner, 25):
            if verb == "suggest":
                tuner.space.check(params)
                assert json.loads(json.dumps(params)) == params

    def test_nested_choices_are_taken_or_refused(self) -> None:
        """A tuner that needs a flat space names the nested choice in one line."""
        if not self.tuner.needs_flat:
            ParameterSpace.of(NESTED).check(self.make(NESTED).suggest(0) or {})
            return
        with pytest.raises(UserError, match="layer") as refused:
            self.make(NESTED)
        assert "\n" not in str(refused.value)

    def test_the_same_calls_give_the_same_suggestions(self) -> None:
        """In this process and in a fresh one."""
        here = self._history()
        assert self._history() == here
        assert in_fresh_process(_history, type(self)) == here

    def test_a_resumed_run_continues_as_the_whole_one(self) -> None:
        """Repeating the recorded calls in a fresh process restores the state."""
        whole = play(self.make(), 25)
        calls = json.loads(json.dumps(whole[: len(whole) // 2]))
        rest = in_fresh_process(_resumed, type(self), calls, len(whole))
        assert rest == _plain(whole[len(calls) :])

    def test_another_seed_gives_other_suggestions(self) -> None:
        """Unless the tuner does not depend on the seed."""
        one, two = (play(self.make(seed=seed), 4) for seed in (1, 2))
        assert (one != two) == self.seeded

    def test_global_random_states_are_left_alone(self) -> None:
        """The tuner neither uses nor changes the generators of random, numpy and torch."""
        seed_global_streams(0)
        untouched = draw_from_global_streams()
        seed_global_streams(0)
        first = self._history()
        assert draw_from_global_streams() == untouched
        assert self._history() == first

    def test_no_suggestion_leaves_no_trace(self) -> None:
        """After ``None`` the tuner is in the same state as before, and may be asked again."""
        assert play(self.make(), 25, asks=3) == play(self.make(), 25)

    def test_many_trials_at_once(self) -> None:
        """Five trials run before the first one ends, and end in another order."""
        tuner = self.make()
        running = {number: tuner.suggest(number) for number in range(5)}
        for number, params in reversed(running.items()):
            assert params is not None
            tuner.space.check(params)
            tuner.learn(number, params, score(params))
        params = tuner.suggest(5)
        while params is None:  # the last trial of a generation comes next
            assert not tuner.exhausted
            params = tuner.suggest(5)
        tuner.space.check(params)

    def test_all_trials_fail(self) -> None:
        """The tuner continues, and no failed trial is a parent."""
        tuner = self.make()
        for number in range(12):
            params = tuner.suggest(number)
            assert params is not None
            tuner.space.check(params)
            assert tuner.parent(number) is None
            tuner.fail(number, params)

    def test_parents_are_finished_trials(self) -> None:
        """A trial continues from an earlier trial that has a score, or from none."""
        learned, parents = set[int](), dict[int, int | None]()
        for verb, number, _, _ in play(self.make(), 25, parents):
            if verb == "learn":
                learned.add(number)
            elif verb == "suggest":
                assert parents[number] is None or parents[number] in learned

    def test_a_small_space_ends(self) -> None:
        """Every point is suggested once, then none, and the tuner is exhausted."""
        if not self.exhausts:
            pytest.skip(f"{self.tuner.__name__} may repeat a point")
        tuner, found = self.make(NINE), []
        for number in range(9):
            params = tuner.suggest(number)
            assert params is not None
            found.append((params["a"], params["b"]))
            tuner.learn(number, params, float(number))
        assert set(found) == {(a, b) for a in "xyz" for b in (0.0, 1.0, 2.0)}
        assert tuner.suggest(9) is None
        assert tuner.exhausted

    @pytest.mark.parametrize("maximize", [True, False])
    def test_it_learns(self, maximize: bool) -> None:
        """Later trials are better than the first ones by more than chance, in both directions."""
        if not self.learns:
            pytest.skip(f"{self.tuner.__name__} does not learn")
        sign, gains = (1 if maximize else -1), []
        for seed in range(self.seeds):
            tuner, scores = self.make(EASY, seed, maximize), []
            for number in range(self.trials):
                params = tuner.suggest(number)
                assert params is not None
                scores.append(score(params))
                tuner.learn(number, params, sign * scores[-1])
            gains.append(np.mean(scores[-8:]) - np.mean(scores[:6]))
        assert np.mean(gains) > 0.3

    @pytest.mark.parametrize("content", [EXTREME, HUGE], ids=["extreme", "huge"])
    def test_extreme_ranges(self, content: Mapping[str, Any]) -> None:
        """Suggestions lie in the space, whatever the scores; or one line refuses the space."""
        if content is HUGE and not self.huge:
            with pytest.raises(UserError, match="seed") as refused:
                self.make(content)
            assert "\n" not in str(refused.value)
            return
        tuner = self.make(content)
        for number in range(25):
            params = tuner.suggest(number)
            assert params is not None
            tuner.space.check(params)
            assert json.loads(json.dumps(params, allow_nan=False)) == params
            # The largest values are the best, so that a model moves outwards.
            tuner.learn(number, params, params["seed" if content is HUGE else "steep"])

    def _history(self) -> list[Any]:
        return _plain(play(self.make(seed=5), 25))


def play(
    tuner: Tuner,
    trials: int,
    parents: dict[int, int | None] | None = None,
    asks: int = 1,
) -> list[Call]:
    """Run trials two at a time, of which one in seven fails, and return the calls.

    Args:
        tuner: used or unused; its first trial here is number 0.
        trials: their number.
        parents: receives each trial's parent.
        asks: how often the tuner is asked again after it returned ``None``.

    Returns:
        The calls of ``suggest`` that returned parameters, of ``learn`` and of ``fail``.
    """
    calls: list[Call] = []
    running: list[tuple[int, Params]] = []
    for number in range(trials):
        params = tuner.suggest(number)
        while params is None and running:  # it waits for the last trial of a generation
            for _ in range(asks - 1):
                assert tuner.suggest(number) is None
            calls.append(_end(tuner, *running.pop(0)))
            params = tuner.suggest(number)
        assert params is not None, f"no suggestion for trial {number}"
        calls.append(("suggest", number, params, None))
        if parents is not None:
            parents[number] = tuner.parent(number)
        running.append((number, params))
        if len(running) == 2:
            calls.append(_end(tuner, *running.pop(0)))
    return calls


def _end(tuner: Tuner, number: int, params: Params) -> Call:
    if number % 7 == 3:
        tuner.fail(number, params)
        return ("fail", number, params, None)
    tuner.learn(number, params, score(params))
    return ("learn", number, params, score(params))


def _plain(calls: Sequence[Call]) -> list[Any]:
    """Return the calls as JSON would."""
    plain: list[Any] = json.loads(json.dumps(calls))
    return plain


def _history(suite: type[TunerSuite]) -> list[Any]:
    """Return the suite's history, in another process."""
    return suite()._history()


def _resumed(suite: type[TunerSuite], calls: Sequence[Any], total: int) -> list[Any]:
    """Repeat recorded calls on a new tuner, as the engine does, and return the following ones."""
    tuner = suite().make()
    running: dict[int, Params] = {}
    following = 0
    for verb, number, params, reached in calls:
        if verb == "suggest":
            tuner.suggest(number)
            running[number], following = params, number + 1
        else:
            running.pop(number)
            if verb == "fail":
                tuner.fail(number, params)
            else:
                tuner.learn(number, params, reached)
    rest: list[Call] = []
    left = list(running.items())
    while len(calls) + len(rest) < total:
        params = tuner.suggest(following) if len(left) < 2 else None
        if params is None:
            rest.append(_end(tuner, *left.pop(0)))
        else:
            rest.append(("suggest", following, params, None))
            left.append((following, params))
            following += 1
    return _plain(rest)
