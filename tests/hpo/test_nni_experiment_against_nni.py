"""NNI's own reading of experiment files is the measure of ours."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from nni.experiment.config import ExperimentConfig, convert, utils
from nni_trials import v1, v2
from test_nni_experiment_algorithms import OF_NNI

from nasbench.errors import UserError
from nasbench.hpo.nni_experiment.experiment import Experiment, read

Change = tuple[int, dict[str, Any]]


def of_nni(path: Path) -> dict[str, Any]:
    """Read a file and make its algorithms as ``nnictl create`` and NNI's manager do, and let the
    tuner suggest and learn.
    """
    content = yaml.safe_load(path.read_text())
    if content.get("trainingServicePlatform"):
        content = convert.to_v2(content)
    utils.set_base_path(path.parent)
    try:
        config = ExperimentConfig(**content)
    finally:
        utils.unset_base_path()
    found: dict[str, Any] = config.json()
    names = {name.lower(): one for name, one in OF_NNI.items()}
    names["pbttuner"] = names["pbt"]
    tuner = names[found["tuner"]["name"].lower()](**(found["tuner"].get("classArgs") or {}))
    tuner.update_search_space(found["searchSpace"])
    for number in range(6):
        tuner.generate_parameters(number)
        tuner.receive_trial_result(number, {}, 0.5 + number)
        tuner.trial_end(number, True)
    if assessor := found.get("assessor"):
        names[assessor["name"].lower()](**(assessor.get("classArgs") or {}))
    return found


def read_or_line(path: Path) -> Experiment | str:
    """Return the experiment that a file describes, or the line that refuses it."""
    try:
        return read(path)
    except UserError as error:
        return str(error)


def durations() -> Iterator[Change]:
    for text in ("10s", "1 h", ".5h", "1e2s", 90, "2D", "0s", "-1h", "1h30m", "1w", "nan s", ""):
        yield 2, {"maxExperimentDuration": text}
        yield 1, {"maxExecDuration": text}


def numbers() -> Iterator[Change]:
    for number in (1, 0, -1, 1.0, "4", None, 99999):
        yield from ((2, {field: number}) for field in ("trialConcurrency", "maxTrialNumber"))
        yield from ((1, {field: number}) for field in ("trialConcurrency", "maxTrialNum"))


def algorithms() -> Iterator[Change]:
    for name in ("tpe", "Tpe", "random", "GRIDSEARCH", "PBTTuner", "evolution", "TPETuner", 3):
        yield 2, {"tuner": {"name": name}}
        yield 1, {"tuner": {"builtinTunerName": name}}
    for kind, empty in itertools.product(("tuner", "assessor", "advisor"), ({}, None)):
        yield 1, {kind: empty}
        yield 2, {kind: empty}
    for spelled in ("classArgs", "class_args", "CLASSARGS", "args"):
        yield 2, {"tuner": {"name": "TPE", spelled: {"seed": 1}}}


def arguments() -> Iterator[Change]:
    given: dict[str, list[Any]] = {
        "TPE": [
            *({"seed": seed} for seed in (0, None, -1, "abc", 1.5)),
            *({"tpe_args": args} for args in ({}, None, [1], "x", {"gama": 1})),
            *({"tpe_args": {"constant_liar_type": one}} for one in ("Best", None, "bset")),
            {"tpe_args": {"n_startup_jobs": 3, "gamma": 0.5, "prior_weight": 0}},
            *({"optimize_mode": mode} for mode in ("minimize", "maximize", "Maximize", "")),
            {"parallel_optimize": True},
            {"population_size": 3},
        ],
        "Evolution": [{"population_size": size} for size in (2, 0, "many", 2.5)],
        "PBT": [{"population_size": 3}, {"factor": 0.5, "fraction": 0.5}, {"factors": 0.5}],
        "Random": [{"seed": 3}, {"optimize_mode": "minimize"}, {"seeds": 3}],
        "GridSearch": [{"optimize_mode": "minimize"}, {"seed": 3}],
    }
    for name, every in given.items():
        yield from ((2, {"tuner": {"name": name, "classArgs": one}}) for one in every)
    for one in ({}, {"start_step": 2}, {"start": 2}, {"optimize_mode": "maximize"}):
        yield 2, {"assessor": {"name": "Medianstop", "classArgs": one}}


def spaces() -> Iterator[Change]:
    nested = {"_name": "a", "y": {"_type": "uniform", "_value": [0, 1]}}
    types = {
        "randint": [[0, 10], [0, 1e1], ["0", "1e1"], [5]],
        "uniform": [[0, 1], ["0", "1"], [0, "x"], [0]],
        "loguniform": [["1e-3", 1], [0, 1]],
        "choice": [["a", "b", 3, 4, 5, 6], [nested, {"_name": "b"}], [], "ab"],
        "normal": [[0, 1], [0]],
    }
    for kind, every in types.items():
        for values in every:
            space = {"x": {"_type": kind, "_value": values}}
            yield 2, {"searchSpaceFile": None, "searchSpace": space}
    yield from ((2, {"searchSpaceFile": None, "searchSpace": one}) for one in ([], None, "x"))


def others() -> Iterator[Change]:
    yield from ((2, {"experimentName": name}) for name in ("", 3, None))
    yield from ((2, {"trialCodeDirectory": name}) for name in ("", None, "gone"))
    yield 2, {"trainingService": {"platform": "local", "useActiveGpu": True}}
    yield 2, {"trainingService": {"platform": "local", "gpuIndices": "0,1"}}
    yield 2, {"trainingService": {"platform": "nowhere"}}
    yield from ((2, {"debug": True, "logLevel": level}) for level in ("info", None))
    yield 1, {"multiThread": True, "versionCheck": False, "logCollection": "http"}
    yield 1, {"localConfig": {"useActiveGpu": True, "maxTrialNumPerGpu": 2}}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "changes",
    [durations, numbers, algorithms, arguments, spaces, others],
    ids=lambda f: f.__name__,
)
def test_what_nni_runs_is_read_here(tmp_path, monkeypatch, changes):
    """What NNI refuses or fails at may be read here, or is refused in one line."""
    monkeypatch.setenv("NNI_CHECKPOINT_DIRECTORY", str(tmp_path))
    taken = refused = 0
    for version, change in changes():
        path = (v1 if version == 1 else v2)(tmp_path, **change)
        try:
            with warnings.catch_warnings():
                theirs = of_nni(path)
        except Exception:  # noqa: BLE001 - NNI has no single kind of error
            theirs = None
        ours = read_or_line(path)
        if isinstance(ours, str):
            assert "\n" not in ours
            assert theirs is None, (change, ours)
            refused += 1
            continue
        taken += 1
        if theirs is not None:
            assert ours.concurrency == theirs["trialConcurrency"]
            assert ours.max_trials == theirs.get("maxTrialNumber")
            assert str(ours.code_dir) == theirs["trialCodeDirectory"]
            assert ours.search_space.keys() == theirs["searchSpace"].keys()
            longest = utils.parse_time(theirs.get("maxExperimentDuration"))
            assert ours.max_seconds == longest
    assert taken > 3
    assert refused > 1
