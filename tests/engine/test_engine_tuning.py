"""A round of tuning: what tuner and assessor hear, and how it is told again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from engine_parts import Scripted, ScriptOptions, StopOptions, StopsAt, heard

from nasbench.config import HpoConfig
from nasbench.engine.hpo import NetworkTrials
from nasbench.engine.nni_experiment import CommandTrials
from nasbench.engine.scheduler import Trial, TrialCost
from nasbench.engine.trial import TrialResult
from nasbench.engine.tuning import TunerTrials
from nasbench.executors import Finished, Restarted
from nasbench.hpo.nni_experiment.protocol import Outcome
from nasbench.hpo.space import ParameterSpace
from nasbench.hpo.tuners.random import RandomTuner
from nasbench.store.journal import Journal

SPACE = ParameterSpace.of({"lr": {"_type": "uniform", "_value": [0, 1]}})
SCRIPT = [{"lr": value / 10} for value in range(1, 7)]


class MadeUp:
    """Trials without a training."""

    share = 0.5

    def trial(self, number: int, parameters: Any, parent: int | None) -> Trial:
        return Trial(number, (parameters, parent), 9)

    def result(self, finished: Any) -> dict[str, Any]:
        reports = getattr(finished, "payload", [])
        return {"score": finished.value, "seconds": 2.0, "epochs": 4, "reports": reports}


class Bench:
    """A round in a folder, its trials ended by hand."""

    def __init__(self, folder: Path, first: int = 0, name: int = 1, **options: Any) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.heard = folder / f"heard{len(list(folder.iterdir()))}"
        self.said: list[str] = []
        journal = Journal(folder / "journal.jsonl")
        leads = options.pop("leads", True)
        running: Any = SimpleNamespace(folder=SimpleNamespace(journal=journal), leads=leads)
        script = ScriptOptions(
            json.dumps(SCRIPT), str(self.heard), json.dumps(options.pop("parents", {}))
        )
        assessor = None
        if "after" in options:
            after = json.dumps(options.pop("after"))
            assessor = StopsAt(StopOptions(after, str(self.heard)))
        self.tuning = TunerTrials(
            Scripted(SPACE, script, 0),
            assessor,
            MadeUp(),
            running,
            self.said.append,
            first,
            name,
            **options,
        )

    def events(self) -> list[dict[str, Any]]:
        found = Journal(self.folder / "journal.jsonl").events()
        return [{k: v for k, v in event.items() if k != "time"} for event in found]


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path / "run")


def test_suggestions_become_trials_and_results_go_to_the_tuner(bench):
    asked = [bench.tuning.ask() for _ in range(2)]
    assert [(one.number, one.payload, one.epochs) for one in asked] == [
        (0, (SCRIPT[0], None), 9),
        (1, (SCRIPT[1], None), 9),
    ]
    assert bench.tuning.tell(Finished(1, 0.75)) == TrialCost(4, 2.0)
    assert bench.tuning.tell(Finished(0, 0.5)) == TrialCost(4, 2.0)
    assert heard(bench.heard) == [
        ["suggest", 0, SCRIPT[0]],
        ["suggest", 1, SCRIPT[1]],
        ["learn", 1, SCRIPT[1], 0.75],
        ["learn", 0, SCRIPT[0], 0.5],
    ]
    assert bench.tuning.results == [(SCRIPT[1], 0.75), (SCRIPT[0], 0.5)]
    assert bench.said == ["trial 1: 0.7500 in 2.0 s", "trial 0: 0.5000 in 2.0 s"]


def test_a_tuner_that_has_no_more(bench):
    for number in range(6):
        bench.tuning.ask()
        bench.tuning.tell(Finished(number, 0.5))
    assert bench.tuning.ask() is None
    assert len(bench.events()) == 12


def test_a_failed_trial_is_told_and_charged(tmp_path):
    bench = Bench(tmp_path / "run")
    bench.tuning.ask()
    used = bench.tuning.tell(Finished(0, error="the loss is not finite", seconds=3.0))
    assert used == TrialCost(9, 1.5)
    assert heard(bench.heard)[-1] == ["fail", 0, SCRIPT[0]]
    assert bench.tuning.results == []
    assert bench.said == ["trial 0: failed: the loss is not finite"]
    assert bench.events()[-1] == {
        "event": "trial",
        "round": 1,
        "number": 0,
        "parameters": SCRIPT[0],
        "error": "the loss is not finite",
        "score": None,
        "epochs": 9,
        "seconds": 1.5,
        "reports": [],
    }


@pytest.mark.parametrize("options", [{"concurrency": 4}, {"concurrency": 2, "engine": "ray"}])
def test_a_failed_trial_costs_as_much_as_one_with_a_result(options):
    """Concurrent trials share the CPUs of this machine, and have their own on a cluster."""
    config = HpoConfig(task="digits", model="small-cnn", **options)
    share = 0.25 if "engine" not in options else 1.0
    kind = NetworkTrials(config, None)
    measured = TrialResult(0.5, 8.0, 1)
    assert kind.result(Finished(0, measured))["seconds"] == 8.0 * share == 8.0 * kind.share
    command = CommandTrials(config.concurrency)
    value = asdict(Outcome(final=0.5))
    seconds = command.result(Finished(0, value, seconds=8.0))["seconds"]
    assert seconds == 8.0 / config.concurrency == 8.0 * command.share


def test_the_parent_is_a_trial_of_the_same_round(tmp_path):
    bench = Bench(tmp_path / "run", parents={"1": 0}, first=10, name=2)
    assert [bench.tuning.ask().payload[1] for _ in range(3)] == [None, 10, None]
    assert [event["number"] for event in bench.events()] == [10, 11, 12]


def test_only_the_process_that_leads_writes(tmp_path):
    bench = Bench(tmp_path / "run", leads=False)
    bench.tuning.ask()
    bench.tuning.tell(Finished(0, 0.5))
    assert bench.events() == []


def test_the_assessor_judges_the_course_so_far(tmp_path):
    bench = Bench(tmp_path / "run", after={"0": 2})
    bench.tuning.ask()
    bench.tuning.ask()
    answers = [bench.tuning.keeps(0, Restarted()), bench.tuning.keeps(1, Restarted())]
    answers += [bench.tuning.keeps(number, value) for number, value in ((0, 0.1), (1, 0.2))]
    answers += [bench.tuning.keeps(number, value) for number, value in ((1, 0.3), (0, 0.4))]
    assert answers == [True, True, True, True, True, False]
    assert heard(bench.heard)[2:] == [
        ["keep", 0, [0.1]],
        ["keep", 1, [0.2]],
        ["keep", 1, [0.2, 0.3]],
        ["keep", 0, [0.1, 0.4]],
    ]
    bench.tuning.tell(Finished(0, 0.4))
    bench.tuning.tell(Finished(1, 0.3))
    # A trial that was ended early is no measure for others.
    assert [call for call in heard(bench.heard) if call[0] == "end"] == [
        ["end", 0, False],
        ["end", 1, True],
    ]


def test_a_failed_trial_is_not_complete(tmp_path):
    bench = Bench(tmp_path / "run", after={})
    bench.tuning.ask()
    for value in (Restarted(), 0.1):
        bench.tuning.keeps(0, value)
    bench.tuning.tell(Finished(0, error="x"))
    assert heard(bench.heard)[-1] == ["end", 0, False]
    assert bench.events()[-1]["reports"] == [0.1]


def test_a_second_worker_repeats_and_the_assessor_hears_nothing_twice(tmp_path):
    bench = Bench(tmp_path / "run", after={"0": 3})
    bench.tuning.ask()
    first = [bench.tuning.keeps(0, value) for value in (Restarted(), 0.1, 0.1)]
    second = [bench.tuning.keeps(0, value) for value in (Restarted(), 0.1, 0.1, 0.2)]
    third = [bench.tuning.keeps(0, value) for value in (Restarted(), 0.1, 0.1, 0.2)]
    assert first == [True] * 3
    assert second == third == [True, True, True, False]
    assert [call for call in heard(bench.heard) if call[0] == "keep"] == [
        ["keep", 0, [0.1]],
        ["keep", 0, [0.1, 0.1]],
        ["keep", 0, [0.1, 0.1, 0.2]],
    ]


def test_without_an_assessor_every_trial_goes_on(bench):
    bench.tuning.ask()
    assert all(bench.tuning.keeps(0, value) for value in (Restarted(), 0.1, 0.0, 0.0))


def played(folder: Path, stop: int | None = None) -> Bench:
    """A round with an early end and a failure, cut off after ``stop`` steps and gone on with."""
    bench = Bench(folder, after={"1": 1})
    spent = bench.tuning.replay()
    done = {event["number"] for event in bench.events() if event["event"] == "trial"}
    steps = 0
    for number in range(len(done), 4):
        asked = bench.tuning.ask()
        assert asked.number == number
        if (steps := steps + 1) == stop:
            return bench
        reports = [0.1 * number, 0.2] if number != 1 else [0.1]
        for value in (Restarted(), *reports):
            bench.tuning.keeps(number, value)
        error = "x" if number == 2 else None
        finished: Any = SimpleNamespace(
            number=number, value=0.5, error=error, seconds=1.0, payload=reports
        )
        used = bench.tuning.tell(finished)
        spent.trials, spent.epochs = spent.trials + 1, spent.epochs + used.epochs
        spent.seconds += used.seconds
        spent.failed += error is not None
        if (steps := steps + 1) == stop:
            return bench
    bench.spent = spent
    return bench


@pytest.mark.parametrize("stop", range(1, 8))
def test_a_continued_round_makes_the_same_calls_again(tmp_path, stop):
    whole = played(tmp_path / "whole")
    played(tmp_path / "cut", stop)
    again = played(tmp_path / "cut")
    assert heard(again.heard) == heard(whole.heard)
    assert again.events() == whole.events()
    assert again.tuning.results == whole.tuning.results
    assert vars(again.spent) == vars(whole.spent)
    assert whole.spent.failed == 1
    assert whole.spent.epochs == 4 + 4 + 9 + 4


def test_trials_under_way_at_a_kill_are_begun_first(tmp_path):
    bench = Bench(tmp_path / "run")
    for _ in range(3):
        bench.tuning.ask()
    bench.tuning.tell(Finished(1, 0.5))
    again = Bench(tmp_path / "run")
    spent = again.tuning.replay()
    assert spent.trials == 1
    asked = [again.tuning.ask() for _ in range(3)]
    assert [one.number for one in asked] == [0, 2, 3]
    assert [one.payload[0] for one in asked] == [SCRIPT[0], SCRIPT[2], SCRIPT[3]]
    suggested = [e["number"] for e in again.events() if e["event"] == "suggested"]
    assert suggested == [0, 1, 2, 3]
    assert [call[:2] for call in heard(again.heard)] == [
        ["suggest", 0],
        ["suggest", 1],
        ["suggest", 2],
        ["learn", 1],
        ["suggest", 3],
    ]


def test_rounds_stay_apart_in_one_journal(tmp_path):
    one = Bench(tmp_path / "run")
    for number in range(2):
        one.tuning.ask()
        one.tuning.tell(Finished(number, 0.5))
    two = Bench(tmp_path / "run", first=2, name=2)
    assert two.tuning.replay().trials == 0
    assert two.tuning.ask().number == 2
    two.tuning.tell(Finished(2, 0.25))
    assert Bench(tmp_path / "run").tuning.replay().trials == 2
    again = Bench(tmp_path / "run", first=2, name=2)
    assert again.tuning.replay().trials == 1
    assert again.tuning.results == [(SCRIPT[0], 0.25)]
    assert again.tuning.ask().number == 3


def test_a_tuner_of_the_house_goes_on_as_if_nothing_had_been(tmp_path):
    def suggested(tuning: TunerTrials, count: int) -> list[Any]:
        found = []
        for _ in range(count):
            asked = tuning.ask()
            found.append(asked.payload[0])
            tuning.tell(Finished(asked.number, 0.5))
        return found

    def made(folder: Path) -> TunerTrials:
        bench = Bench(folder)
        bench.tuning.tuner = RandomTuner(SPACE, RandomTuner.Options(), 7)
        bench.tuning.replay()
        return bench.tuning

    whole = suggested(made(tmp_path / "whole"), 6)
    first = suggested(made(tmp_path / "cut"), 2)
    assert first + suggested(made(tmp_path / "cut"), 4) == whole
