"""Runs trials until the budget is spent: the same for architectures and hyperparameters."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from nasbench.budget import Budget
from nasbench.config import TrialsConfig
from nasbench.engine.session import Session
from nasbench.errors import UserError
from nasbench.executors import (
    Executor,
    ExecutorOptions,
    Finished,
    InlineExecutor,
    Job,
    Judge,
    Reported,
    Work,
    open_executor,
)
from nasbench.faults import Fault, MachineError
from nasbench.store.atomic import write_json
from nasbench.store.journal import number, table
from nasbench.store.runs import BEST, RunFolder
from nasbench.strategies.sampled.ask_tell import ask_and_tell
from nasbench.training.metrics import ACCURACY, Metric
from nasbench.training.stopping import Stopped

MAX_FIRST_FAILURES = 3  # if all of the first trials fail, so will the others
INTERRUPTED = "interrupted"
"""The journal's event of a trial that memory, a device or a kill interrupted."""


@dataclass(frozen=True)
class Trial:
    """A trial to run.

    Attributes:
        number: the trial's number.
        payload: what the worker receives.
        epochs: how many epochs it trains, for a budget in epochs.
    """

    number: int
    payload: Any
    epochs: int


@dataclass(frozen=True)
class TrialCost:
    """The cost of a trial, in epochs of training and in device-seconds.

    A failed trial counts all its epochs: how many it trained is unknown.
    """

    epochs: int
    seconds: float


@dataclass
class TotalCost:
    """The cost of a search so far.

    Attributes:
        trials: number of trials begun.
        epochs: epochs of these trials: requested ones while a trial runs, trained ones afterwards.
        seconds: device-seconds of the trials that ended.
        failed: number of failed trials.
    """

    trials: int = 0
    epochs: int = 0
    seconds: float = 0.0
    failed: int = 0


class StopCriterion(Protocol):
    """Ends a search, such as a :class:`nasbench.budget.Budget`."""

    def spent(self, trials: int, epochs: int, seconds: float) -> bool:
        """Return whether no further trial may begin."""


class TrialSource(Protocol):
    """Proposes trials and learns from their results."""

    def ask(self) -> Trial | None:
        """Return the next trial; ``None`` if there is none, at least until another one ends."""

    def tell(self, finished: Finished) -> TrialCost:
        """Learn how a trial ended, write it to the journal, and return the trial's cost."""

    def keeps(self, number: int, reported: Reported) -> bool:
        """Return whether a trial continues after a report.

        If the worker of a trial dies, another one sends ``Restarted`` and then all reports from
        the first one.
        """


def run_trials(
    source: TrialSource,
    executor: Executor,
    budget: StopCriterion,
    total: TotalCost,
    running: Session,
) -> TotalCost:
    """Run trials until the budget is spent or the source has no more.

    No trial begins once the budget is spent; trials under way are waited for.

    Args:
        source: proposes the trials.
        executor: runs them.
        budget: how much may be spent.
        total: what a resumed run has spent before; updated in place.
        running: the run; its signal stops the search.

    Raises:
        Stopped: a signal asked to stop.
        MachineError: the machine failed a trial, which a continued run repeats.
        UserError: the first trials all failed.
    """
    ask_and_tell(
        _Accounts(source, total),
        _Workers(executor, running),
        lambda: not budget.spent(total.trials, total.epochs, total.seconds),
    )
    return total


class _Accounts:
    """A source of trials that keeps the total cost."""

    def __init__(self, source: TrialSource, total: TotalCost) -> None:
        self.source = source
        self.total = total
        self._requested: dict[int, int] = {}  # epochs of each trial under way

    def ask(self) -> Trial | None:
        """Return the source's next trial, and count it."""
        trial = self.source.ask()
        if trial is not None:
            self._requested[trial.number] = trial.epochs
            self.total.trials += 1
            self.total.epochs += trial.epochs
        return trial

    def tell(self, done: Finished) -> None:
        """Pass a result on and add its cost.

        Raises:
            UserError: it is the last of the first trials, and all of them failed.
        """
        requested = self._requested.pop(done.number)
        cost = self.source.tell(done)
        self.total.seconds += cost.seconds
        self.total.epochs += cost.epochs - requested
        if done.error is None:
            return
        self.total.failed += 1
        ended = self.total.trials - len(self._requested)
        if self.total.failed == MAX_FIRST_FAILURES == ended:
            raise UserError(f"the first {ended} trials all failed; the last: {done.error}")


