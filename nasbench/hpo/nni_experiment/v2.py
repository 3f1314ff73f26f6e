"""Experiment files of NNI 2.3 to 3.0.

The schema: https://nni.readthedocs.io/en/stable/reference/experiment_config.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasbench.hpo.nni_experiment.algorithms import read_algorithms
from nasbench.hpo.nni_experiment.experiment import Experiment
from nasbench.hpo.nni_experiment.machine import read_machine
from nasbench.hpo.nni_experiment.section import Section
from nasbench.hpo.parsing import parse
from nasbench.hpo.space import SearchSpace

_HEEDED = (
    "experimentName experimentType searchSpaceFile searchSpace trialCommand trialCodeDirectory "
    "trialConcurrency trialGpuNumber maxExperimentDuration maxTrialNumber maxTrialDuration "
    "useAnnotation tuner advisor assessor trainingService"
)
_IGNORED = "nniManagerIp debug logLevel experimentWorkingDirectory tunerGpuIndices sharedStorage"
# These may stand at the top or in the training service, which comes first.
_TRIAL = ("trialCommand", "trialCodeDirectory", "trialGpuNumber")


def read_v2(content: dict[str, Any], file: Path) -> Experiment:
    """Return the experiment that the content of a v2 file describes.

    Raises:
        UserError: a field is unknown or missing, or has a wrong value.
    """
    top = Section(content, file, "", _HEEDED, _IGNORED)
    service = _training_service(top)
    if top.text("experimentType", "hpo") != "hpo":
        raise top.error("experimentType", "hpo")
    top.refuse("useAnnotation")
    command, code_dir, gpus = (service if service.has(field) else top for field in _TRIAL)
    tuner, assessor = read_algorithms(top, version=2)
    return Experiment(
        source=file,
        version=2,
        name=top.text("experimentName", file.stem),
        search_space=_search_space(top),
        command=command.text("trialCommand"),
        code_dir=code_dir.folder("trialCodeDirectory"),
        gpus=gpus.maybe_whole("trialGpuNumber", 0),
        concurrency=top.whole("trialConcurrency", 1),
        max_trials=top.maybe_whole("maxTrialNumber", 1),
        max_seconds=top.seconds("maxExperimentDuration"),
        trial_seconds=top.seconds("maxTrialDuration"),
        tuner=tuner,
        assessor=assessor,
        training_service=read_machine(service, "maxTrialNumberPerGpu"),
        ignored=(*top.ignored, *service.ignored),
    )


def _training_service(top: Section) -> Section:
    """Return the training service, which must be this machine."""
    service = top.raw("trainingService")
    if not isinstance(service, dict) or service.get("platform") != "local":
        raise top.error("trainingService", "of platform local: trials run on this machine")
    heeded = f"platform useActiveGpu gpuIndices maxTrialNumberPerGpu {' '.join(_TRIAL)}"
    return top.section("trainingService", heeded, "reuseMode nniManagerIp debug")


def _search_space(top: Section) -> dict[str, Any]:
    if top.has("searchSpace") and top.has("searchSpaceFile"):
        raise top.error("searchSpaceFile", "left out where there is a searchSpace")
    if top.has("searchSpace"):
        where = top.where("searchSpace")
        return SearchSpace(parse(top.raw("searchSpace"), where)).content
    return SearchSpace.read(top.file("searchSpaceFile")).content
