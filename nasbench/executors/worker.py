"""A local worker process: what it does from its start to its end.

The parent's messages: how to set up, then for each job its pickled payload, and for each report
the judge's answer. The worker's: ``("setup", error or None)`` once, ``("report", value)``, and
``("done", Attempt)`` with the pickled value.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import threading
from multiprocessing.connection import Connection
from typing import Any

from nasbench.executors.shared import read
from nasbench.executors.work import attempt, prepare


def main(descriptor: int) -> None:
    """Work for the parent at the other end of ``descriptor`` until it is gone.

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
    """Set up and do one job after the other.

    Raises:
        EOFError, ConnectionError: the parent is gone.
    """
    setup, context, sizes = line.recv()
    prepared = attempt(lambda: prepare(setup, read(context, sizes)))
    line.send(("setup", prepared.error))

    def report(value: float) -> bool:
        line.send(("report", float(value)))
        go_on: bool = line.recv()
        return go_on

    while True:
        payload = line.recv_bytes()
        # Pickled in here, so that a value that cannot be is an error of its job alone.
        done = attempt(lambda: pickle.dumps(prepared.value(pickle.loads(payload), report)))  # noqa: B023
        line.send(("done", done))


def _end_with_parent(descriptor: int) -> None:
    """Wait until the other end is closed, as it is when the parent dies, and end."""
    hang_up = select.poll()
    hang_up.register(descriptor, 0)
    hang_up.poll()
    _end()


def _end() -> None:
    """End this process and all that its trials started: its process group."""
    os.killpg(0, signal.SIGKILL)
