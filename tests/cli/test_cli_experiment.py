"""NNI's experiment files through ``nasbench hpo --config``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

EXAMPLE = """
import nni

parameters = nni.get_next_parameter()
for epoch in range(2):
    nni.report_intermediate_result(parameters["x"] + epoch)
nni.report_final_result(3 * parameters["x"] + parameters["y"])
"""
# Speaks as NNI's library does, and starts a hundred times faster.
QUICK = """
import json, os, sys
from pathlib import Path

folder = Path(os.environ["NNI_SYS_DIR"])
record = json.loads((folder / "parameter.cfg").read_text())
parameters = record["parameters"]

def report(kind, value):
    job = os.environ["NNI_TRIAL_JOB_ID"]
    metric = {"parameter_id": record["parameter_id"], "trial_job_id": job,
              "type": kind, "sequence": 0, "value": json.dumps(value)}
    line = (json.dumps(metric) + "\\n").encode()
    with (folder / ".nni" / "metrics").open("ab") as file:
        file.write(b"ME%06d%b" % (len(line), line))
"""
SPACE = {
    "x": {"_type": "uniform", "_value": [0, 1]},
    "y": {"_type": "randint", "_value": [0, 100]},
}
NESTED = {"act": {"_type": "choice", "_value": [{"_name": "relu"}, {"_name": "leaky", **SPACE}]}}
V1 = {
    "authorName": "somebody",
    "experimentName": "old",
    "trialConcurrency": 1,
    "maxTrialNum": 3,
    "trainingServicePlatform": "local",
    "searchSpacePath": "space.json",
    "tuner": {"builtinTunerName": "TPE", "classArgs": {"optimize_mode": "maximize"}},
    "trial": {"command": f"{sys.executable} trial.py", "codeDir": ".", "gpuNum": 0},
}
V2 = {
    "experimentName": "new",
    "searchSpaceFile": "space.json",
    "trialCommand": f"{sys.executable} trial.py",
    "trialCodeDirectory": ".",
    "trialConcurrency": 4,
    "maxTrialNumber": 6,
    "tuner": {"name": "Random"},
    "trainingService": {"platform": "local"},
}


def experiment(folder: Path, content: dict, script: str) -> Path:
    (folder / "space.json").write_text(json.dumps(SPACE))
    (folder / "trial.py").write_text(script)
    path = folder / "config.yml"
    path.write_text(yaml.safe_dump(content))
    return path


def trials(folder: Path) -> list[dict]:
    (journal,) = folder.glob("results/runs/*/journal.jsonl")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    return [event for event in events if event["event"] == "trial"]


def pairs_are_right(found: list[dict]) -> bool:
    return all(
        one["score"] == pytest.approx(3 * one["parameters"]["x"] + one["parameters"]["y"])
        for one in found
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "content", [{**V1, "maxTrialNum": 2}, {**V2, "maxTrialNumber": 2}], ids=["v1", "v2"]
)
def test_the_three_calls_of_nni_run_unchanged(place, run, content):
    path = experiment(place, content, EXAMPLE)
    answer = run("hpo", "--config", path, "--engine", "local", "--json")
    assert answer.status == 0, answer.err
    found = trials(place)
    assert [one["error"] for one in found] == [None] * 2
    assert pairs_are_right(found)
    assert [len(one["reports"]) for one in found] == [2] * 2
    best = max(found, key=lambda one: one["score"])
    assert (answer.json["score"], answer.json["parameters"]) == (best["score"], best["parameters"])


def test_pairs_are_right_at_concurrency_4(place, run):
    final = QUICK + 'report("FINAL", 3 * parameters["x"] + parameters["y"])\n'
    path = experiment(place, V2, final)
    answer = run("hpo", "--config", path, "--trials", "12")
    assert answer.status == 0, answer.err
    found = trials(place)
    assert sorted(one["number"] for one in found) == list(range(12))
    assert pairs_are_right(found)


def test_a_direction_that_nobody_gave_and_reports_that_are_no_numbers(place, run, runs):
    """NNI 1's documentation says maximize; NNI keeps the final result without an assessor."""
    final = "report('PERIODICAL', {'acc': 1})\nreport('PERIODICAL', [1])\nreport('FINAL', 0.5)\n"
    for arguments in ({}, {"optimize_mode": None}):
        content = {**V1, "maxTrialNum": 1, "tuner": {"builtinTunerName": "TPE"}}
        content["tuner"]["classArgs"] = arguments
        path = experiment(place, content, QUICK + final)
        answer = run("hpo", "--config", path)
        assert answer.status == 0, answer.err
        assert (
            "config.yml: final results are maximized: the default of TPE in NNI 1's "
            "documentation, since no optimize_mode is given\n"
        ) in answer.err
        assert (
            "; 2 intermediate results are no numbers and are passed over, the first is "
            "{'acc': 1}\n"
        ) in answer.err
        assert "best of 1 trials: 0.5 (maximize) with" in answer.out
    assert [info["optimize_mode"] for info in runs()] == ["maximize"] * 2


