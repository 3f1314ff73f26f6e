"""One contender's side of a comparison in which all take their steps in turn.

The parent lets one process compute at a time. All others wait on their pipes.
"""

from __future__ import annotations

import importlib
import resource
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor

CLASSES, SIZE = 10, 32
ALL_CANDIDATES = 8
RETRAIN = "retrain"
Batch = tuple["Tensor", "Tensor"]


@dataclass(frozen=True)
class Task:
    """What every contender computes.

    Attributes:
        channels: C of the first cells.
        cells: of the supernet; those at a third and two thirds reduce.
        batch: images of a batch, all 3x32x32.
        candidates: of every edge; the last ones of the paper's list.
        steps: how many to take, warm-up included.
        method: a one-shot strategy, or ``retrain`` for the network of DARTS_V2.
        cores: how many threads or processes compute.
    """

    channels: int = 16
    cells: int = 8
    batch: int = 32
    candidates: int = ALL_CANDIDATES
    steps: int = 12
    method: str = "darts"
    cores: int = 1

    def images(self, number: int, channels_last: bool = False) -> tuple[Tensor, Tensor]:
        """Return random images ``(B, 3, 32, 32)`` and labels, the same for the same number."""
        import torch

        stream = torch.Generator().manual_seed(number)
        images = torch.randn(self.batch, 3, SIZE, SIZE, generator=stream)
        if channels_last:
            images = images.to(memory_format=torch.channels_last)
        return images, torch.randint(0, CLASSES, (self.batch,), generator=stream)


@dataclass(frozen=True)
class Contender:
    """Who computes: ``run(task, turns, **arguments)`` of a module."""

    module: str
    arguments: dict[str, Any] = field(default_factory=dict)


class Ready(NamedTuple):
    """A contender before its first step."""

    parameters: int  # of the network, architecture parameters left out
    mb: float  # peak memory so far


class Step(NamedTuple):
    """One step, of the architecture and of the weights."""

    seconds: float
    loss: float  # on the training images
    peak_mb: float  # of the process and those it started, from their start


class Turns:
    """The steps of one contender."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._begin = 0.0
        self._others: Sequence[int] = ()

    def with_processes(self, others: Sequence[int]) -> None:
        """Count the memory of other processes, given by their ids."""
        self._others = others

    def _peak_mb(self) -> float:
        return peak_mb() + sum(peak_mb_of(other) for other in self._others)

    def ready(self, parameters: int) -> None:
        """Tell the parent that the steps can begin."""
        self._pipe.send(Ready(parameters, self._peak_mb()))

    def begin(self) -> None:
        """Wait for the next turn; end the process where the parent has gone."""
        try:
            self._pipe.recv()
        except EOFError:
            raise SystemExit(1) from None
        self._begin = time.perf_counter()

    def end(self, loss: Tensor) -> None:
        """Hand the turn back."""
        seconds = time.perf_counter() - self._begin
        self._pipe.send(Step(seconds, float(loss.detach()), self._peak_mb()))

    def take(self, steps: int, step: Callable[[], Tensor]) -> None:
        """Take all steps; each returns the loss on the training images.

        Afterwards it waits until all contenders are done, so that no end of a process disturbs
        others' steps.
        """
        for _ in range(steps):
            self.begin()
            self.end(step())
        with suppress(EOFError):
            self._pipe.recv()


def peak_mb() -> float:
    """Return the largest memory this process has had so far, in MB of 10**6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6  # Linux counts in KiB


def peak_mb_of(process: int) -> float:
    """Return the same for another process, by its id."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (peak,) = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    return int(peak) * 1024 / 1e6


def serve(contender: Contender, task: Task, pipe: Connection) -> None:
    """Run one contender; the whole life of its process."""
    import torch

    torch.set_num_threads(task.cores)
    torch.manual_seed(0)
    importlib.import_module(contender.module).run(task, Turns(pipe), **contender.arguments)
