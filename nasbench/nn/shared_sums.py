"""Sums over the processes of one machine, through memory that they share.

gloo takes about a millisecond for a sum of a few kilobytes, and a step of a supernet needs
hundreds of them. Here every process writes its terms into a slot of a shared file, tells the
others by a byte in a pipe, waits for theirs, and adds the slots in the order of the ranks, so that
all get the same bits. Each process has two slots, used in turn: whoever writes a slot again knows
that all have read it, since they have answered the sum in between.
"""

from __future__ import annotations

import mmap
import os
import select
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import torch
from torch import Tensor

from nasbench.faults import PEER_ENDED, MachineError

SLOT = 2**20
"""Bytes of a slot; longer tensors are summed in pieces."""
_TRIES = 1000  # reads of a pipe, a microsecond each, before the process sleeps
_NAME = "sums"


def prepare(folder: Path, world: int) -> None:
    """Make the files by which processes find each other; one of them does so for all.

    Args:
        folder: exists and is empty.
        world: the number of processes, at least 2.

    Raises:
        OSError: the disk takes no pipes or no file of this size.
    """
    with (folder / _NAME).open("xb") as file:
        os.posix_fallocate(file.fileno(), 0, 2 * world * SLOT)  # a full disk is told here
    for one, other in permutations(range(world), 2):
        os.mkfifo(folder / f"{one}-{other}", 0o600)


class SharedSums:
    """Sums tensors over processes of one machine.

    Args:
        folder: as :func:`prepare` left it; no longer needed when all have called ``wait`` twice.
        rank: of this process.
        world: the number of processes, at least 2.
        wait: waits until every process has called it.

    Attributes:
        count: of the exchanges so far.
    """

    def __init__(self, folder: Path, rank: int, world: int, wait: Callable[[], None]) -> None:
        self.rank, self.world = rank, world
        others = [other for other in range(world) if other != rank]
        with (folder / _NAME).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 2 * world * SLOT)
        # The readers come first: a pipe opens for writing once somebody reads it.
        pipes = os.O_RDONLY | os.O_NONBLOCK
        self._from = {one: os.open(folder / f"{one}-{rank}", pipes) for one in others}
        wait()
        self._to = [os.open(folder / f"{rank}-{one}", os.O_WRONLY) for one in others]
        wait()
        whole = torch.frombuffer(self._map, dtype=torch.uint8).view(world, 2, SLOT)
        self._slots = {
            dtype: whole.view(dtype) for dtype in (torch.float32, torch.float64, torch.int64)
        }
        self.count = 0

    def takes(self, tensor: Tensor) -> bool:
        """Return whether a tensor is of a kind that can be summed here."""
        return tensor.device.type == "cpu" and tensor.dtype in self._slots

    def sum_(self, tensor: Tensor) -> None:
        """Replace a contiguous tensor on the CPU by its sum over the processes.

        Args:
            tensor: float32, float64 or int64; of the same size in every process.

        Raises:
            MachineError: another process has ended.
        """
        slots = self._slots[tensor.dtype]
        flat, each = tensor.view(-1), slots.shape[2]
        for start in range(0, len(flat), each):
            self._sum(flat[start : start + each], slots)

    def _sum(self, part: Tensor, slots: Tensor) -> None:
        mine = slots[:, self.count % 2, : len(part)]
        self.count += 1
        mine[self.rank].copy_(part)
        for pipe in self._to:
            try:
                os.write(pipe, b"1")
            except BrokenPipeError:
                raise _ended() from None
        for pipe in self._from.values():
            self._wait(pipe)
        torch.add(mine[0], mine[1], out=part)
        for other in range(2, self.world):
            part += mine[other]

    def _wait(self, pipe: int) -> None:
        """Read one byte: look again and again for a while, then sleep until it comes."""
        tries = 0
        while True:
            try:
                if not os.read(pipe, 1):
                    raise _ended()
                return
            except BlockingIOError:
                tries += 1
                if tries >= _TRIES:
                    sleeper = select.poll()
                    sleeper.register(pipe, select.POLLIN)
                    sleeper.poll()

    def close(self) -> None:
        """Close pipes and memory; the other processes then see that this one has ended."""
        for pipe in (*self._to, *self._from.values()):
            os.close(pipe)
        self._to, self._from = [], {}
        self._slots.clear()


def _ended() -> MachineError:
    return MachineError(PEER_ENDED)
