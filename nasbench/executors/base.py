"""What every engine offers: jobs go in, finished jobs come out, reports are judged meanwhile."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from nasbench.errors import UserError

Judge = Callable[[int, float], bool]
"""``judge(job number, intermediate value)``: whether the job shall go on."""
Report = Callable[[float], bool]
"""``report(intermediate value)``, called by the work: whether to go on."""
Work = Callable[[Any, Report], Any]
"""``work(payload, report)``: the value; payload and value are plain picklable values."""

POLL = 0.2  # longest time in seconds between two looks at whether to stop
MOST_ATTEMPTS = 2  # a job whose worker dies is begun once more


@dataclass(frozen=True)
class Job:
    """Something to do: its number, and what the work is called with."""

    number: int
    payload: Any


@dataclass(frozen=True)
class Finished:
    """How a job ended.

    Attributes:
        number: the job's.
        value: what the work returned; ``None`` after an error.
        error: why there is no value, in one line: what the work raised (``ValueError: …``), how
            its worker died, or that it took too long.
        seconds: wall time of the work itself, reports included; 0 where the worker died.
        attempts: how often it was begun.
        worker: where it ended: the slot of a local worker, node and process of a Ray worker.
    """

    number: int
    value: Any = None
    error: str | None = None
    seconds: float = 0.0
    attempts: int = 1
    worker: str = ""


@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """How many jobs run at once, and on what.

    Attributes:
        concurrency: jobs at once, at least 1.
        gpus_per_trial: GPUs of one job, whole, or a share of one (0.5). With 0 the GPUs are not
            shared out: every job sees those that its worker sees.
        cpus_per_trial: cores of one job. ``None`` shares the cores of this machine out among the
            local workers, and reserves one in Ray.
        timeout: seconds that a job may take, from its start on a worker that is set up.
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
    """Runs up to ``slots`` jobs at once; as a context manager it closes at the end.

    What the work raises becomes the job's error at once: it would be raised again. A worker that
    dies (a crash, a kill, a lost node) costs its job one new beginning in a fresh worker, and its
    reports begin anew. A job over the timeout loses its worker and is not begun again. Other jobs
    are never harmed.

    Attributes:
        slots: how many jobs run at once.
    """

    slots: int

    @abstractmethod
    def submit(self, job: Job) -> None:
        """Begin a job.

        Raises:
            ValueError: all slots are taken.
        """

    @abstractmethod
    def next(self, stopped: Callable[[], bool]) -> Finished | None:
        """Wait for the next job that ends, and let the judge answer the reports meanwhile.

        Args:
            stopped: asked at least every 0.2 seconds.

        Returns:
            how it ended; ``None`` as soon as ``stopped()`` is true.

        Raises:
            ValueError: no job was submitted that could end.
        """

    @abstractmethod
    def close(self) -> None:
        """Kill the workers, and with them the jobs that still run."""

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
    """Raise unless one more job finds a slot.

    Raises:
        ValueError: all slots are taken.
    """
    if running >= slots:
        raise ValueError(f"all {slots} slots are taken")


def check_running(running: int) -> None:
    """Raise unless there is a job to wait for.

    Raises:
        ValueError: there is none.
    """
    if not running:
        raise ValueError("no job is running")
