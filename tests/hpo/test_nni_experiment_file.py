"""NNI's experiment files, read in both schemas."""

from __future__ import annotations

import ast
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from nni_trials import SPACE, v1, v2

from nasbench.errors import UserError
from nasbench.hpo.nni_experiment.algorithms import ALIASES, ALLOWED, default_mode
from nasbench.hpo.nni_experiment.experiment import read


def test_a_v1_file(tmp_path):
    found = read(v1(tmp_path))
    assert (found.version, found.name, found.source) == (1, "old style", tmp_path / "config.yml")
    assert found.search_space == SPACE
    assert found.command.endswith(" trial.py")
    assert (found.code_dir, found.gpus) == (tmp_path, 0)
    assert (found.concurrency, found.max_trials, found.max_seconds) == (4, 6, 3600.0)
    assert (found.tuner.name, found.tuner.arguments) == ("TPE", {"optimize_mode": "maximize"})
    assert (found.assessor, found.direction.mode) == (None, "maximize")
    assert found.trial_seconds is None
    assert found.ignored == ("authorName",)


def test_a_v2_file(tmp_path):
    found = read(v2(tmp_path, maxExperimentDuration=90, maxTrialDuration="1.5m"))
    assert (found.version, found.name) == (2, "new style")
    assert found.search_space == SPACE
    assert (found.code_dir, found.gpus) == (tmp_path, None)
    assert (found.concurrency, found.max_trials, found.max_seconds) == (4, 6, 90.0)
    assert found.trial_seconds == 90.0
    assert (found.tuner.name, found.tuner.arguments, found.ignored) == ("Random", {}, ())


def test_paths_are_relative_to_the_file(tmp_path, monkeypatch):
    (tmp_path / "code").mkdir()
    path = v2(tmp_path, trialCodeDirectory="code")
    (tmp_path / "search_space.json").rename(tmp_path / "code" / "space.json")
    path.write_text(path.read_text().replace("search_space.json", "code/space.json"))
    monkeypatch.chdir(tmp_path.parent)
    found = read(path.relative_to(tmp_path.parent))
    assert found.code_dir == tmp_path / "code"
    assert found.search_space == SPACE


def test_the_search_space_may_stand_in_a_v2_file(tmp_path):
    found = read(v2(tmp_path, searchSpaceFile=None, searchSpace=SPACE))
    assert found.search_space == SPACE


def test_a_json_file_and_underscores_are_read_as_nni_reads_them(tmp_path):
    path = v2(tmp_path)
    content = yaml.safe_load(path.read_text())
    content["trial_concurrency"] = content.pop("trialConcurrency")
    path.write_text(json.dumps(content))
    assert read(path).concurrency == 4


def test_the_training_service_may_hold_what_concerns_the_trial(tmp_path):
    service = {
        "platform": "local",
        "trialCommand": "./other",
        "trialGpuNumber": 1,
        "useActiveGpu": True,
        "gpuIndices": [0, 1],
        "maxTrialNumberPerGpu": 2,
        "reuseMode": False,
    }
    found = read(v2(tmp_path, trainingService=service))
    assert (found.command, found.gpus) == ("./other", 1)
    assert found.ignored == tuple(
        f"trainingService.{field}"
        for field in ("reuseMode", "useActiveGpu", "gpuIndices", "maxTrialNumberPerGpu")
    )


def test_what_is_ignored_is_named(tmp_path):
    old = v1(
        tmp_path,
        logDir="/somewhere",
        nniManagerIp="10.0.0.1",
        tuner={"builtinTunerName": "Evolution", "gpuIndices": "0"},
        assessor={"builtinAssessorName": "Medianstop", "includeIntermediateResults": True},
        trial={"command": "./trial", "nasMode": "classic_mode"},
        localConfig={"maxTrialNumPerGpu": 2, "useActiveGpu": True},
    )
    assert set(read(old).ignored) == {
        "authorName",
        "logDir",
        "nniManagerIp",
        "trial.nasMode",
        "localConfig.maxTrialNumPerGpu",
        "localConfig.useActiveGpu",
        "tuner.gpuIndices",
        "assessor.includeIntermediateResults",
    }
    new = v2(tmp_path, logLevel="debug", experimentWorkingDirectory="/somewhere", debug=None)
    assert set(read(new).ignored) == {"logLevel", "experimentWorkingDirectory"}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("30m", 1800), ("1h", 3600), ("2d", 172800), ("1.5h", 5400), ("45", 45)],
)
def test_durations(tmp_path, text, seconds):
    assert read(v1(tmp_path, maxExecDuration=text)).max_seconds == seconds
    assert read(v2(tmp_path, maxExperimentDuration=text)).max_seconds == seconds


