"""Experiment files of NNI 1 to 2.2.

The schema: https://nni.readthedocs.io/en/v2.2/Tutorial/ExperimentConfig.html
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nasbench.hpo.nni_experiment.algorithms import read_algorithms
from nasbench.hpo.nni_experiment.experiment import Experiment
from nasbench.hpo.nni_experiment.machine import read_machine
from nasbench.hpo.nni_experiment.section import Section
from nasbench.hpo.space import SearchSpace

_HEEDED = (
    "experimentName trialConcurrency maxExecDuration maxTrialDuration maxTrialNum "
    "trainingServicePlatform searchSpacePath multiPhase useAnnotation tuner advisor assessor "
    "trial localConfig"
)
_IGNORED = (
    "authorName description multiThread nniManagerIp logDir debug versionCheck logLevel "
    "logCollection sharedStorage machineList remoteConfig paiConfig kubeflowConfig "
    "frameworkcontrollerConfig amlConfig dltsConfig adlConfig dlcConfig hybridConfig"
)


def read_v1(content: dict[str, Any], file: Path) -> Experiment:
    """Return the experiment that the content of a v1 file describes.

    Raises:
        UserError: a field is unknown or missing, or has a wrong value.
    """
    top = Section(content, file, "", _HEEDED, _IGNORED)
    if top.raw("trainingServicePlatform") != "local":
        raise top.error("trainingServicePlatform", "local: trials run on this machine")
    top.refuse("multiPhase", "useAnnotation")
    trial = top.section("trial", "command codeDir gpuNum", "nasMode")
    local = top.section("localConfig", "useActiveGpu gpuIndices maxTrialNumPerGpu")
    tuner, assessor = read_algorithms(top, version=1)
    return Experiment(
        source=file,
        version=1,
        name=top.text("experimentName", file.stem),
        search_space=SearchSpace.read(top.file("searchSpacePath")).content,
        command=trial.text("command"),
        code_dir=trial.folder("codeDir"),
        gpus=trial.maybe_whole("gpuNum", 0),
        concurrency=top.whole("trialConcurrency", 1),
        max_trials=top.maybe_whole("maxTrialNum", 1),
        max_seconds=top.seconds("maxExecDuration"),
        trial_seconds=top.seconds("maxTrialDuration"),
        tuner=tuner,
        assessor=assessor,
        training_service=read_machine(local, "maxTrialNumPerGpu"),
        ignored=(
            *top.ignored,
            *trial.ignored,
            *tuner.ignored,
            *(assessor.ignored if assessor else ()),
        ),
    )
