"""A job on its way through a worker, as the engines with worker processes keep it."""

from __future__ import annotations

import math
import pickle
import time
from dataclasses import dataclass

from nasbench.executors.base import MOST_ATTEMPTS, Finished, Job
from nasbench.executors.work import Attempt


@dataclass(eq=False)
class Running:
    """A job that was submitted and has not ended.

    Attributes:
        number: the job's.
        payload: pickled once, for every attempt.
        timeout: seconds that an attempt may take.
        attempts: how often it was begun.
        deadline: of this attempt, by ``time.monotonic()``; infinite until it starts.
    """

    number: int
    payload: bytes
    timeout: float
    attempts: int = 0
    deadline: float = math.inf

    @classmethod
    def of(cls, job: Job, timeout: float | None) -> Running:
        """Return the job's first state; without a timeout it may take for ever."""
        return cls(job.number, pickle.dumps(job.payload), math.inf if timeout is None else timeout)

    def begin(self) -> None:
        """Count an attempt, whose time does not run yet."""
        self.attempts += 1
        self.deadline = math.inf

    def start(self) -> None:
        """Let the time run: the worker is set up and has the job."""
        self.deadline = time.monotonic() + self.timeout

    @property
    def overdue(self) -> bool:
        """Whether it took too long."""
        return time.monotonic() > self.deadline

    @property
    def hopeless(self) -> bool:
        """Whether it has had all its attempts."""
        return self.attempts >= MOST_ATTEMPTS

    def ended(self, done: Attempt, worker: str) -> Finished:
        """Return how it ended, from what its worker sent: the value is pickled."""
        value = None if done.error else pickle.loads(done.value)
        return Finished(self.number, value, done.error, done.seconds, self.attempts, worker)

    def failed(self, error: str, worker: str = "") -> Finished:
        """Return that it ended with an error and no result."""
        return Finished(self.number, None, error, 0.0, self.attempts, worker)

    def late(self, worker: str = "") -> Finished:
        """Return that it took too long."""
        return self.failed(f"no result within {self.timeout:g} s", worker)
