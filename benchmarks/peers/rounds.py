"""The parent's side of a comparison: all contenders take one step in turn."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from peers.turns import Contender, Ready, Step, Task, serve

CONTENDERS = {
    "nasbench": Contender("peers.ours"),
    "nasbench, processes": Contender("peers.ours", {"processes": True}),
    "nasbench, plain": Contender("peers.ours", {"fast": False}),
    "paper": Contender("peers.paper", {"channels_last": False}),
    "paper, channels-last": Contender("peers.paper", {"channels_last": True}),
    "nni": Contender("peers.nni_darts"),
}


@dataclass
class Measured:
    """What was seen of one contender.

    Attributes:
        ready: before its first step.
        steps: all of them, the warm-up's first.
    """

    ready: Ready
    steps: list[Step] = field(default_factory=list)


class Seat:
    """One contender's process, and the pipe to it."""

    def __init__(self, name: str, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self._name = name
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(CONTENDERS[name], task, theirs))
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe
        ready = _receive(self._pipe, name)
        assert isinstance(ready, Ready)
        self.measured = Measured(ready)

    def step(self) -> Step:
        """Let it take one step."""
        self._pipe.send(None)
        step = _receive(self._pipe, self._name)
        assert isinstance(step, Step)
        self.measured.steps.append(step)
        return step

    def close(self) -> None:
        """Let the process end; one that still has steps to take ends at once."""
        self._pipe.close()

    def join(self) -> None:
        """Wait until the process has ended."""
        self._process.join()


def _receive(pipe: Connection, name: str) -> Ready | Step:
    try:
        message: Ready | Step = pipe.recv()
    except EOFError:
        raise SystemExit(f"{name}: its process has ended; the reason stands above") from None
    return message


def compare(tasks: Mapping[str, Task], steps: int) -> dict[str, Measured]:
    """Let contenders take so many steps each, in turn, and return what was seen of them."""
    seats: dict[str, Seat] = {}
    try:
        for name, task in tasks.items():
            seats[name] = Seat(name, task)
        for _ in range(steps):
            for seat in seats.values():
                seat.step()
    finally:
        for seat in seats.values():
            seat.close()
        for seat in seats.values():
            seat.join()
    return {name: seat.measured for name, seat in seats.items()}
