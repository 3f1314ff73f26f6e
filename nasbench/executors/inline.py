"""The engine ``inline``: one job at a time in this process."""

from __future__ import annotations

from collections.abc import Callable

from nasbench.executors.attempts import attempt, sendable
from nasbench.executors.base import (
    Executor,
    Finished,
    Job,
    Judge,
    Reported,
    Work,
    check_free,
    check_running,
)


class InlineExecutor(Executor):
    """Runs a job inside :meth:`next`.

    Nothing can interrupt the work from outside, so there is no timeout. After a stop, the next
    report returns false, and the value that the work then returns is dropped.
    """

    slots = 1

    def __init__(self, work: Work, judge: Judge) -> None:
        """Take the work, already set up, and the judge of its reports."""
        self._work = work
        self._judge = judge
        self._waiting: list[Job] = []

    def submit(self, job: Job) -> None:
        """Keep the job until :meth:`next` is called."""
        check_free(len(self._waiting), self.slots)
        self._waiting.append(job)

    def next(self, stopped: Callable[[], bool]) -> Finished | None:
        """Run the waiting job."""
        check_running(len(self._waiting))
        if stopped():
            return None
        job = self._waiting.pop()
        cut_short = False

        def report(reported: Reported) -> bool:
            nonlocal cut_short
            cut_short = stopped()
            return not cut_short and self._judge(job.number, sendable(reported))

        done = attempt(lambda: self._work(job.payload, report))
        if cut_short:
            return None
        value, error, seconds, fault = done
        return Finished(job.number, value, error, seconds, worker="inline", fault=fault)

    def close(self) -> None:
        """Drop a job that was not started."""
        self._waiting.clear()