def test_what_follows_an_experiment(place, run, runs, refused):
    """A network of ours is retrained; of another one the line says what to run."""
    script = QUICK + 'report("FINAL", parameters["lr"])\n'
    seeded = {"builtinTunerName": "TPE", "classArgs": {"optimize_mode": "maximize", "seed": 5}}
    path = experiment(place, {**V1, "maxTrialNum": 2, "tuner": seeded}, script)
    (place / "space.json").write_text('{"lr": {"_type": "uniform", "_value": [0.01, 0.1]}}')
    answer = run("hpo", "--config", path)
    assert answer.status == 0, answer.err
    [info] = runs()
    folder, lines = info["folder"], answer.out.splitlines()
    best = max(trials(place), key=lambda one: one["score"])
    content = json.loads((folder / "best.json").read_text())
    assert (content["trial"], content["parameters"]) == (best["number"], best["parameters"])
    assert f"best:   {folder / 'best.json'}" in lines
    assert lines[-1].startswith("next:   train with the parameters of best.json yourself, as `")
    assert lines[-1].endswith(f"nasbench retrain {folder} --task TASK --space BASELINE")
    assert "its trials are a command of your own" in refused("retrain", folder)
    small = ("--space", "small-cnn", "--limit-train", 100, "--epochs", 1)
    assert "does not say its task: give --task" in refused("retrain", folder, *small)
    done = run("retrain", "last", "--task", "digits", *small, "--json")
    assert done.status == 0, done.err
    assert done.json["kind"] == "hpo"
    assert done.json["retrain_config"]["lr"] == best["parameters"]["lr"]
    # What tells its row from that of another experiment, and the seed of its tuner.
    search = done.json["search_config"]
    assert search["space_content"] == json.loads((place / "space.json").read_text())
    limits = {"trials": 2, "seconds": None}
    assert search["experiment"] == {"command": V1["trial"]["command"], "limits": limits}
    assert (done.json["search_seed"], info["seed"]) == (5, 5)
    # Its search space chooses among our networks.
    script = QUICK + 'report("FINAL", 1.0)\n'
    path = experiment(place, {**V1, "maxTrialNum": 1}, script)
    (place / "space.json").write_text('{"model": {"_type": "choice", "_value": ["small-cnn"]}}')
    answer = run("hpo", "--config", path, "--seed", 1)
    (folder,) = Path("results/runs").glob("*-hpo-*-s1-*")
    assert answer.out.splitlines()[-1] == f"next:   nasbench retrain {folder} --task TASK"
    done = run("retrain", folder, "--task", "digits", *small[2:], "--json")
    assert done.status == 0, done.err
    assert done.json["space"] == "small-cnn"
    path = experiment(place, {**V1, "maxTrialNum": 1}, QUICK + 'report("FINAL", 1.0)\n')
    assert run("hpo", "--config", path, "--seed", 2).status == 0
    (folder,) = Path("results/runs").glob("*-hpo-*-s2-*")
    line = refused("retrain", folder, "--task", "digits", "--space", "small-cnn")
    assert line.startswith("unknown parameter 'x'")


@pytest.mark.slow
def test_pbt_hands_checkpoints_on(place, run):
    """As in NNI, a trial reads its parent's folder and writes its own."""
    script = QUICK + (
        "load, save = (Path(parameters[f'{verb}_checkpoint_dir']) for verb in ('load', 'save'))\n"
        "steps = int((load / 'steps').read_text()) if load.is_dir() else 0\n"
        "save.mkdir(parents=True)\n"
        "(save / 'steps').write_text(str(steps + 1))\n"
        'report("FINAL", steps + 1)\n'
    )
    given = {"optimize_mode": "maximize", "population_size": 3, "all_checkpoint_dir": "kept"}
    content = {**V2, "trialConcurrency": 1, "maxTrialNumber": 9}
    path = experiment(place, {**content, "tuner": {"name": "PBT", "classArgs": given}}, script)
    answer = run("hpo", "--config", path, "--json")
    assert answer.status == 0, answer.err
    assert [one["score"] for one in trials(place)] == [1.0] * 3 + [2.0] * 3 + [3.0] * 3
    (run_folder,) = (place / "kept").iterdir()
    assert run_folder.name == answer.json["run"]