def test_the_name_is_the_files_where_it_has_none(tmp_path):
    assert read(v2(tmp_path, experimentName=None)).name == "config"


def _builtin() -> dict[str, Any]:
    """NNI's own table of its algorithms, read without importing NNI."""
    root = Path(importlib.util.find_spec("nni").origin).parent
    table = yaml.safe_load(
        (root / "runtime" / "default_config" / "builtin_algorithms.yml").read_text()
    )
    return {"root": root, **table}


def test_the_names_are_those_of_nni():
    builtin = _builtin()
    assert {one["builtinName"] for one in builtin["tuners"]} == set(ALLOWED["tuner"])
    assert {one["builtinName"] for one in builtin["assessors"]} == set(ALLOWED["assessor"])
    advisors = {one["builtinName"] for one in builtin["tuners"] if one.get("isAdvisor")}
    assert advisors == set(ALLOWED["advisor"])
    aliases = {
        one["alias"].lower(): one["builtinName"] for one in builtin["tuners"] if "alias" in one
    }
    assert aliases == ALIASES


def _default_of(constructor: ast.FunctionDef) -> str | None:
    """The default of the argument ``optimize_mode``, ``None`` where there is no such argument."""
    names = [argument.arg for argument in constructor.args.args]
    defaults = dict(zip(reversed(names), reversed(constructor.args.defaults), strict=False))
    return ast.literal_eval(defaults["optimize_mode"]) if "optimize_mode" in defaults else None


@pytest.mark.filterwarnings("ignore:.*invalid escape sequence")  # in NNI's sources
def test_the_default_directions_are_those_of_nni():
    builtin = _builtin()
    for one in builtin["tuners"]:
        *module, name = one["className"].split(".")[1:]
        path = builtin["root"].joinpath(*module)
        files = [path.with_suffix(".py"), *path.glob("*.py")]
        classes = [
            node
            for file in files
            if file.is_file()
            for node in ast.parse(file.read_text()).body
            if isinstance(node, ast.ClassDef) and node.name == name
        ]
        constructor = next(n for n in classes[0].body if getattr(n, "name", "") == "__init__")
        assert default_mode(one["builtinName"]) == _default_of(constructor), one["builtinName"]


def _line(path: Path) -> str:
    with pytest.raises(UserError) as raised:
        read(path)
    line = str(raised.value)
    assert "\n" not in line
    assert str(path) in line or "search_space.json" in line
    return line.replace(f"{path}: ", "").replace(f" in {path}", "")


WRONG_V1 = [
    (
        {"tuner": {"builtinTunerName": "TPP"}},
        "unknown tuner.builtinTunerName 'TPP': did you mean TPE or PPO? allowed: TPE, ",
    ),
    ({"tuner": None}, "tuner is missing; it must be a mapping that names one"),
    ({"tuner": "TPE"}, "tuner: 'TPE' must be a mapping of fields"),
    ({"tuner": {"name": "TPE"}}, "unknown field in tuner 'name': allowed: builtinTunerName, "),
    (
        {"tuner": {"className": "Mine", "classFileName": "mine.py", "codeDir": "."}},
        "tuner.className is 'Mine'; it must be left out: only NNI's own run here, by their "
        "builtinTunerName",
    ),
    (
        {"tuner": {"builtinTunerName": "TPE", "classArgs": {"optimize_mode": "max"}}},
        "unknown tuner.classArgs.optimize_mode 'max': did you mean maximize? allowed: minimize, "
        "maximize",
    ),
    (
        {"tuner": {"builtinTunerName": "TPE", "classArgs": [1]}},
        "tuner.classArgs: [1] must be a mapping of fields",
    ),
    (
        {"advisor": {"builtinAdvisorName": "BOHB", "classArgs": {"R": 60}}, "tuner": None},
        "advisor.builtinAdvisorName: NNI's tuner BOHB is not available: it is an advisor",
    ),
    (
        {"tuner": {"builtinTunerName": "BatchTuner"}, "searchSpacePath": "batch.json"},
        "tuner.builtinTunerName: NNI's tuner Batch is not available: its search space is a list "
        "of complete parameter sets; take grid instead",
    ),
    (
        {"assessor": {"builtinAssessorName": "Median"}},
        "unknown assessor.builtinAssessorName 'Median': did you mean Medianstop?",
    ),
    (
        {
            "assessor": {
                "builtinAssessorName": "Medianstop",
                "classArgs": {"optimize_mode": "minimize"},
            }
        },
        "it must be the tuner's, which is maximize",
    ),
    (
        {"searchSpacePath": "nowhere.json"},
        "searchSpacePath is 'nowhere.json'; it must be a file, but /",
    ),
    ({"searchSpacePath": None}, "searchSpacePath is missing; it must be a text"),
    (
        {"searchSpacePath": "~nobody-here/s.json"},
        "searchSpacePath is '~nobody-here/s.json'; it mu",
    ),
    ({"searchSpacePath": "a\0b"}, "it must be a path, but it leads nowhere: embedded null byte"),
    ({"maxTrialNumber": 5}, "did you mean maxTrialNum"),
    (
        {"trainingServicePlatform": "remote"},
        "trainingServicePlatform is 'remote'; it must be local: trials run on this machine",
    ),
    ({"trainingServicePlatform": None}, "trainingServicePlatform is missing; it must be local"),
    ({"useAnnotation": True}, "useAnnotation is True; it must be false or left out"),
    ({"multiPhase": True}, "multiPhase is True; it must be false or left out"),
    ({"trialConcurrency": 0}, "trialConcurrency is 0; it must be a whole number of at least 1"),
    ({"trialConcurrency": None}, "trialConcurrency is missing; it must be a whole number"),
    ({"maxTrialNum": "ten"}, "maxTrialNum is 'ten'; it must be a whole number of at least 1"),
    (
        {"maxExecDuration": "1 fortnight"},
        "maxExecDuration is '1 fortnight'; it must be a duration above 0 like 10s, 30m, 1h, 2d",
    ),
    ({"maxExecDuration": "5ms"}, "maxExecDuration is '5ms'; it must be a duration above 0"),
    ({"maxExecDuration": "infs"}, "maxExecDuration is 'infs'; it must be a duration above 0"),
    ({"trialConcurrency": 10**23}, "whole number of at least 1 and at most 99999"),
    ({"maxExecDuration": "0h"}, "maxExecDuration is '0h'; it must be a duration above 0"),
    ({"maxExecDuration": True}, "maxExecDuration is True; it must be a duration above 0"),
    ({"trial": {"codeDir": "."}}, "trial.command is missing; it must be a text"),
    (
        {"trial": {"command": "./trial", "codeDir": "nowhere"}},
        "trial.codeDir is 'nowhere'; it must be a folder, but /",
    ),
    ({"trial": {"command": "./trial", "gpuNum": -1}}, "trial.gpuNum is -1; it must be a whole"),
    ({"trial": {"command": "./trial", "gpus": 1}}, "did you mean gpuNum"),
]


