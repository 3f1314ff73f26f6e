"""A local worker process and the context that it reads.

Messages to the worker: the setup, then the pickled payload of each job and the judge's answer to
each report. Messages from it: ``("setup", error or None)`` once, ``("report", reported)``, and
``("done", Attempt)`` with the pickled value.
"""

from __future__ import annotations

import mmap
import os
import pickle
import select
import signal
import tempfile
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from nasbench.executors.attempts import attempt, prepare, sendable
from nasbench.executors.base import Reported
from nasbench.faults import telling_what_failed

_ALIGNMENT = 64  # bytes; unaligned arrays would be slow


class SharedContext:
    """A context that every local worker reads, written once into an unnamed file.

    NumPy arrays leave the pickle as raw buffers (PEP 574), and workers map the file into their
    memory: hundreds of megabytes are neither pickled for each worker nor held by each. The file
    disappears with the processes, however they end.

    Attributes:
        sizes: bytes of each part of the file: the pickle, then its buffers.
    """

    def __init__(self, context: Any) -> None:
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(context, protocol=5, buffer_callback=buffers.append)
        self.sizes: list[int] = []
        with telling_what_failed(Path(tempfile.gettempdir(), "what the workers share")):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
            for part in (memoryview(pickled), *(buffer.raw() for buffer in buffers)):
                self.sizes.append(self._file.write(part))
                self._file.write(bytes(-part.nbytes % _ALIGNMENT))
            self._file.flush()

    def fileno(self) -> int:
        """Return the file's descriptor, which workers inherit."""
        return self._file.fileno()

    def close(self) -> None:
        """Close the file; what a worker has mapped remains valid."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_context(descriptor: int, sizes: Sequence[int]) -> Any:
    """Return the context in the file; writes to its arrays stay in this process."""
    memory = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY))
    parts, start = [], 0
    for size in sizes:
        parts.append(memory[start : start + size])
        start += size + -size % _ALIGNMENT
    return pickle.loads(parts[0], buffers=parts[1:])


def main(descriptor: int) -> None:
    """Serve the parent at the other end of ``descriptor`` until it is gone.

    Ctrl-C is ignored, since the parent decides. It is ignored by a handler, which the processes
    that a trial starts do not inherit.
    """
    os.set_inheritable(descriptor, False)
    signal.signal(signal.SIGINT, lambda number, frame: None)
    threading.Thread(target=_end_with_parent, args=(descriptor,), daemon=True).start()
    try:
        serve(Connection(descriptor))
    except (EOFError, ConnectionError):
        _end()


def serve(line: Connection[Any, Any]) -> None:
    """Set up, then run one job after the other.

    Raises:
        EOFError, ConnectionError: the parent is gone.
    """
    setup, context, sizes = line.recv()
    prepared = attempt(lambda: prepare(setup, read_context(context, sizes)))
    line.send(("setup", prepared.error))

    def report(reported: Reported) -> bool:
        line.send(("report", sendable(reported)))
        go_on: bool = line.recv()
        return go_on

    while True:
        payload = line.recv_bytes()
        # Pickled in here, so that a value that cannot be pickled is an error of its job alone.
        done = attempt(lambda: pickle.dumps(prepared.value(pickle.loads(payload), report)))  # noqa: B023
        line.send(("done", done))


def _end_with_parent(descriptor: int) -> None:
    """Wait until the other end is closed, as it is when the parent dies, and end."""
    hang_up = select.poll()
    hang_up.register(descriptor, 0)
    hang_up.poll()
    _end()


def _end() -> None:
    """Kill this process group: this process and all that its trials started."""
    os.killpg(0, signal.SIGKILL)
