"""The parent's side of a local worker process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from nasbench.executors.shared import SharedContext

# The parent's sys.path comes first: where nasbench and the setup's module are found.
_START = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from nasbench.executors.worker import main; main(int(sys.argv[1]))"
)


class WorkerProcess:
    """A process in a session of its own, so that Ctrl-C passes it by and its children die with it.

    It is a fresh interpreter, started without ``multiprocessing``: the parent's ``__main__`` is
    not run again, and the environment is given to it alone. What a trial prints goes to the
    standard error.

    Attributes:
        line: the connection to it.
        ready: whether its setup is done.
    """

    def __init__(self, setup: str, context: SharedContext, environment: Mapping[str, str]) -> None:
        """Start it; the setup goes on while the caller does."""
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
        self.tell((setup, context.fileno(), context.sizes))

    def tell(self, message: object) -> None:
        """Send a message; bytes go as they are.

        That the worker is dead shows in :attr:`line`, which is where it is dealt with.
        """
        with suppress(ConnectionError):
            if isinstance(message, bytes):
                self.line.send_bytes(message)
            else:
                self.line.send(message)

    def dead(self) -> bool:
        """Return whether it has ended; its last messages may still wait."""
        return self._process.poll() is not None

    def kill(self) -> int:
        """Kill it with all that it started, and return its exit status as Popen gives it."""
        with suppress(ProcessLookupError):  # they are all gone
            os.killpg(self._process.pid, signal.SIGKILL)
        self.line.close()
        return self._process.wait()

    def bury(self) -> str:
        """Clear away a worker that died by itself, and return how it died."""
        with suppress(subprocess.TimeoutExpired):  # between the line's end and the process's
            self._process.wait(timeout=1)
        status = self.kill()
        if status < 0:
            return f"the worker was killed by signal {-status}"
        return f"the worker exited with status {status}"
