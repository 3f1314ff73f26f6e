"""The engine ``local``: worker processes on this machine."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from typing import Any

from nasbench.executors import gpus
from nasbench.executors.base import (
    POLL,
    Executor,
    ExecutorOptions,
    Finished,
    Job,
    Judge,
    check_free,
    check_running,
)
from nasbench.executors.process import WorkerProcess
from nasbench.executors.running import Running
from nasbench.executors.shared import SharedContext


class LocalExecutor(Executor):
    """Keeps a worker process for each slot from its first job on, so that the next finds it warm.

    A setup that raises fails the job that waits for it; the next job tries a new worker.
    """

    def __init__(self, setup: str, context: Any, judge: Judge, options: ExecutorOptions) -> None:
        """Share the GPUs and cores out; processes start with the first jobs.

        Args:
            setup: ``package.module:function``, called once in each worker.
            context: what it is called with; see :class:`SharedContext`.
            judge: answers the reports, inside :meth:`next`.
            options: how many workers, and what each gets.

        Raises:
            UserError: there are not enough GPUs.
        """
        self.slots = options.concurrency
        self._environments = environments(options)
        self._setup = setup
        self._judge = judge
        self._timeout = options.timeout
        self._context = SharedContext(context)
        self._workers: dict[int, WorkerProcess] = {}  # by slot
        self._running: dict[int, Running] = {}  # by slot, the job begun first in front

    def submit(self, job: Job) -> None:
        """Give the job to a warm worker if one is free, to a new one otherwise."""
        check_free(len(self._running), self.slots)
        free = [slot for slot in range(self.slots) if slot not in self._running]
        slot = min(free, key=lambda one: one not in self._workers)
        if slot in self._workers and self._workers[slot].dead():  # it died while it had no job
            self._workers.pop(slot).bury()
        self._begin(slot, Running.of(job, self._timeout))

    def next(self, stopped: Callable[[], bool]) -> Finished | None:
        """Wait on the workers' lines; the job begun first is looked at first."""
        check_running(len(self._running))
        while not stopped():
            heard = self._wait()
            for slot in list(self._running):
                finished = self._hear(slot) if slot in heard else self._check(slot)
                if finished is not None:
                    del self._running[slot]
                    return finished
        return None

    def close(self) -> None:
        """Kill the workers."""
        for worker in self._workers.values():
            worker.kill()
        self._workers.clear()
        self._running.clear()
        self._context.close()

    def _begin(self, slot: int, running: Running) -> None:
        running.begin()
        self._running[slot] = running
        if slot not in self._workers:
            environment = self._environments[slot]
            self._workers[slot] = WorkerProcess(self._setup, self._context, environment)
        elif self._workers[slot].ready:
            self._start(slot)

    def _start(self, slot: int) -> None:
        """Send the job to its worker, which is set up."""
        self._running[slot].start()
        self._workers[slot].tell(self._running[slot].payload)

    def _wait(self) -> set[int]:
        """Return the slots whose workers have something to say, waiting a little for one."""
        first = min(running.deadline for running in self._running.values())
        limit = min(POLL, max(0.0, first - time.monotonic()))
        slots = {self._workers[slot].line.fileno(): slot for slot in self._running}
        return {slots[line] for line in wait(list(slots), limit) if isinstance(line, int)}

    def _hear(self, slot: int) -> Finished | None:
        """Take a worker's message."""
        worker, running = self._workers[slot], self._running[slot]
        try:
            kind, content = worker.line.recv()
        except (EOFError, OSError):
            return self._lost(slot)
        if kind == "done":
            return running.ended(content, str(slot))
        if kind == "report":
            worker.tell(self._judge(running.number, content))
            return self._check(slot)
        if content is not None:  # the setup failed
            self._workers.pop(slot).kill()
            return running.failed(content, str(slot))
        worker.ready = True
        self._start(slot)
        return None

    def _check(self, slot: int) -> Finished | None:
        """Look at a job whose worker is silent.

        The end of the line tells of a dead worker at once, unless a child of it holds the line.
        """
        worker = self._workers[slot]
        if worker.dead() and not worker.line.poll():
            return self._lost(slot)
        if not self._running[slot].overdue:
            return None
        self._workers.pop(slot).kill()
        return self._running[slot].late(str(slot))

    def _lost(self, slot: int) -> Finished | None:
        """Bury a worker that died, and begin its job again or give it up."""
        how = self._workers.pop(slot).bury()
        if self._running[slot].hopeless:
            return self._running[slot].failed(how, str(slot))
        self._begin(slot, self._running.pop(slot))
        return None


def environments(options: ExecutorOptions) -> list[dict[str, str]]:
    """Return what each slot's worker finds in its environment besides this process's.

    ``OMP_NUM_THREADS``, which NumPy and torch obey, unless the user has set it, and
    ``CUDA_VISIBLE_DEVICES`` where GPUs are shared out.

    Raises:
        UserError: there are not enough GPUs.
    """
    workers, each = options.concurrency, options.gpus_per_trial
    threads = options.cpus_per_trial or max(1, cores() // workers)
    common = {} if "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": str(threads)}
    if not each:
        return [common] * workers
    return [{**common, gpus.VISIBLE: own} for own in gpus.share_out(gpus.visible(), workers, each)]


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
