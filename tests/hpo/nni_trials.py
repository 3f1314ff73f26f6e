"""Trial scripts and experiment files for the tests of NNI experiments."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from nasbench.hpo.nni_experiment.command import TrialCommand
from nasbench.hpo.nni_experiment.experiment import Experiment

# The style of NNI's own examples.
EXAMPLE = """
import nni

parameters = nni.get_next_parameter()
for epoch in range(2):
    nni.report_intermediate_result(parameters["x"] + epoch)
nni.report_final_result({"default": 3 * parameters["x"] + parameters["y"], "epochs": 2})
"""

# Speaks to the files of its folder as NNI's library does, and starts a hundred times faster.
QUICK = """
import json, os, sys, time
from pathlib import Path

folder = Path(os.environ["NNI_SYS_DIR"])
record = json.loads((folder / "parameter.cfg").read_text())
parameters = record["parameters"]

def report(kind, value):
    metric = dict(
        parameter_id=record["parameter_id"],
        trial_job_id=os.environ["NNI_TRIAL_JOB_ID"],
        type=kind,
        sequence=0,
        value=json.dumps(value),
    )
    line = (json.dumps(metric) + "\\n").encode()
    with (folder / ".nni" / "metrics").open("ab") as file:
        file.write(b"ME%06d%b" % (len(line), line))
"""
SPACE = {
    "x": {"_type": "uniform", "_value": [0, 1]},
    "y": {"_type": "randint", "_value": [0, 100]},
}


def score(parameters: dict[str, Any]) -> float:
    """What :data:`EXAMPLE` reports at the end."""
    return 3 * parameters["x"] + parameters["y"]


def script(folder: Path, text: str, quick: bool = True) -> str:
    """Write a trial script into ``folder`` and return the command that runs it."""
    (folder / "trial.py").write_text(QUICK + text if quick else text)
    return f"{sys.executable} trial.py"


def v1(folder: Path, **changes: Any) -> Path:
    """Write an experiment file of NNI 1 and its search space; ``None`` takes a field out."""
    content = {
        "authorName": "someone",
        "experimentName": "old style",
        "trialConcurrency": 4,
        "maxExecDuration": "1h",
        "maxTrialNum": 6,
        "trainingServicePlatform": "local",
        "searchSpacePath": "search_space.json",
        "useAnnotation": False,
        "tuner": {"builtinTunerName": "TPE", "classArgs": {"optimize_mode": "maximize"}},
        "trial": {"command": f"{sys.executable} trial.py", "codeDir": ".", "gpuNum": 0},
    }
    return _write(folder, content | changes)


def v2(folder: Path, **changes: Any) -> Path:
    """Write an experiment file of NNI 2.3 and later; ``None`` takes a field out."""
    content = {
        "experimentName": "new style",
        "searchSpaceFile": "search_space.json",
        "trialCommand": f"{sys.executable} trial.py",
        "trialCodeDirectory": ".",
        "trialConcurrency": 4,
        "maxTrialNumber": 6,
        "tuner": {"name": "Random"},
        "trainingService": {"platform": "local"},
    }
    return _write(folder, content | changes)


def _write(folder: Path, content: dict[str, Any]) -> Path:
    (folder / "search_space.json").write_text(json.dumps(SPACE))
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
    return path


def trial_command(experiment: Experiment, folder: Path, **options: Any) -> TrialCommand:
    """How to run the trials of an experiment, in folders under ``folder``."""
    code_dir = str(experiment.code_dir)
    return TrialCommand(experiment.command, code_dir, str(folder), experiment.gpus, **options)


def wait_for(path: Path, seconds: float = 300.0) -> str:
    """Return what is in a file as soon as there is something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if path.is_file() and (text := path.read_text()):
            return text
        time.sleep(0.05)
    raise AssertionError(f"nothing in {path}")


def assert_gone(process: int, seconds: float = 120.0) -> None:
    """Wait until the process has ended; a zombie has."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        asked = ["ps", "-o", "stat=", "-p", str(process)]
        state = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
        if not state or state.startswith("Z"):
            return
        time.sleep(0.1)
    raise AssertionError(f"process {process} still runs")
