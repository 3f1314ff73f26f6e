"""Processes that train one network together on the cores of this machine: ``--processes``.

The process of the command is the first rank and starts the others. Each computes its share of
every batch, so a step is that of one process with the whole batch, up to rounding; sums pass
through shared memory (:mod:`nasbench.nn.shared_sums`). ``torchrun`` starts processes as well, on
several GPUs or machines.
"""

from __future__ import annotations

import os
import pickle
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import torch

from nasbench.devices import pick
from nasbench.engine.callbacks import NullCallback
from nasbench.errors import UserError
from nasbench.executors import Report, Work
from nasbench.executors.attempts import prepare
from nasbench.executors.local import THREADS, WorkerProcess, threads_of
from nasbench.executors.worker import SharedContext
from nasbench.faults import MachineError, peer_ended
from nasbench.store.runs import RunFolder
from nasbench.training.distributed import leave, meet
from nasbench.training.loop import Callback
from nasbench.training.stopping import Stopped, StopSignal

MOST = 256
AUTO = "auto"
_WAIT = 5.0  # seconds in which a process that failed tells why


def number(processes: str, device: str, batch_size: int, fitting: Callable[[], int]) -> int:
    """Return how many processes train a network, this one included.

    Args:
        processes: ``auto`` or a number.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, ``xpu`` or ``xpu:N``.
        batch_size: of all processes together.
        fitting: returns the number for ``auto``.

    Raises:
        UserError: it is no such number, ``torchrun`` started another number, or the run computes
            on another device than the CPU.
    """
    wanted = None if processes == AUTO else _whole(processes)
    if (given := started()) > 1:
        if wanted not in (None, given):
            raise UserError(f"--processes {processes}: torchrun started {given}: leave it out")
        return given
    if wanted is None:
        return fitting()
    if wanted > batch_size:
        raise UserError(
            f"--processes {wanted}: the batch has {batch_size} examples: allowed: at most one "
            "process for each"
        )
    if wanted > 1 and (kind := pick(device).type) != "cpu":
        raise UserError(
            f"--processes {wanted}: is for the CPU, and the device is {kind}: give --device cpu, "
            f"or start {wanted} processes with torchrun --nproc-per-node {wanted}"
        )
    return wanted


def _whole(processes: str) -> int:
    found = int(processes) if re.fullmatch(r"\d{1,9}", processes) else 0
    if not 1 <= found <= MOST:
        raise UserError(f"--processes {processes}: must be auto or a whole number in [1, {MOST}]")
    return found


def started() -> int:
    """Return how many processes ``torchrun`` started."""
    text = os.environ.get("WORLD_SIZE", "")
    return int(text) if text.isdecimal() else 1  # what is no number is told when they join


class Ranks:
    """This process and those beside it, which do the same jobs.

    As a context manager it ends the others, however the block ends. If this process dies, they
    end by themselves.

    Args:
        count: of the processes, this one included; with 1, or if ``torchrun`` started them,
            nothing is started.
        target: ``package.module:function``, which returns in each of the others what runs a job.
        context: the argument of that function; picklable.
    """

    def __init__(self, count: int, target: str, context: Any) -> None:
        self.count = count
        self._threads: int | None = None
        self._others: list[WorkerProcess] = []
        if count == 1 or started() > 1:
            return
        environment = threads_of(count)
        if THREADS in environment:
            self._threads = torch.get_num_threads()
            torch.set_num_threads(int(environment[THREADS]))
        with SharedContext((target, context)) as shared:
            for _ in range(count - 1):
                self._others.append(WorkerProcess(f"{__name__}:setup", shared, environment))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for other in self._others:
            other.kill()
        if self._threads is not None:
            torch.set_num_threads(self._threads)

    @contextmanager
    def together(self, job: Any) -> Iterator[None]:
        """Let the others run a job while the block runs it in this process.

        Args:
            job: picklable.

        Raises:
            MachineError: another process ended; the message says how.
            UserError: another process cannot begin.
        """
        if not self._others:
            yield
            return
        with tempfile.TemporaryDirectory(prefix="nasbench-") as folder:
            file = Path(folder) / "store"
            for rank, other in enumerate(self._others, start=1):
                other.send(pickle.dumps((rank, self.count, file, job)))
            for other in self._others:
                _until(other, "report")
                other.send(True)
            meet(0, self.count, file)
            try:
                yield
            except MachineError as error:
                raise self._with_reason(error) from error
            finally:
                leave()
            for other in self._others:
                _until(other, "done")

    def _with_reason(self, error: MachineError) -> MachineError:
        """Return the error of another process if that is why this one failed."""
        if not peer_ended(error):
            return error
        for rank, other in enumerate(self._others, start=1):
            try:
                if not other.line.poll(_WAIT):
                    continue
                _until(other, "done")
            except UserError as reason:
                told = MachineError(f"process {rank + 1} of {self.count}: {reason}", error.fault)
                told.run = error.run
                if error.run:
                    with suppress(UserError):
                        RunFolder(Path(error.run)).update(error=str(told))
                return told
        return error


def _until(other: WorkerProcess, wanted: str) -> None:
    """Read the messages of a process until one of a kind.

    Raises:
        MachineError: it has died.
        UserError: it sent an error.
    """
    while True:
        try:
            kind, content = other.line.recv()
        except (EOFError, OSError):
            raise MachineError(other.bury()) from None
        error = content if kind == "setup" else content.error if kind == "done" else None
        if error is not None:
            raise UserError(error)
        if kind == wanted:
            return


class Seeded(Protocol):
    """What is run with one seed after the other, such as a search."""

    def with_seed(self, seed: int) -> Self:
        """Return the same with another seed."""


Kind = TypeVar("Kind", bound=Seeded)


def beside(
    job: Kind, run: Callable[[Kind, Callback, StopSignal, RunFolder | None], object]
) -> Callable[[tuple[int, Path | None]], None]:
    """Return what runs ``job`` quietly in one of the other processes.

    It takes the seed, and the run folder to continue.
    """

    def follow(given: tuple[int, Path | None]) -> None:
        seed, folder = given
        resumed = None if folder is None else RunFolder(folder)
        run(job.with_seed(seed), NullCallback(), StopSignal(), resumed)

    return follow


def setup(context: tuple[str, Any]) -> Work:
    """Return what runs a job in one of the other processes."""
    run: Any = prepare(*context)  # takes the job alone

    def work(payload: tuple[int, int, Path, Any], report: Report) -> None:
        rank, world, file, job = payload
        report(0.0)  # all is imported: the first process waits for it
        meet(rank, world, file)
        try:
            run(job)
        except Stopped:  # the first process tells it
            pass
        finally:
            leave()

    return work
