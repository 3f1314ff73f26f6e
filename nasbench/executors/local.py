"""The engine ``local``: worker processes on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

from nasbench.errors import UserError
from nasbench.executors.attempts import Running
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
from nasbench.executors.worker import SharedContext
from nasbench.faults import Fault

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
THREADS = "OMP_NUM_THREADS"

# The parent's sys.path comes first: where nasbench and the setup's module are found.
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from nasbench.executors.worker import main; main(int(sys.argv[1]))"
)


class WorkerProcess:
    """A worker process in its own session: Ctrl-C does not reach it, and its children die with it.

    It is a fresh interpreter, started without ``multiprocessing``: the parent's ``__main__`` is
    not run again, and ``environment`` is set in the worker alone. The output of a trial goes to
    the standard error.

    Attributes:
        line: the connection to the worker.
        ready: whether its setup is done.
    """

    def __init__(self, setup: str, context: SharedContext, environment: Mapping[str, str]) -> None:
        """Start the process without waiting for its setup.

        Args:
            setup: ``package.module:function``.
            context: the argument of ``setup``.
            environment: variables added to those of this process.
        """
        self.line: Connection[Any, Any]
        self.line, theirs = Pipe()
        self.ready = False
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(theirs.fileno()), *sys.path],
            env={**os.environ, **environment},
            pass_fds=(theirs.fileno(), context.fileno()),
            stdin=subprocess.DEVNULL,
            stdout=2,
            start_new_session=True,
        )
        theirs.close()
        self.send((setup, context.fileno(), context.sizes))

    def send(self, message: object) -> None:
        """Send a message: bytes as they are, anything else pickled.

        A dead worker is not an error here: it is noticed when :attr:`line` is read.
        """
        with suppress(ConnectionError):
            if isinstance(message, bytes):
                self.line.send_bytes(message)
            else:
                self.line.send(message)

    def dead(self) -> bool:
        """Return whether the process has ended; its last messages may still be unread."""
        return self._process.poll() is not None

    def kill(self) -> int:
        """Kill the process group and return the exit status as ``Popen`` gives it."""
        with suppress(ProcessLookupError):  # all have ended
            os.killpg(self._process.pid, signal.SIGKILL)
        self.line.close()
        return self._process.wait()

    def bury(self) -> str:
        """Clean up after a worker that died, and return how it died."""
        with suppress(subprocess.TimeoutExpired):  # the line closes before the process ends
            self._process.wait(timeout=1)
        status = self.kill()
        if status < 0:
            return f"the worker was killed by signal {-status}"
        return f"the worker exited with status {status}"


class LocalExecutor(Executor):
    """Starts a worker process with the first job of each slot and keeps it for the next jobs.

    If the setup raises, the job that waits for it fails, by no fault of its own; the next job
    starts a new worker.
    """

    def __init__(self, setup: str, context: Any, judge: Judge, options: ExecutorOptions) -> None:
        """Assign GPUs and cores; the processes start with the first jobs.

        Args:
            setup: ``package.module:function``, called once in each worker.
            context: the argument of ``setup``; see :class:`SharedContext`.
            judge: answers the reports, inside :meth:`next`.
            options: the number of workers and the resources of each.

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
        """Give the job to an idle worker, or to a new one if there is none."""
        check_free(len(self._running), self.slots)
        free = [slot for slot in range(self.slots) if slot not in self._running]
        slot = min(free, key=lambda one: one not in self._workers)
        if slot in self._workers and self._workers[slot].dead():  # it died while idle
            self._workers.pop(slot).bury()
        self._begin(slot, Running.of(job, self._timeout))

    def next(self, stopped: Callable[[], bool]) -> Finished | None:
        """Wait for messages of the workers; the job started first is checked first."""
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
        """Send the job to its worker, whose setup is done."""
        self._running[slot].start()
        self._workers[slot].send(self._running[slot].payload)

    def _wait(self) -> set[int]:
        """Return the slots with a message to read, after waiting a little for the first."""
        first = min(running.deadline for running in self._running.values())
        limit = min(POLL, max(0.0, first - time.monotonic()))
        slots = {self._workers[slot].line.fileno(): slot for slot in self._running}
        return {slots[line] for line in wait(list(slots), limit) if isinstance(line, int)}

    def _hear(self, slot: int) -> Finished | None:
        """Handle a worker's message."""
        worker, running = self._workers[slot], self._running[slot]
        try:
            kind, content = worker.line.recv()
        except (EOFError, OSError):
            return self._lost(slot)
        if kind == "done":
            return running.ended(content, str(slot))
        if kind == "report":
            worker.send(self._judge(running.number, content))
            return self._check(slot)
        if content is not None:  # the setup failed
            self._workers.pop(slot).kill()
            return running.failed(content, str(slot), Fault.MACHINE)
        worker.ready = True
        self._start(slot)
        return None

    def _check(self, slot: int) -> Finished | None:
        """Check a job whose worker has sent nothing.

        A dead worker closes its line, unless a child process keeps the line open.
        """
        worker = self._workers[slot]
        if worker.dead() and not worker.line.poll():
            return self._lost(slot)
        if not self._running[slot].overdue:
            return None
        self._workers.pop(slot).kill()
        return self._running[slot].timed_out(str(slot))

    def _lost(self, slot: int) -> Finished | None:
        """Clean up after a worker that died; retry its job, or fail it after its last attempt."""
        worker = self._workers.pop(slot)
        how = worker.bury()
        if self._running[slot].exhausted:
            # Whoever kills without a trial's doing is the system, short of memory.
            fault = Fault.EITHER if how.endswith(f"signal {int(signal.SIGKILL)}") else None
            fault = fault if worker.ready else Fault.MACHINE
            return self._running[slot].failed(how, str(slot), fault)
        self._begin(slot, self._running.pop(slot))
        return None


