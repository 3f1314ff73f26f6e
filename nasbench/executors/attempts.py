"""One job and its attempts: how a worker runs it, and how the executor keeps track of it."""

from __future__ import annotations

import importlib
import math
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from nasbench.errors import UserError
from nasbench.executors.base import MOST_ATTEMPTS, Finished, Job, Reported, Restarted, Work
from nasbench.faults import Fault, fault_of


class Attempt(NamedTuple):
    """The outcome of a call: its value or its error in one line, and its wall time in seconds.

    ``fault`` says whose fault the error is, if it is not the call's own.
    """

    value: Any
    error: str | None
    seconds: float
    fault: Fault | None = None


def prepare(setup: str, context: Any) -> Work:
    """Call ``setup``, written ``package.module:function``, and return the work."""
    module, _, function = setup.partition(":")
    work: Work = getattr(importlib.import_module(module), function)(context)
    return work


def attempt(call: Callable[[], Any]) -> Attempt:
    """Call and return the outcome; an exception in a trial is a result of that trial.

    An error of the machine is no such result, and the outcome says so.

    ``sys.exit()`` in a trial ends the trial alone; Ctrl-C passes through.
    """
    start = time.perf_counter()
    value, error, fault = None, None, None
    try:
        value = call()
    except (Exception, SystemExit) as raised:  # noqa: BLE001
        error, fault = one_line(raised), fault_of(raised)
    return Attempt(value, error, time.perf_counter() - start, fault)


def one_line(error: BaseException) -> str:
    """Return the type and the first line of an error; of a :class:`UserError` the line alone."""
    lines = str(error).strip().splitlines()
    if isinstance(error, UserError) and lines:
        return lines[0]
    return f"{type(error).__name__}: {lines[0] if lines else 'no reason given'}"


def sendable(reported: Reported) -> Reported:
    """Return a report as it is sent: a plain ``float``, whatever number the work passed."""
    return reported if isinstance(reported, Restarted) else float(reported)


@dataclass(eq=False)
class Running:
    """A job that was submitted and has not ended.

    Attributes:
        number: the job's number.
        payload: pickled once, for every attempt.
        timeout: seconds that an attempt may take.
        attempts: how often the job was started.
        deadline: of this attempt, by ``time.monotonic()``; infinite until it starts.
    """

    number: int
    payload: bytes
    timeout: float
    attempts: int = 0
    deadline: float = math.inf

    @classmethod
    def of(cls, job: Job, timeout: float | None) -> Running:
        """Return the initial state of a job; ``None`` means no timeout."""
        return cls(job.number, pickle.dumps(job.payload), math.inf if timeout is None else timeout)

    def begin(self) -> None:
        """Count an attempt, whose clock does not run yet."""
        self.attempts += 1
        self.deadline = math.inf

    def start(self) -> None:
        """Start the clock: the worker is set up and has received the job."""
        self.deadline = time.monotonic() + self.timeout

    @property
    def overdue(self) -> bool:
        """Whether the attempt has exceeded the timeout."""
        return time.monotonic() > self.deadline

    @property
    def exhausted(self) -> bool:
        """Whether the job has used all its attempts."""
        return self.attempts >= MOST_ATTEMPTS

    def ended(self, done: Attempt, worker: str) -> Finished:
        """Return the outcome that a worker sent, whose value is pickled."""
        value = None if done.error else pickle.loads(done.value)
        return Finished(
            self.number, value, done.error, done.seconds, self.attempts, worker, done.fault
        )

    def failed(self, error: str, worker: str = "", fault: Fault | None = None) -> Finished:
        """Return an outcome with an error and no value."""
        return Finished(self.number, None, error, 0.0, self.attempts, worker, fault)

    def timed_out(self, worker: str = "") -> Finished:
        """Return the outcome of a job that exceeded the timeout."""
        return self.failed(f"no result within {self.timeout:g} s", worker)