@pytest.mark.slow
def test_bad_trials_harm_no_others(place, run):
    # A good trial ends first: three failures and nothing else would end the experiment.
    script = QUICK + (
        "import time\n"
        'n = record["parameter_id"]\n'
        'while n and not Path("first has ended").exists(): time.sleep(0.01)\n'
        'if n == 1: sys.exit("no luck")\n'
        'if n == 2: report("FINAL", float("nan"))\n'
        "if n == 3: time.sleep(60)\n"
        'if n not in (2, 4): report("FINAL", 3 * parameters["x"] + parameters["y"])\n'
        'Path("first has ended").touch()\n'
    )
    path = experiment(place, V2, script)
    answer = run("hpo", "--config", path, "--trial-timeout", "10", "--json")
    assert answer.status == 0, answer.err
    found = {one["number"]: one for one in trials(place)}
    assert pairs_are_right([one for one in found.values() if one["error"] is None])
    errors = {number: one["error"] for number, one in found.items() if one["error"]}
    assert set(errors) == {1, 2, 3, 4}
    assert "no luck" in errors[1]
    assert "nan" in errors[2]
    assert "10 s" in errors[3]
    assert (answer.json["trials"], answer.json["failed"]) == (2, 4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"trialCommand": None, "trialConcurrency": None, "trial_command": 3},
            "trialCommand is 3",
        ),
        ({"tuner": {"name": "TPEE"}}, "did you mean TPE"),
        ({"tuner": {"name": "Metis"}}, "Metis is not available"),
        ({"tuner": {"name": "TPE", "classArgs": {"no_such": 1}}}, "no_such"),
        ({"tuner": {"name": "Evolution", "classArgs": {"population_size": "many"}}}, "'many'"),
        ({"tuner": {"name": "Batch"}, "searchSpaceFile": "batch.json"}, "Batch is not available"),
        (
            {"tuner": {"name": "PBT"}, "searchSpaceFile": None, "searchSpace": NESTED},
            "takes flat search spaces only",
        ),
        ({"searchSpaceFile": "gone.json"}, "gone.json"),
        ({"trialCodeDirectory": "gone"}, "gone"),
        ({"maxTrialNumer": 3}, "did you mean maxTrialNumber"),
    ],
)
def test_a_bad_file_gives_one_line(place, run, change, words):
    path = experiment(place, {**V2, **change}, QUICK)
    answer = run("hpo", "--config", path)
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("error: ")
    assert answer.err.count("\n") == 1
    assert words in answer.err
    assert not list(place.glob("results/runs/*"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--epochs", "3"], "'epochs' is the trial command's"),
        (["--seeds", "2"], "--seeds: leave it out: the experiment file determines it"),
        (["--trials", "3", "--budget", "5"], "--trials 3 and --budget 5: give one of them"),
        (["--budget", "5 epochs"], "an experiment counts trials or seconds"),
    ],
)
def test_flags_that_mean_nothing_for_a_file(place, run, words, expected):
    path = experiment(place, V2, QUICK)
    answer = run("hpo", "--config", path, *words)
    assert (answer.status, answer.err.count("\n")) == (2, 1)
    assert expected in answer.err


def test_a_stopped_experiment_goes_on_where_it_was(place, run):
    final = QUICK + 'report("FINAL", 3 * parameters["x"] + parameters["y"])\n'
    path = experiment(place, {**V2, "trialConcurrency": 1}, final)
    whole = run("hpo", "--config", path, "--json", "--out", "whole")
    assert run("hpo", "--config", path, "--trials", "6", "--out", "results").status == 0
    (journal,) = place.glob("results/runs/*/journal.jsonl")
    lines = journal.read_text().splitlines()
    cut = next(i for i, line in enumerate(lines) if json.loads(line)["event"] == "trial") + 2
    journal.write_text("\n".join(lines[:cut]) + "\n")  # one trial done, the next one suggested
    info = json.loads((journal.parent / "run.json").read_text())
    (journal.parent / "run.json").write_text(json.dumps({**info, "status": "stopped"}))
    again = run("hpo", "--resume", journal.parent, "--json")
    assert again.status == 0, again.err
    assert again.json["parameters"] == whole.json["parameters"]
    assert [one["number"] for one in trials(place)] == list(range(6))


def test_an_unknown_experiment_is_not_run_on_resume(place, run):
    final = QUICK + 'report("FINAL", 1.0)\n'
    path = experiment(place, {**V2, "maxTrialNumber": 1}, final)
    assert run("hpo", "--config", path).status == 0
    (info,) = place.glob("results/runs/*/run.json")
    info.write_text(json.dumps({**json.loads(info.read_text()), "status": "stopped"}))
    path.write_text(path.read_text() + "\n# another text\n")
    answer = run("hpo", "--resume", info.parent)
    assert answer.status == 2
    assert "has changed or was never run here" in answer.err