class _Workers:
    """An executor that stops when the run is asked to stop, or when the machine fails."""

    def __init__(self, executor: Executor, running: Session) -> None:
        self.executor = executor
        self.slots = executor.slots
        self.running = running
        # In this process the training itself answers the signal, and saves its state first.
        self._inline = isinstance(executor, InlineExecutor)
        self._began: dict[int, float] = {}
        self._keys: dict[int, str] = {}

    def submit(self, job: Trial) -> None:
        """Start a trial."""
        self.executor.submit(Job(job.number, job.payload))
        self._began[job.number] = time.monotonic()
        # A continued search may give an architecture another number, but not another key.
        self._keys[job.number] = str(getattr(job.payload, "key", job.number))

    def next(self) -> Finished:
        """Wait for the next trial that ends.

        Raises:
            Stopped: a signal asked to stop.
            MachineError: the machine failed the trial.
        """
        stop = self.running.stop
        finished = self.executor.next(lambda: stop.requested and not self._inline)
        if finished is None:
            raise Stopped(f"with {len(self._began)} trials under way", stop.number)
        self._check(finished)
        began = self._began.pop(finished.number)
        if finished.error is None or finished.seconds:
            return finished
        # A lost worker measured no time. A trial that hangs until its timeout must not be free,
        # or it could be repeated forever.
        return replace(finished, seconds=time.monotonic() - began)

    def _check(self, finished: Finished) -> None:
        """Raise if the machine failed the trial; if it may have, the first time alone."""
        if finished.fault is None:
            return
        told = f"trial {finished.number} was interrupted: {finished.error}"
        if finished.fault is Fault.MACHINE:
            raise MachineError(told)
        key, journal = self._keys[finished.number], self.running.folder.journal
        if any(event.get("key") == key for event in journal.events(INTERRUPTED)):
            return
        if self.running.leads:
            journal.append(INTERRUPTED, key=key, error=finished.error)
        raise MachineError(f"{told}; if it happens again, the trial has failed", Fault.EITHER)


def check_more(folder: RunFolder, budget: str) -> None:
    """Raise unless a run can go on to a budget, as if it had begun with it.

    Raises:
        UserError: it has spent as much already, or its trials do not only depend on earlier ones.
    """
    config, name = table(folder.info.get("config")), folder.name
    if config.get("refine") is not None:
        raise UserError(
            f"--budget {budget}: {name} has a second round within the best of the first "
            "(--refine): start a new run"
        )
    if config.get("tuner") == "pbt" and not str(config.get("model")).endswith((".yml", ".yaml")):
        raise UserError(f"--budget {budget}: {name} kept no weights for pbt to go on from")
    ended = [event for event in folder.journal.events("trial") if not event.get("known")]
    epochs = sum(int(event.get("more_epochs", event.get("epochs", 0))) for event in ended)
    seconds = sum(number(event.get("seconds")) or 0.0 for event in ended)
    if Budget.parse(budget).spent(len(ended), epochs, seconds):
        raise UserError(
            f"--budget {budget}: {name} has spent {len(ended)} trials, {epochs} epochs, "
            f"{seconds:.0f} seconds: allowed: more"
        )


def write_best(
    running: Session, parameters: Mapping[str, Any], score: float, metrics: Mapping[str, float]
) -> None:
    """Write the hyperparameters of the best trial, with its number and its result.

    Args:
        running: the run.
        parameters: of the best trial.
        score: of the best trial, as in the journal.
        metrics: its result by name.

    Raises:
        UserError: the file cannot be written.
    """
    trials = running.folder.journal.events("trial")
    numbers = (
        one["number"]
        for one in trials
        if one.get("score") == score and one["parameters"] == dict(parameters)
    )
    content = {"trial": next(numbers, None), "parameters": parameters, "metrics": metrics}
    write_json(running.folder.path / BEST, content)


def no_result() -> UserError:
    """Return the error of a run in which every trial failed."""
    return UserError("every trial failed: see journal.jsonl in the run folder for the reasons")


def anytime_curve(
    trials: Iterable[Mapping[str, Any]], metric: Metric = ACCURACY
) -> list[list[float]]:
    """Return the best validation result so far against the cost so far.

    Args:
        trials: ``trial`` events of the journal, in the order in which the trials ended.
        metric: of the scores.

    Returns:
        ``[device-seconds, metric]`` wherever the best one improves.
    """
    seconds, best = 0.0, -math.inf
    points: list[list[float]] = []
    for trial in trials:
        seconds += trial["seconds"]
        score = trial.get("score")
        if score is not None and score > best:
            best = score
            points.append([seconds, metric.score(best)])
    return points


def open_trial_executor(
    config: TrialsConfig,
    running: Session,
    setup: str,
    context: Any,
    judge: Judge,
    inline: Callable[[], Work] | None,
) -> AbstractContextManager[Executor]:
    """Return the executor of a run's trials.

    Args:
        config: engine and concurrency.
        running: the run.
        setup: ``module:function`` that returns the work in a worker process.
        context: its argument.
        judge: answers the trials' reports.
        inline: returns the same work for this process; ``None`` if it must not run here.

    Raises:
        UserError: workers are requested under ``torchrun``, or the engine is not installed.
    """
    if config.engine is None and config.concurrency == 1 and inline is not None:
        if config.trial_timeout is not None or config.gpus_per_trial:
            flag = "--trial-timeout" if config.trial_timeout is not None else "--gpus-per-trial"
            raise UserError(f"{flag} needs worker processes: add --engine local")
        return InlineExecutor(inline(), judge)
    if running.place.world > 1:
        raise UserError("under torchrun trials run one by one: leave out --engine, --concurrency")
    engine = config.engine or "local"
    return open_executor(engine, setup, context, judge, executor_options(config))


def executor_options(config: TrialsConfig) -> ExecutorOptions:
    """Return the executor's part of a run's options."""
    return ExecutorOptions(
        concurrency=config.concurrency,
        gpus_per_trial=config.gpus_per_trial,
        timeout=config.trial_timeout,
        address=config.address,
    )


def device_share(config: TrialsConfig) -> float:
    """Return how many devices a trial occupies, as device-seconds count them.

    A CPU counts as one device, which concurrent trials share.
    """
    if config.gpus_per_trial:
        return config.gpus_per_trial
    return 1.0 if config.engine == "ray" else 1.0 / config.concurrency
