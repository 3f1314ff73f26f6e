"""Drives trials until the budget is spent: the same for architectures and hyperparameters."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

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
from nasbench.training.stopping import Stopped

HOPELESS = 3  # a search whose first trials all fail has a mistake in it


@dataclass(frozen=True)
class Asked:
    """A trial to run.

    Attributes:
        number: of the trial.
        payload: what the worker gets.
        epochs: how many it trains, for a budget in epochs.
    """

    number: int
    payload: Any
    epochs: int


@dataclass(frozen=True)
class Used:
    """What a trial took, in epochs of training and in device-seconds.

    Nobody knows how many epochs a failed trial came through: it counts as if it had trained all.
    """

    epochs: int
    seconds: float


class End(Protocol):
    """What ends a search, such as a :class:`nasbench.budget.Budget`."""

    def spent(self, trials: int, epochs: int, seconds: float) -> bool:
        """Return whether no further trial may begin."""


class Source(Protocol):
    """Where trials come from and their results go."""

    def ask(self) -> Asked | None:
        """Return the next trial, or ``None`` while or because there is nothing to run."""

    def tell(self, finished: Finished) -> Used:
        """Learn and write down how a trial ended; return what it took."""

    def judge(self, number: int, reported: Reported) -> bool:
        """Return whether a trial continues after a report.

        If the worker of a trial dies, another one sends ``Restarted`` and then all reports from
        the first one.
        """


@dataclass
class Spent:
    """What a search has used so far.

    Attributes:
        trials: begun.
        epochs: of the trials begun: those asked for, and those trained once a trial has ended.
        seconds: device-seconds of the trials that ended.
        failed: trials that gave no result.
    """

    trials: int = 0
    epochs: int = 0
    seconds: float = 0.0
    failed: int = 0


def run(source: Source, executor: Executor, budget: End, spent: Spent, running: Session) -> Spent:
    """Run trials until the budget is spent or the source has no more.

    No trial begins once the budget is spent; those under way are waited for.

    Args:
        source: of the trials.
        executor: what runs them.
        budget: how much may be spent.
        spent: what a run that is continued has spent already.
        running: the session; its signal stops the search.

    Raises:
        Stopped: a signal asked to stop.
        UserError: the first trials all failed.
    """
    under_way: dict[int, tuple[Asked, float]] = {}  # with the time at which each began
    # In this process the training itself answers the signal, and saves its state first.
    here = isinstance(executor, InlineExecutor)
    while True:
        while len(under_way) < executor.slots and not budget.spent(
            spent.trials, spent.epochs, spent.seconds
        ):
            asked = source.ask()
            if asked is None:
                break
            executor.submit(Job(asked.number, asked.payload))
            under_way[asked.number] = asked, time.monotonic()
            spent.trials, spent.epochs = spent.trials + 1, spent.epochs + asked.epochs
        if not under_way:
            return spent
        finished = executor.next(lambda: running.stop.requested and not here)
        if finished is None:
            raise Stopped(f"with {len(under_way)} trials under way", running.stop.number)
        asked, began = under_way.pop(finished.number)
        used = source.tell(_timed(finished, began))
        spent.seconds += used.seconds
        spent.epochs += used.epochs - asked.epochs
        _check_hope(finished, spent, len(under_way))


def _timed(finished: Finished, began: float) -> Finished:
    """Return ``finished`` with the time it took from here, where its lost worker told none.

    Else a trial that hangs until it is ended would be free, and could be repeated for ever.
    """
    if finished.error is None or finished.seconds:
        return finished
    return replace(finished, seconds=time.monotonic() - began)


def _check_hope(finished: Finished, spent: Spent, under_way: int) -> None:
    """Count a failed trial, and raise where it is the last of the first few, which all failed."""
    if finished.error is None:
        return
    spent.failed += 1
    if spent.failed == HOPELESS == spent.trials - under_way:
        raise UserError(f"the first {HOPELESS} trials all failed; the last: {finished.error}")


def executor_of(
    config: TrialsConfig,
    running: Session,
    setup: str,
    context: Any,
    judge: Judge,
    here: Callable[[], Work] | None,
) -> AbstractContextManager[Executor]:
    """Return what runs the trials that ``config`` asks for.

    Args:
        config: engine and concurrency.
        running: the session.
        setup: ``module:function`` that makes the work in a worker process.
        context: its argument.
        judge: answers the trials' reports.
        here: makes the same work for this process; ``None`` where it must not run here.

    Raises:
        UserError: workers are asked for under ``torchrun``, or the engine is not here.
    """
    if config.engine is None and config.concurrency == 1 and here is not None:
        if config.trial_timeout is not None or config.gpus_per_trial:
            flag = "--trial-timeout" if config.trial_timeout is not None else "--gpus-per-trial"
            raise UserError(f"{flag} needs worker processes: add --engine local")
        return InlineExecutor(here(), judge)
    if running.place.world > 1:
        raise UserError("under torchrun trials run one by one: leave out --engine, --concurrency")
    engine = config.engine or "local"
    return open_executor(engine, setup, context, judge, options_of(config))


def options_of(config: TrialsConfig) -> ExecutorOptions:
    """Return what the executor needs to know."""
    return ExecutorOptions(
        concurrency=config.concurrency,
        gpus_per_trial=config.gpus_per_trial,
        timeout=config.trial_timeout,
        address=config.address,
    )


def device_share(config: TrialsConfig) -> float:
    """Return how many devices a trial occupies, for counting device-seconds.

    A CPU counts as one device, which the trials at work on it share.
    """
    if config.gpus_per_trial:
        return config.gpus_per_trial
    return 1.0 if config.engine == "ray" else 1.0 / config.concurrency
