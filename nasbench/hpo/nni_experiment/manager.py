"""Hand an experiment to NNI's own manager, with its web page, and collect what came of it."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from nasbench.hpo.nni_experiment.algorithms import Algorithm
from nasbench.hpo.nni_experiment.command import TrialCommand
from nasbench.hpo.nni_experiment.experiment import Experiment
from nasbench.hpo.nni_experiment.results import TrialResult, read_results
from nasbench.hpo.nni_experiment.server import ID, NniServer

_POLL = 0.5  # seconds


def run_with_nni(
    experiment: Experiment,
    command: TrialCommand,
    folder: Path,
    *,
    port: int = 8080,
    stopped: Callable[[], bool] = lambda: False,
    announce: Callable[[str], None] = lambda page: None,
) -> list[TrialResult]:
    """Run the experiment to its end under NNI's manager, and stop the manager in any case.

    Each trial writes its own parameters and result; parameters and results are joined on
    ``parameterId`` there, not in NNI's tables (see :mod:`nasbench.hpo.nni_experiment.record`).

    Args:
        experiment: what to run.
        command: how to run its trials, and where their folders go.
        folder: takes NNI's own files; it is made, and must be new.
        port: of the web page, on the loopback address; 0 for any that is free.
        stopped: asked twice a second; a true answer ends the experiment.
        announce: told the address of the web page once it is up.

    Returns:
        the trials by number, those that were stopped or failed among them.

    Raises:
        UserError: the port is taken, or NNI's manager or its tuner failed.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True)
    description = folder / "command.json"
    description.write_text(json.dumps(asdict(replace(command, experiment=ID))), encoding="utf-8")
    with NniServer(folder, port) as server:
        announce(server.page)
        server.call("POST", "experiment", _content(experiment, description))
        while not stopped() and not _ended(server):
            time.sleep(_POLL)
    return read_results(Path(command.folder))


def _ended(server: NniServer) -> bool:
    """Return whether all trials are done; NNI itself waits on when its tuner has no more."""
    status = server.status()
    if status != "TUNER_NO_MORE_TRIAL":
        return status == "DONE"
    planned = server.call("GET", "experiment")["nextSequenceId"]
    jobs = [job["status"] for job in server.call("GET", "trial-jobs")]
    return len(jobs) == planned and not {"WAITING", "RUNNING"}.intersection(jobs)


def _content(experiment: Experiment, description: Path) -> dict[str, Any]:
    """Return the experiment as the manager's REST interface takes it."""
    record = [sys.executable, "-m", "nasbench.hpo.nni_experiment.record", str(description)]
    trial = {
        "trialCommand": f"exec {shlex.join(record)}",
        "trialCodeDirectory": str(description.parent),
        "trialGpuNumber": _gpus(experiment.gpus),
    }
    content = {
        **trial,
        "experimentName": experiment.name,
        "experimentType": "hpo",
        "searchSpace": experiment.search_space,
        "trialConcurrency": experiment.concurrency,
        "maxTrialNumber": experiment.max_trials,
        "maxExperimentDuration": experiment.max_seconds,
        "experimentWorkingDirectory": str(description.parent),
        "useAnnotation": False,
        "logLevel": "info",
        "tuner": _algorithm(experiment.tuner),
        "assessor": _algorithm(experiment.assessor),
        "trainingService": _present(
            {
                **trial,
                "platform": "local",
                "reuseMode": False,
                "maxTrialNumberPerGpu": 1,
                **experiment.training_service,
            }
        ),
    }
    return _present(content)


def _present(content: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value: null means something else to the manager."""
    return {name: value for name, value in content.items() if value is not None}


def _gpus(asked: int | None) -> float | None:
    """Return the GPUs of one trial; NNI 3.0 never gives out as many as there are.

    Just below one it shares GPUs out instead, and so gives each trial the whole of one.
    """
    return 0.999 if asked == 1 else asked


def _algorithm(algorithm: Algorithm | None) -> dict[str, Any] | None:
    if algorithm is None:
        return None
    # Batch and GridSearch take no arguments, not even none of them.
    arguments = {"classArgs": algorithm.arguments} if algorithm.arguments else {}
    return {"name": algorithm.name, **arguments}
