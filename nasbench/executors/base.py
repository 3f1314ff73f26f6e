"""The interface of every engine: jobs go in, finished jobs come out, reports are judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from nasbench.errors import UserError
from nasbench.faults import Fault


@dataclass(frozen=True)
class Restarted:
    """A message in place of a value: the job's reports start over from the first one.

    A job sends it before its first report. Since a job whose worker died is run again, the judge
    may receive it twice, and then discards what it has seen of the first attempt.
    """


Reported = float | Restarted
"""What a job sends while it runs: an intermediate value, or that its reports start over."""
Judge = Callable[[int, Reported], bool]
"""``judge(job number, reported)``: returns whether the job continues."""
Report = Callable[[Reported], bool]
"""``report(reported)``, called by the work: returns whether to continue."""
Work = Callable[[Any, Report], Any]
"""``work(payload, report)``: returns the job's value. Payload and value must be picklable."""

POLL = 0.2  # seconds between two checks for a stop, at most
MOST_ATTEMPTS = 2  # a job whose worker dies is retried once


@dataclass(frozen=True)
class Job:
    """A number and the payload with which the work is called."""

    number: int
    payload: Any


@dataclass(frozen=True)
class Finished:
    """The outcome of a job.

    Attributes:
        number: the job's number.
        value: what the work returned; ``None`` after an error.
        error: one line that says why there is no value: the exception (``ValueError: …``), how
            the worker died, or the timeout.
        seconds: wall time of the work, reports included; 0 if the worker died.
        attempts: how often the job was started.
        worker: where the job ended: the slot of a local worker, node and process of a Ray worker.
        fault: whose fault the error is; ``None`` without one, and for the job's own.
    """

    number: int
    value: Any = None
    error: str | None = None
    seconds: float = 0.0
    attempts: int = 1
    worker: str = ""
    fault: Fault | None = None


@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """How many jobs run at once, and with which resources.

    Attributes:
        concurrency: jobs that run at once, at least 1.
        gpus_per_trial: GPUs of one job: a whole number, or a fraction of one GPU (0.5). With 0,
            GPUs are not assigned, and every job sees all GPUs of its worker.
        cpus_per_trial: cores of one job. ``None`` divides the cores of this machine among the
            local workers, and reserves one core in Ray.
        timeout: seconds that a job may take once its worker is set up.
        address: of a Ray cluster: ``auto`` or ``host:port``; ``None`` starts one.

    Raises:
        UserError: a number is out of range.
    """

    concurrency: int = 1
    gpus_per_trial: float = 0.0
    cpus_per_trial: int | None = None
    timeout: float | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        gpus, timeout = self.gpus_per_trial, self.timeout
        if self.concurrency < 1:
            raise UserError(f"--concurrency {self.concurrency}: must be at least 1")
        if not gpus >= 0 or (gpus > 1 and gpus % 1):
            raise UserError(f"--gpus-per-trial {gpus:g}: must be a whole number, or from 0 to 1")
        if self.cpus_per_trial is not None and self.cpus_per_trial < 1:
            raise UserError(f"--cpus-per-trial {self.cpus_per_trial}: must be at least 1")
        if timeout is not None and not timeout > 0:
            raise UserError(f"--trial-timeout {timeout:g}: must be above 0")


class Executor(ABC):
    """Runs up to ``slots`` jobs at once. As a context manager it closes itself at the end.

    An exception in the work is the job's error and is not retried: it would be raised again; of an
    error of the machine, such as a full disk, the outcome says so. If a
    worker dies (a crash, a kill, a lost node), its job is retried once in a fresh worker and its
    reports start over. If a job exceeds the timeout, its worker is killed and the job is not
    retried. Other jobs are unaffected.

    Attributes:
        slots: how many jobs run at once.
    """

    slots: int

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Start a job.

        Raises:
            ValueError: all slots are taken.
        """

    @abstractmethod
    def next(self, stopped: Callable[[], bool]) -> Finished | None:
        """Wait for the next job that ends; meanwhile the judge answers the reports.

        Args:
            stopped: called at least every 0.2 seconds.

        Returns:
            the outcome, or ``None`` as soon as ``stopped()`` is true.

        Raises:
            ValueError: no job is running.
        """

    @abstractmethod
    def close(self) -> None:
        """Kill the workers together with the jobs that still run."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def check_free(running: int, slots: int) -> None:
    """Raise unless a slot is free.

    Raises:
        ValueError: all slots are taken.
    """
    if running >= slots:
        raise ValueError(f"all {slots} slots are taken")


def check_running(running: int) -> None:
    """Raise unless a job is running.

    Raises:
        ValueError: no job is running.
    """
    if not running:
        raise ValueError("no job is running")