@pytest.mark.parametrize(("changes", "line"), WRONG_V1)
def test_mistakes_in_v1(tmp_path, changes, line):
    assert line in _line(v1(tmp_path, **changes))


WRONG_V2 = [
    ({"maxTrialNum": 5}, "did you mean maxTrialNumber"),
    ({"searchSpace": SPACE}, "searchSpaceFile is 'search_space.json'; it must be left out beside"),
    ({"searchSpaceFile": None}, "searchSpaceFile is missing; it must be a text"),
    (
        {"searchSpaceFile": None, "searchSpace": {"x": {"_type": "unifrom", "_value": [0, 1]}}},
        "unknown _type in searchSpace: x 'unifrom': did you mean uniform",
    ),
    (
        {"trainingService": {"platform": "remote", "machineList": []}},
        "trainingService is {'machineList': [], 'platform': 'remote'}; it must be of platform "
        "local",
    ),
    ({"trainingService": [{"platform": "local"}]}, "it must be of platform local"),
    ({"trainingService": None}, "trainingService is missing; it must be of platform local"),
    ({"experimentType": "nas"}, "experimentType is 'nas'; it must be hpo"),
    ({"useAnnotation": True}, "useAnnotation is True; it must be false or left out"),
    ({"tuner": {"name": "TPEE"}}, "unknown tuner.name 'TPEE': did you mean TPE"),
    ({"tuner": {"className": "a.B"}}, "tuner.className is 'a.B'; it must be left out"),
    ({"trialCommand": " "}, "trialCommand is ' '; it must be a text"),
]


@pytest.mark.parametrize(("changes", "line"), WRONG_V2)
def test_mistakes_in_v2(tmp_path, changes, line):
    assert line in _line(v2(tmp_path, **changes))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"tuner: [", "not YAML: "),
        (b"- 1", "[1] must be a mapping of fields"),
        (b"", "None must be a mapping of fields"),
        (b"\xff\xfa", "cannot be read: "),
    ],
)
def test_files_that_are_none(tmp_path, content, line):
    path = tmp_path / "config.yml"
    path.write_bytes(content)
    assert line in _line(path)


def test_a_file_that_is_missing(tmp_path):
    assert "cannot be read: No such file or directory" in _line(tmp_path / "config.yml")


def test_a_search_space_that_is_none_names_its_own_file(tmp_path):
    path = v1(tmp_path)
    (tmp_path / "search_space.json").write_text("{}")
    assert "search_space.json: has no parameter" in _line(path)
