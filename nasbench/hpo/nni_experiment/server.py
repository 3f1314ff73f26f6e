"""NNI's manager as a process of ours: what ``nnictl create`` starts, without its side effects.

``nnictl`` and ``nni.experiment.Experiment`` write into ``~/nni-experiments``, open the web page to
the network, and give the manager three seconds to start.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nasbench.errors import UserError
from nasbench.hpo.nni_experiment import hooks, rest
from nasbench.optional import require

ID = "experiment"
_START_LIMIT = 120.0  # seconds
_STOP_LIMIT = 90.0  # seconds; the manager gives its own parts 60


class NniServer:
    """A running manager; as a context manager it is stopped at the end, with all its trials.

    Attributes:
        page: the address of its web page.
    """

    def __init__(self, folder: Path, port: int) -> None:
        """Start it.

        Args:
            folder: takes the manager's files, its log ``manager.log`` among them.
            port: of the web page; 0 for any that is free.

        Raises:
            UserError: the port is taken, NNI is not installed, or the manager does not start.
        """
        self._folder = folder
        port = _free(port)
        self.page = f"http://{hooks.HOST}:{port}"
        self._process = _start(folder, port)
        try:
            self._wait_until_up()
        except BaseException:
            self.close()
            raise

    def call(self, method: str, path: str, content: Any = None) -> Any:
        """Return what the manager's REST interface answers.

        Raises:
            UserError: it does not answer, or with an error.
        """
        try:
            return rest.call(method, f"{self.page}/api/v1/nni/{path}", content)
        except OSError as error:
            raise self._failed(f"it does not answer ({error})") from error

    def status(self) -> str:
        """Return the manager's status, for example ``RUNNING`` or ``DONE``.

        Raises:
            UserError: it has failed.
        """
        answer = self.call("GET", "check-status")
        if answer["status"] == "ERROR":
            raise self._failed(" ".join(answer["errors"][-1:]))
        return str(answer["status"])

    def _failed(self, reason: str) -> UserError:
        log = self._folder / "manager.log"
        said = _last_error(log, self._folder / ID / "log")
        return UserError(f"NNI's manager failed: {said or reason}; its log is {log}")

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + _START_LIMIT
        while time.monotonic() < deadline:
            if (status := self._process.poll()) is not None:
                raise self._failed(f"exit status {status}")
            with suppress(OSError, ValueError):  # not listening yet, or still initializing
                rest.call("GET", f"{self.page}/api/v1/nni/check-status")
                return
            time.sleep(0.2)
        raise self._failed(f"it did not start in {_START_LIMIT:g} s")

    def close(self) -> None:
        """Let it stop its trials and itself; kill what is left after 90 seconds."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_LIMIT)
        finally:
            with suppress(ProcessLookupError):  # nothing is left
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _free(port: int) -> int:
    """Return ``port``, or one that is free for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((hooks.HOST, port))
        except (OSError, OverflowError) as error:
            raise UserError(f"--port {port}: {error}; allowed: a free port, 0 for any") from error
        return int(probe.getsockname()[1])


def _last_error(printed: Path, logs: Path) -> str | None:
    """Return the last error that the tuner printed or logged, or else the manager's last one."""
    python = r"^[\w.]+(?:Error|Exception)\b.*"
    for path, pattern in (
        (printed, python),
        (logs / "dispatcher.log", python),
        (logs / "nnimanager.log", r"\] ERROR \(\w+\) (.*)"),
    ):
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        if found := re.findall(pattern, text, re.MULTILINE):
            return str(found[-1])
    return None


def _start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    node = Path(require("nni_node", "--engine nni", "nni").__path__[0])
    (folder / "hooks.js").write_text(hooks.SCRIPT, encoding="utf-8")
    _list(folder / "nni-experiments", folder)
    local = [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "localhost", hooks.HOST]
    arguments = {
        "port": port,
        "experiment-id": ID,
        "action": "create",
        "experiments-directory": folder,
        "log-level": "info",
        "python-interpreter": sys.executable,
        "mode": "local",
    }
    with (folder / "manager.log").open("wb") as output:
        return subprocess.Popen(
            [str(node / "node"), "--require", str(folder / "hooks.js"), "main.js"]
            + [text for name, value in arguments.items() for text in (f"--{name}", str(value))],
            cwd=node,
            env={
                **os.environ,
                "NASBENCH_NNI_HOME": str(folder),
                "no_proxy": ",".join(filter(None, local)),  # the tuner calls the manager
            },
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _list(folder: Path, files: Path) -> None:
    """Write the list of experiments, which the manager keeps up to date and its page shows."""
    folder.mkdir()
    entry = {"id": ID, "status": "INITIALIZED", "platform": "local", "logDir": str(files)}
    (folder / ".experiment").write_text(json.dumps({ID: entry}), encoding="utf-8")
