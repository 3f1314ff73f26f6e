"""Run an experiment's trial command unchanged, and follow what it reports.

The command runs as under NNI's manager in local mode: it receives its parameters, and its
``nni.report_…`` calls are read from its folder ``<number>``, which also keeps its
``parameters.json``, ``stdout`` and ``stderr``.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nasbench.faults import telling_what_failed
from nasbench.hpo.nni_experiment.protocol import (
    Metrics,
    Outcome,
    TrialFailed,
    environment,
    open_folder,
)

Report = Callable[[float], bool]
Work = Callable[[Mapping[str, Any], Report], dict[str, Any]]
_POLL = 0.05  # seconds between two looks at a process


@dataclass(frozen=True)
class TrialCommand:
    """How the trials of an experiment are run; a plain picklable value.

    Attributes:
        command: the shell command of the experiment's file.
        code_dir: the folder in which it runs, an absolute path.
        folder: the folder that holds one folder for each trial; an absolute path.
        gpus: 0 hides the GPUs from the trials; any other value leaves them to the executor.
        timeout: seconds that a trial may take; ``None`` for no limit.
        watched: whether an assessor reads the intermediate results.
        experiment: what ``nni.get_experiment_id()`` returns in a trial.
    """

    command: str
    code_dir: str
    folder: str
    gpus: int | None = None
    timeout: float | None = None
    watched: bool = True
    experiment: str = "nasbench"


def setup(context: TrialCommand) -> Work:
    """Return the work of an executor: ``work({"number": n, "parameters": {…}}, report)``.

    It returns the fields of :class:`Outcome`, whose ``final`` is a finite number, and raises
    :class:`TrialFailed` if the trial crashed, took too long, or reported no finite number.
    """
    return partial(_run_trial, context)


def _run_trial(
    command: TrialCommand, payload: Mapping[str, Any], report: Report
) -> dict[str, Any]:
    number, outcome = payload["number"], Outcome()
    folder = Path(command.folder) / str(number)
    metrics = open_folder(folder, number, payload["parameters"])
    code_dir = Path(command.code_dir)
    env = environment(os.environ, folder, code_dir, command.experiment, str(number))
    if command.gpus == 0:
        env["CUDA_VISIBLE_DEVICES"] = ""
    with ProcessGroup(command.command, code_dir, env, output=folder) as group:
        status = _follow(group, metrics, outcome, report, command)
    if status is None:
        outcome.stop()
    elif status:
        by_signal = status > 128 and status - 128 in set(signal.Signals)
        name = f" ({signal.Signals(status - 128).name})" if by_signal else ""
        raise TrialFailed(f"exit status {status}{name}: {_last_line(folder / 'stderr')}")
    elif outcome.final is None:
        raise TrialFailed("reported no final result: it ended without nni.report_final_result()")
    return asdict(outcome)


def _follow(
    group: ProcessGroup,
    metrics: Metrics,
    outcome: Outcome,
    report: Report,
    command: TrialCommand,
) -> int | None:
    """Return the exit status, or ``None`` if ``report`` ended the trial."""
    start, timeout = time.monotonic(), command.timeout
    while True:
        status = group.status()  # asked before the metrics are read, so that none is missed
        for metric in metrics.new():
            number = outcome.add(metric, command.watched)
            if number is not None and not report(number):
                group.stop()
                return None
        if status is not None:
            return status
        if timeout is not None and time.monotonic() - start > timeout:
            group.stop()
            raise TrialFailed(f"did not end within {timeout:g} s")
        time.sleep(_POLL)


def _last_line(path: Path, longest: int = 200) -> str:
    """Return the last line that is not empty, cut to its first ``longest`` characters."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65536))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    filled = [line.strip() for line in lines if line.strip()]
    return filled[-1][:longest] if filled else "nothing on its standard error"


# The guard reads from a pipe that nobody writes to. The pipe ends when its owner closes it or
# dies, even by SIGKILL, and the guard then kills the whole group. Unlike PR_SET_PDEATHSIG this
# reaches the command's children too, does not depend on the owner's thread, and works on every
# POSIX system. The shells outlive SIGTERM as long as the command does, so that it can clean up.
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


class ProcessGroup:
    """A shell command in its own process group, which ends with its owner.

    As a context manager it kills the remaining processes on exit. The command runs in
    bash, as in NNI.
    """

    def __init__(self, command: str, folder: Path, env: Mapping[str, str], output: Path) -> None:
        """Start the command.

        Args:
            command: for the shell.
            folder: the folder in which it runs.
            env: its whole environment.
            output: the folder of its ``stdout`` and ``stderr``.
        """
        with telling_what_failed(output):
            out, err = ((output / name).open("wb") for name in ("stdout", "stderr"))
        with out, err:
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
            time.sleep(_POLL)
        self.kill()

    def kill(self) -> None:
        """Kill the whole group (SIGKILL) and wait for its end."""
        self._signal(signal.SIGKILL)
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # all of them have ended
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