def environments(options: ExecutorOptions) -> list[dict[str, str]]:
    """Return the environment variables that each slot's worker gets besides this process's.

    These are ``OMP_NUM_THREADS``, which NumPy and torch obey, unless the user has set it, and
    ``CUDA_VISIBLE_DEVICES`` if GPUs are assigned.

    Raises:
        UserError: there are not enough GPUs.
    """
    workers, each = options.concurrency, options.gpus_per_trial
    common = threads_of(workers, options.cpus_per_trial)
    if not each:
        return [common] * workers
    return [{**common, VISIBLE_GPUS: own} for own in assign_gpus(visible_gpus(), workers, each)]


def threads_of(workers: int, each: int | None = None) -> dict[str, str]:
    """Return the variable that shares the cores out to workers; none if the user has set it.

    Args:
        workers: their number.
        each: threads of one; by default its share of the cores.
    """
    if THREADS in os.environ:
        return {}
    return {THREADS: str(each or max(1, cores() // workers))}


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):  # on Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """Return the GPUs that this process may use, as ``CUDA_VISIBLE_DEVICES`` names them.

    torch is imported only if that variable is not set.
    """
    named = os.environ.get(VISIBLE_GPUS)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip() not in ("", "-1")]
    import torch

    return [str(index) for index in range(torch.cuda.device_count())]


def assign_gpus(gpus: Sequence[str], workers: int, each: float) -> list[str]:
    """Return each worker's ``CUDA_VISIBLE_DEVICES``.

    Args:
        gpus: the names of the available GPUs.
        workers: the number of workers.
        each: GPUs of one worker: a whole number, or a fraction of one GPU.

    Raises:
        UserError: there are too few GPUs.
    """
    together = int(1 / each + 1e-9) if each < 1 else 1  # workers that share one GPU
    whole = max(1, int(each))
    if workers > (room := len(gpus) // whole * together):
        raise UserError(
            f"--concurrency {workers}: {len(gpus)} GPUs are available, which is enough for "
            f"{room} trials with --gpus-per-trial {each:g}"
        )
    starts = [worker // together * whole for worker in range(workers)]
    return [",".join(gpus[start : start + whole]) for start in starts]
