"""A shell command in a process group of its own, which ends with its owner."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

POLL = 0.05  # seconds between two looks at a process

# The guard reads from a pipe that nobody writes to. Its end means that the owner closed it or
# died, even by SIGKILL, and the guard kills the whole group. Unlike PR_SET_PDEATHSIG this reaches
# the command's children too, does not hang on the owner's thread, and works on every POSIX system.
# The shells outlive SIGTERM as long as the command does, so that it can end in good order.
_SCRIPT = """
exec 3<&0 </dev/null
(trap '' TERM; read -r _ <&3; kill -KILL 0) &
guard=$!
exec 3<&-
trap : TERM
command=$1; shift
(trap 'exit 143' TERM; eval "$command")
status=$?
kill -KILL $guard; wait $guard 2>/dev/null
exit $status
"""


class Group:
    """The command with all its children; as a context manager it kills what is left of them.

    The command runs in bash, as NNI's own does.
    """

    def __init__(self, command: str, folder: Path, env: Mapping[str, str], output: Path) -> None:
        """Start ``command`` in ``folder``; it writes to ``output/stdout`` and ``stderr``."""
        with (output / "stdout").open("wb") as out, (output / "stderr").open("wb") as err:
            self._process = subprocess.Popen(
                [shutil.which("bash") or "/bin/sh", "-c", _SCRIPT, "trial", command],
                cwd=folder,
                env=env,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    def status(self) -> int | None:
        """Return the exit status, 128 + N after signal N, or ``None`` while it runs."""
        status = self._process.poll()
        return status if status is None or status >= 0 else 128 - status

    def stop(self, grace: float = 5.0) -> None:
        """Ask the group to end (SIGTERM), and kill it after ``grace`` seconds."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + grace
        while self.status() is None and time.monotonic() < deadline:
            time.sleep(POLL)
        self.kill()

    def kill(self) -> None:
        """Kill the whole group (SIGKILL) and wait for its end."""
        self._signal(signal.SIGKILL)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # they are all gone
            os.killpg(self._process.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
