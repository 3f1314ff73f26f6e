"""The driver of trials: budgets, failures, several at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from nasbench.budget import Budget
from nasbench.config import HpoConfig, SearchConfig, TrialsConfig
from nasbench.engine import scheduler
from nasbench.engine.scheduler import TotalCost, Trial, TrialCost, anytime_curve, run_trials
from nasbench.errors import UserError
from nasbench.executors import ExecutorOptions, Finished, Job
from nasbench.executors.inline import InlineExecutor
from nasbench.executors.local import LocalExecutor
from nasbench.faults import Fault, MachineError
from nasbench.nn.processes import Place
from nasbench.store.journal import Journal
from nasbench.training.stopping import Stopped, StopSignal


def running(world: int = 1, journal: Journal | None = None) -> Any:
    folder = SimpleNamespace(journal=journal)
    return SimpleNamespace(stop=StopSignal(), place=Place(0, world), leads=True, folder=folder)


@dataclass
class Line:
    """A source of trials that are known beforehand: ``(epochs asked, epochs used, seconds)``."""

    trials: list[tuple[int, int, float]]
    failing: tuple[int, ...] = ()
    begun: list[int] = field(default_factory=list)
    ended: list[Finished] = field(default_factory=list)

    def ask(self) -> Trial | None:
        number = len(self.begun)
        if number == len(self.trials):
            return None
        self.begun.append(number)
        return Trial(number, number, self.trials[number][0])

    def tell(self, finished: Finished) -> TrialCost:
        self.ended.append(finished)
        asked, used, seconds = self.trials[finished.number]
        return TrialCost(asked if finished.error else used, seconds)

    def keeps(self, number: int, value: float) -> bool:
        return True

    def work(self, number: int, report: Any) -> int:
        if number in self.failing:
            raise UserError(f"number {number} fails")
        return number


def driven(line: Line, budget: str, spent: TotalCost | None = None) -> TotalCost:
    executor = InlineExecutor(line.work, line.keeps)
    return run_trials(line, executor, Budget.parse(budget), spent or TotalCost(), running())


@pytest.mark.parametrize(
    ("budget", "begun"),
    [
        ("1", 1),
        ("4", 4),
        ("99", 10),  # the source has no more
        ("1 epoch", 1),
        ("6 epochs", 2),
        ("7 epochs", 3),  # one trial begins before they are spent
        ("2.5s", 1),
        ("5s", 2),
        ("5.1s", 3),
    ],
)
def test_no_trial_begins_once_the_budget_is_spent(budget, begun):
    line = Line([(3, 3, 2.5)] * 10)
    spent = driven(line, budget)
    assert line.begun == list(range(begun))
    assert [one.value for one in line.ended] == line.begun
    assert (spent.trials, spent.epochs, spent.seconds) == (begun, 3 * begun, 2.5 * begun)
    assert spent.failed == 0


def test_a_continued_search_has_spent_what_it_had():
    line = Line([(3, 3, 2.5)] * 10)
    spent = driven(line, "5", TotalCost(trials=3, epochs=9, seconds=7.5, failed=1))
    assert len(line.begun) == 2
    assert vars(spent) == {"trials": 5, "epochs": 15, "seconds": 12.5, "failed": 1}
    assert not Line([(1, 1, 1.0)]).begun
    done = Line([(1, 1, 1.0)])
    driven(done, "5s", TotalCost(seconds=5.0))
    assert done.begun == []


def test_only_the_epochs_that_were_trained_are_charged():
    line = Line([(10, 2, 1.0)] * 20)
    spent = driven(line, "20 epochs")
    assert (spent.epochs, len(line.begun)) == (20, 10)


def test_a_failed_trial_costs_all_its_epochs_or_it_might_be_repeated_for_ever():
    line = Line([(5, 5, 0.0)] * 50, failing=tuple(range(1, 50)))
    spent = driven(line, "20 epochs")
    assert (spent.trials, spent.epochs, spent.failed) == (4, 20, 3)


def test_the_first_three_that_fail_end_the_search():
    line = Line([(1, 1, 1.0)] * 10, failing=(0, 1, 2))
    with pytest.raises(UserError) as error:
        driven(line, "10")
    assert str(error.value) == "the first 3 trials all failed; the last: number 2 fails"
    assert line.begun == [0, 1, 2]
    assert [one.error for one in line.ended] == [f"number {n} fails" for n in range(3)]


def test_later_failures_end_nothing():
    line = Line([(1, 1, 1.0)] * 10, failing=(0, 1, 3, 4, 5, 6))
    spent = driven(line, "10")
    assert (spent.trials, spent.failed) == (10, 6)


def test_the_first_three_count_over_a_continuation():
    line = Line([(1, 1, 1.0)] * 10, failing=(0,))
    with pytest.raises(UserError, match="the first 3 trials all failed"):
        driven(line, "10", TotalCost(trials=2, failed=2))
    line = Line([(1, 1, 1.0)] * 3, failing=(0,))
    assert driven(line, "10", TotalCost(trials=2, failed=1)).failed == 2


class Slots:
    """An executor whose jobs end in a given order."""

    def __init__(self, slots: int, order: list[Finished | None]) -> None:
        self.slots = slots
        self.order = order
        self.running: list[int] = []
        self.most = 0

    def submit(self, job: Job) -> None:
        assert len(self.running) < self.slots
        self.running.append(job.number)
        self.most = max(self.most, len(self.running))

    def next(self, stopped: Any) -> Finished | None:
        if stopped():
            return None
        finished = self.order.pop(0)
        self.running.remove(finished.number)
        return finished


def test_slots_are_filled_and_the_last_trials_waited_for():
    line = Line([(1, 1, 1.0)] * 9)
    executor = Slots(3, [Finished(n) for n in (2, 0, 1, 4, 3)])
    spent = run_trials(line, executor, Budget.parse("5"), TotalCost(), running())
    assert executor.most == 3
    assert executor.running == []
    assert [one.number for one in line.ended] == [2, 0, 1, 4, 3]
    assert spent.trials == 5


def test_three_that_fail_while_others_are_under_way():
    line = Line([(1, 1, 1.0)] * 9)
    executor = Slots(2, [Finished(n, error="no") for n in range(3)])
    with pytest.raises(UserError, match=r"^the first 3 trials all failed; the last: no$"):
        run_trials(line, executor, Budget.parse("9"), TotalCost(), running())
    assert len(line.begun) == 4


def test_a_source_that_waits_for_results_is_asked_again():
    line = Line([(1, 1, 1.0)] * 4)
    ask = line.ask
    line.ask = lambda: ask() if len(line.begun) == len(line.ended) else None
    executor = Slots(2, [Finished(n) for n in range(4)])
    run_trials(line, executor, Budget.parse("4"), TotalCost(), running())
    assert (len(line.ended), executor.most) == (4, 1)


def test_a_trial_whose_worker_was_lost_is_not_free():
    line = Line([(1, 1, 1.0)] * 4)
    executor = Slots(
        1,
        [
            Finished(0, seconds=0.5),
            Finished(1, error="no result within 9 s"),
            Finished(2, error="ValueError: x", seconds=0.25),
            Finished(3),
        ],
    )
    run_trials(line, executor, Budget.parse("4"), TotalCost(), running())
    first, hung, raised, last = [one.seconds for one in line.ended]
    assert (first, raised, last) == (0.5, 0.25, 0.0)
    assert hung > 0


def interrupted(session: Any, fault: Fault, key: str = "0") -> tuple[Line, TotalCost]:
    """Run two trials, whose second one the machine interrupts, until it raises or they end."""
    line, total = Line([(1, 1, 1.0)] * 2), TotalCost()
    executor = Slots(1, [Finished(0), Finished(1, error="OSError: no space", fault=fault)])
    try:
        run_trials(line, executor, Budget.parse("2"), total, session)
    finally:
        session.told, session.total = [one.number for one in line.ended], total
    return line, total


def test_a_full_disk_is_never_a_failed_trial(tmp_path):
    session = running(journal=Journal(tmp_path / "journal.jsonl"))
    for _ in range(3):  # however often the run is continued
        with pytest.raises(
            MachineError, match=r"^trial 1 was interrupted: OSError: no space$"
        ) as told:
            interrupted(session, Fault.MACHINE)
        assert (session.told, session.total.failed) == ([0], 0)
        assert told.value.fault is Fault.MACHINE
    assert session.folder.journal.events() == []


def test_what_may_be_the_trials_own_fault_stops_once(tmp_path):
    session = running(journal=Journal(tmp_path / "journal.jsonl"))
    with pytest.raises(MachineError, match="if it happens again, the trial has failed"):
        interrupted(session, Fault.EITHER)
    assert (session.told, session.total.failed) == ([0], 0)
    line, total = interrupted(session, Fault.EITHER)
    assert [one.error for one in line.ended] == [None, "OSError: no space"]
    assert total.failed == 1


def test_a_signal_ends_the_wait_for_workers():
    session = running()
    session.stop.requested, session.stop.number = True, 15
    line = Line([(1, 1, 1.0)] * 4)
    with pytest.raises(Stopped, match="stopped with 2 trials under way") as stopped:
        run_trials(line, Slots(2, []), Budget.parse("4"), TotalCost(), session)
    assert stopped.value.signal == 15
    assert line.ended == []


def test_in_this_process_the_training_itself_answers_the_signal():
    session = running()
    session.stop.requested = True
    line = Line([(1, 1, 1.0)])
    executor = InlineExecutor(line.work, line.keeps)
    run_trials(line, executor, Budget.parse("1"), TotalCost(), session)
    assert len(line.ended) == 1  # it had no step at which to stop

    def stops(number: int, report: Any) -> None:
        raise Stopped("in epoch 1 after step 2", 2)

    line = Line([(1, 1, 1.0)])
    executor = InlineExecutor(stops, line.keeps)
    with pytest.raises(Stopped, match="in epoch 1"):
        run_trials(line, executor, Budget.parse("1"), TotalCost(), session)
    assert line.ended == []


def opened(config: TrialsConfig, world: int = 1, here: bool = True) -> Any:
    line = Line([])
    return scheduler.open_trial_executor(
        config,
        running(world),
        "engine_parts:nothing",
        None,
        line.keeps,
        (lambda: line.work) if here else None,
    )


def test_trials_run_here_unless_workers_are_asked_for():
    assert isinstance(opened(TrialsConfig()), InlineExecutor)
    assert isinstance(opened(TrialsConfig(), world=2), InlineExecutor)
    for config in (TrialsConfig(concurrency=2), TrialsConfig(engine="local")):
        with opened(config) as executor:
            assert isinstance(executor, LocalExecutor)
            assert executor.slots == config.concurrency
    with opened(TrialsConfig(), here=False) as executor:
        assert isinstance(executor, LocalExecutor)


@pytest.mark.parametrize(
    ("config", "world", "line"),
    [
        (
            TrialsConfig(trial_timeout=3.0),
            1,
            "--trial-timeout needs worker processes: add --engine local",
        ),
        (
            TrialsConfig(gpus_per_trial=0.5),
            1,
            "--gpus-per-trial needs worker processes: add --engine local",
        ),
        (
            TrialsConfig(concurrency=2),
            2,
            "under torchrun trials run one by one: leave out --engine, --concurrency",
        ),
    ],
)
def test_what_executors_cannot_do(config, world, line):
    with pytest.raises(UserError) as error:
        opened(config, world)
    assert str(error.value) == line


def test_options_of_the_executor():
    config = TrialsConfig(
        engine="ray", concurrency=3, gpus_per_trial=0.5, trial_timeout=9.0, address="auto"
    )
    assert scheduler.executor_options(config) == ExecutorOptions(
        concurrency=3, gpus_per_trial=0.5, timeout=9.0, address="auto"
    )


@pytest.mark.parametrize(
    ("config", "share"),
    [
        (SearchConfig(), 1.0),
        (SearchConfig(concurrency=4), 0.25),  # they share one processor
        (HpoConfig(engine="local"), 1.0),
        (HpoConfig(engine="local", concurrency=4, gpus_per_trial=1.0), 1.0),
        (HpoConfig(engine="local", concurrency=4, gpus_per_trial=0.5), 0.5),
        (HpoConfig(engine="ray", concurrency=4), 1.0),
        (HpoConfig(engine="ray", concurrency=4, gpus_per_trial=2.0), 2.0),
    ],
)
def test_which_part_of_a_device_a_trial_occupies(config, share):
    assert scheduler.device_share(config) == share


def event(seconds, score=None):
    return {"seconds": seconds, "score": score}


def test_the_anytime_curve_has_a_point_wherever_the_best_grows():
    trials = [event(2.0, 0.5), event(1.0, 0.4), event(4.0, 0.75), event(0.5, 0.75), event(1, 1.0)]
    assert anytime_curve(trials) == [[2.0, 0.5], [7.0, 0.75], [8.5, 1.0]]


def test_failed_trials_cost_time_and_score_nothing():
    assert anytime_curve([event(3.0), event(1.0, 0.0), event(2.0), event(1.0, 0.1)]) == [
        [4.0, 0.0],
        [7.0, 0.1],
    ]
    assert anytime_curve([]) == anytime_curve([event(3.0)]) == []


def test_what_is_answered_from_memory_adds_no_point():
    assert anytime_curve([event(1.0, 0.3), event(0.0, 0.3), event(0.0)]) == [[1.0, 0.3]]
