"""Run an experiment's trial command, unchanged, and listen to what it reports.

The command believes to run under NNI's manager in local mode: it is given its parameters, and its
``nni.report_…`` calls are read from its folder ``<number>``, which also keeps its
``parameters.json``, ``stdout`` and ``stderr``.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nasbench.hpo.nni_experiment.group import POLL, Group
from nasbench.hpo.nni_experiment.outcome import Outcome
from nasbench.hpo.nni_experiment.protocol import (
    Metric,
    Metrics,
    TrialFailed,
    environment,
    open_folder,
)

Report = Callable[[float], bool]
Work = Callable[[Mapping[str, Any], Report], dict[str, Any]]


@dataclass(frozen=True)
class TrialCommand:
    """How the trials of an experiment are run; a plain picklable value.

    Attributes:
        command: as it stands in the experiment's file, for a shell.
        code_dir: where it runs, an absolute path.
        folder: gets a folder for each trial; an absolute path.
        gpus: 0 hides the GPUs from the trials; anything else leaves them to the executor.
        timeout: seconds that a trial may take; ``None`` for any.
        experiment: what ``nni.get_experiment_id()`` returns in a trial.
    """

    command: str
    code_dir: str
    folder: str
    gpus: int | None = None
    timeout: float | None = None
    experiment: str = "nasbench"


def setup(context: TrialCommand) -> Work:
    """Return the work of an executor: ``work({"number": n, "parameters": {…}}, report)``.

    It returns the fields of :class:`Outcome`, whose ``final`` is a finite number, and raises
    :class:`TrialFailed` as :func:`run_trial` does.
    """
    return partial(_work, context)


def _work(command: TrialCommand, payload: Mapping[str, Any], report: Report) -> dict[str, Any]:
    outcome = Outcome()

    def go_on(metric: Metric) -> bool:
        return metric.final or report(metric.value)

    run_trial(command, payload["number"], payload["parameters"], outcome, go_on)
    return asdict(outcome)


def run_trial(
    command: TrialCommand,
    number: int,
    parameters: Mapping[str, Any],
    outcome: Outcome,
    go_on: Callable[[Metric], bool],
    job: str | None = None,
) -> None:
    """Run one trial to its end.

    Args:
        command: how to run it.
        number: NNI's ``parameterId``, and the name of its folder.
        parameters: name to value.
        outcome: takes what the trial reports.
        go_on: told each report; a false answer stops the trial, and its last intermediate result
            counts.
        job: what ``nni.get_trial_id()`` returns in it; the number by default.

    Raises:
        TrialFailed: it crashed, took too long, or reported nothing or no finite number.
    """
    folder = Path(command.folder) / str(number)
    metrics = open_folder(folder, number, parameters)
    code_dir = Path(command.code_dir)
    env = environment(os.environ, folder, code_dir, command.experiment, job or str(number))
    if command.gpus == 0:
        env["CUDA_VISIBLE_DEVICES"] = ""
    with Group(command.command, code_dir, env, output=folder) as group:
        status = _follow(group, metrics, outcome, go_on, command.timeout)
    if status is None:
        outcome.stop()
    elif status:
        raise TrialFailed(f"{_exit(status)}: {_last_line(folder / 'stderr')}")
    elif outcome.final is None:
        raise TrialFailed("reported nothing: it ended without nni.report_final_result()")


def _follow(
    group: Group,
    metrics: Metrics,
    outcome: Outcome,
    go_on: Callable[[Metric], bool],
    timeout: float | None,
) -> int | None:
    """Return the exit status, or ``None`` once the trial was stopped."""
    start = time.monotonic()
    while True:
        status = group.status()  # asked before the metrics are read, so that none is missed
        for metric in metrics.new():
            outcome.take(metric)
            if not go_on(metric):
                group.stop()
                return None
        if status is not None:
            return status
        if timeout is not None and time.monotonic() - start > timeout:
            group.stop()
            raise TrialFailed(f"did not end within {timeout:g} s")
        time.sleep(POLL)


def _exit(status: int) -> str:
    if status > 128 and status - 128 in set(signal.Signals):
        return f"exit status {status} ({signal.Signals(status - 128).name})"
    return f"exit status {status}"


def _last_line(path: Path, longest: int = 200) -> str:
    """Return the last line that is not empty, cut to its first ``longest`` characters."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 65536))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    filled = [line.strip() for line in lines if line.strip()]
    return filled[-1][:longest] if filled else "nothing on its standard error"
