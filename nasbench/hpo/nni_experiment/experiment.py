"""NNI's experiment files of both schemas.

Version 1 is that of NNI 1 to 2.2, version 2 that of NNI 2.3 to 3.0:
https://nni.readthedocs.io/en/v2.2/Tutorial/ExperimentConfig.html and
https://nni.readthedocs.io/en/stable/reference/experiment_config.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench import plain_yaml
from nasbench.errors import UserError
from nasbench.hpo.nni_experiment.algorithms import Algorithm, Direction, read_algorithms
from nasbench.hpo.nni_experiment.section import Section
from nasbench.hpo.parsing import parse
from nasbench.hpo.space import ParameterSpace

MOST = 99999
"""The largest ``trialConcurrency`` and number of GPUs, as in NNI."""


@dataclass(frozen=True)
class Experiment:
    """An experiment, whatever the version of its file.

    Attributes:
        source: the file.
        version: of its schema, 1 or 2.
        name: of the experiment, by default the file's.
        search_space: NNI's search-space JSON, checked.
        command: the shell command of a trial.
        code_dir: the folder in which the command runs.
        gpus: of a trial; 0 hides them from it, ``None`` changes nothing.
        concurrency: trials at once.
        max_trials: number of trials; ``None`` for no limit.
        max_seconds: of the experiment, after which no trial begins; ``None`` for no limit.
        trial_seconds: of one trial; ``None`` for no limit.
        tuner: suggests parameters.
        assessor: ends trials early; ``None`` for none.
        direction: whether larger final results are better.
        ignored: the fields of the file that have no effect here.
    """

    source: Path
    version: int
    name: str
    search_space: dict[str, Any]
    command: str
    code_dir: Path
    gpus: int | None
    concurrency: int
    max_trials: int | None
    max_seconds: float | None
    trial_seconds: float | None
    tuner: Algorithm
    assessor: Algorithm | None
    direction: Direction
    ignored: tuple[str, ...]


def read(path: Path) -> Experiment:
    """Return the experiment that a YAML or JSON file of NNI describes.

    Relative paths in the file start at its folder.

    Raises:
        UserError: the file is missing or cannot be parsed, or a field is unknown, missing or
            wrong; the line names the file, the field, its value and what is allowed.
    """
    path = path.absolute()
    try:
        content = plain_yaml.read(path)
    except UserError as error:
        raise UserError(f"experiment file {path}: {error}") from error
    if not isinstance(content, dict):
        raise UserError(f"experiment file {path}: {content!r:.80} must be a mapping of fields")
    only_v1 = ("trainingServicePlatform", "trial", "searchSpacePath")
    is_v1 = any(field in content for field in only_v1)
    return _read_v1(content, path) if is_v1 else _read_v2(content, path)


_V1 = (
    "experimentName trialConcurrency maxExecDuration maxTrialDuration maxTrialNum "
    "trainingServicePlatform searchSpacePath multiPhase useAnnotation tuner advisor assessor "
    "trial localConfig"
)
_V1_IGNORED = (
    "authorName description multiThread nniManagerIp logDir debug versionCheck logLevel "
    "logCollection sharedStorage machineList remoteConfig paiConfig kubeflowConfig "
    "frameworkcontrollerConfig amlConfig dltsConfig adlConfig dlcConfig hybridConfig"
)


def _read_v1(content: dict[str, Any], file: Path) -> Experiment:
    top = Section(content, file, "", _V1, _V1_IGNORED)
    if top.raw("trainingServicePlatform") != "local":
        raise top.error("trainingServicePlatform", "local: trials run on this machine")
    top.refuse("multiPhase", "useAnnotation")
    trial = top.section("trial", "command codeDir gpuNum", "nasMode")
    local = top.section("localConfig", "", "useActiveGpu gpuIndices maxTrialNumPerGpu")
    tuner, assessor, direction = read_algorithms(top, version=1)
    return Experiment(
        source=file,
        version=1,
        name=top.text("experimentName", file.stem),
        search_space=ParameterSpace.read(top.file("searchSpacePath")).content,
        command=trial.text("command"),
        code_dir=trial.folder("codeDir"),
        gpus=trial.maybe_whole("gpuNum", 0, MOST),
        concurrency=top.whole("trialConcurrency", 1, MOST),
        max_trials=top.maybe_whole("maxTrialNum", 1),
        max_seconds=top.seconds("maxExecDuration"),
        trial_seconds=top.seconds("maxTrialDuration"),
        tuner=tuner,
        assessor=assessor,
        direction=direction,
        ignored=(
            *top.ignored,
            *trial.ignored,
            *local.ignored,
            *tuner.ignored,
            *(assessor.ignored if assessor else ()),
        ),
    )


_V2 = (
    "experimentName experimentType searchSpaceFile searchSpace trialCommand trialCodeDirectory "
    "trialConcurrency trialGpuNumber maxExperimentDuration maxTrialNumber maxTrialDuration "
    "useAnnotation tuner advisor assessor trainingService"
)
_V2_IGNORED = (
    "nniManagerIp debug logLevel experimentWorkingDirectory tunerGpuIndices sharedStorage"
)
# These are read from the training service if it has them, else from the top.
_TRIAL = ("trialCommand", "trialCodeDirectory", "trialGpuNumber")
_SERVICE_IGNORED = "reuseMode nniManagerIp debug useActiveGpu gpuIndices maxTrialNumberPerGpu"


def _read_v2(content: dict[str, Any], file: Path) -> Experiment:
    top = Section(content, file, "", _V2, _V2_IGNORED)
    given = top.raw("trainingService")
    if not isinstance(given, dict) or given.get("platform") != "local":
        raise top.error("trainingService", "of platform local: trials run on this machine")
    service = top.section("trainingService", f"platform {' '.join(_TRIAL)}", _SERVICE_IGNORED)
    # First, since the search space of an algorithm that is not available may be of its own kind.
    tuner, assessor, direction = read_algorithms(top, version=2)
    if top.text("experimentType", "hpo") != "hpo":
        raise top.error("experimentType", "hpo")
    top.refuse("useAnnotation")
    command, code_dir, gpus = (service if service.has(field) else top for field in _TRIAL)
    if not top.has("searchSpace"):
        space = ParameterSpace.read(top.file("searchSpaceFile"))
    elif top.has("searchSpaceFile"):
        raise top.error("searchSpaceFile", "left out beside a searchSpace")
    else:
        space = ParameterSpace(parse(top.raw("searchSpace"), top.where("searchSpace")))
    return Experiment(
        source=file,
        version=2,
        name=top.text("experimentName", file.stem),
        search_space=space.content,
        command=command.text("trialCommand"),
        code_dir=code_dir.folder("trialCodeDirectory"),
        gpus=gpus.maybe_whole("trialGpuNumber", 0, MOST),
        concurrency=top.whole("trialConcurrency", 1, MOST),
        max_trials=top.maybe_whole("maxTrialNumber", 1),
        max_seconds=top.seconds("maxExperimentDuration"),
        trial_seconds=top.seconds("maxTrialDuration"),
        tuner=tuner,
        assessor=assessor,
        direction=direction,
        ignored=(*top.ignored, *service.ignored),
    )
