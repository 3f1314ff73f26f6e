"""``nasbench hpo`` and what follows it, from the command line."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest

from nasbench.store.checkpoint import Checkpoint
from nasbench.store.journal import Journal

SPACE = {
    "initial_lr": {"_type": "loguniform", "_value": [0.01, 0.5]},
    "hidden_size": {"_type": "randint", "_value": [8, 33]},
}
STOPPING = '''
from retrain.baselines.small_cnn import SmallCnn


class Mine(SmallCnn):
    """Asks for a stop in the fourteenth step of a trial, where it is told to."""

    steps = 0

    def forward(self, x):
        import os

        self.steps += self.training
        if self.steps == 14 and os.environ.pop("STOP_HERE", ""):
            os.kill(os.getpid(), int(os.environ["STOP_WITH"]))
        return super().forward(x)
'''


@pytest.fixture
def tuning(place, small) -> tuple[str, ...]:
    """The words of a tuning of three short trials."""
    (place / "search_space.json").write_text(json.dumps(SPACE))
    words = ("--tuner", "random", "--search-space", "search_space.json", "--trials", "3")
    return ("hpo", "small-cnn", *words, *small)


def test_it_tells_the_best_trial_and_what_to_type_next(run, runs, tuning):
    answer = run(*tuning)
    assert answer.status == 0, answer.err
    [info] = runs()
    lines = answer.out.strip().splitlines()
    assert re.fullmatch(r"best of 3 trials: validation accuracy \d+\.\d\d% with", lines[0])
    assert [line.split(":")[0].strip() for line in lines[1:3]] == list(SPACE)
    checkpoint = info["folder"] / "checkpoint.json"
    trials = Journal(info["folder"] / "journal.jsonl").events("trial")
    ordered = sorted(trials, key=lambda one: -one["score"])
    assert lines[4].split() == ["trial", "val", "accuracy", "time", *SPACE]
    assert [int(line.split()[0]) for line in lines[5:8]] == [one["number"] for one in ordered]
    assert [line.split()[1] for line in lines[5:8]] == [f"{o['score']:.2%}" for o in ordered]
    best = json.loads((info["folder"] / "best.json").read_text())
    assert best == {
        "trial": ordered[0]["number"],
        "parameters": ordered[0]["parameters"],
        "metrics": {"val_accuracy": ordered[0]["score"]},
    }
    assert lines[9:] == [
        f"best:       {info['folder'] / 'best.json'}",
        f"checkpoint: {checkpoint}",
        f"next:       nasbench retrain {checkpoint}",
        f"more:       nasbench hpo --resume {info['folder']} --trials 6",
    ]
    assert f"trial {ordered[0]['number']}: {ordered[0]['score']:.4f} in" in answer.err
    assert [line for line in answer.err.splitlines() if line.startswith("trial ")] == [
        line for line in answer.err.splitlines() if re.match(r"trial \d: 0\.\d{4} in ", line)
    ]
    assert (info["verb"], info["status"], info["name"]) == ("hpo", "done", "random")
    retrained = run(*lines[-2].split()[2:], "--limit-train", "200", "--epochs", "1")
    assert retrained.status == 0, retrained.err
    board = run("leaderboard", "--format", "json").json
    assert [(row["method"], row["kind"]) for row in board["rows"]] == [("random", "hpo")]


def test_json_for_machines(run, runs, tuning):
    answer = run(*tuning, "--json")
    assert answer.err == ""
    [info] = runs()
    trials = Journal(info["folder"] / "journal.jsonl").events("trial")
    best = max(trials, key=lambda trial: trial["score"])
    assert answer.json == {
        "run": info["folder"].name,
        "checkpoint": str(info["folder"] / "checkpoint.json"),
        "best": str(info["folder"] / "best.json"),
        "parameters": best["parameters"],
        "metrics": {"val_accuracy": best["score"]},
        "trials": 3,
        "failed": 0,
        "device_seconds": pytest.approx(sum(trial["seconds"] for trial in trials)),
    }


def test_several_seeds(run, runs, tuning):
    assert run(*tuning, "--seeds", "2", "--seed", "4", "--json").status == 0
    found = [Checkpoint.read(info["folder"]) for info in runs()]
    assert sorted(one.seed for one in found) == [4, 5]
    assert found[0].hyperparameters != found[1].hyperparameters
    assert found[0].search == found[1].search  # repetitions of one another


def test_the_same_command_gives_the_same_trials(run, tuning):
    one, two = (run(*tuning, "--json", "--out", out).json for out in ("one", "two"))
    assert one["parameters"] == two["parameters"]
    assert one["metrics"] == two["metrics"]


@pytest.mark.usefixtures("place")
def test_without_a_search_space_the_usual_options_are_tuned(run, small):
    words = ("--tuner", "random", "--budget", "2", *small, "--limit-train", "400")
    answer = run("hpo", "small-cnn", *words, "--json")
    assert answer.status == 0, answer.err
    assert set(answer.json["parameters"]) == {"lr", "weight_decay", "momentum", "batch_size"}


def test_options_from_a_file(run, runs, tuning, place):
    (place / "c.yaml").write_text(
        "model: small-cnn\ntuner: random\nbudget: '2'\nsearch_space: search_space.json\n"
        "limit-train: 200\nepochs: 3\nbatch_size: 20\noptions:\n  width: 4\n"
    )
    answer = run("hpo", "--config", "c.yaml", "--epochs", "1", "--json")
    assert answer.status == 0, answer.err
    assert answer.json["trials"] == 2
    [info] = runs()
    assert (info["config"]["epochs"], info["config"]["space_arguments"]) == (1, {"width": 4})


def test_arguments_of_the_tuner_and_of_the_network(run, runs, tuning):
    words = [word if word != "random" else "grid" for word in tuning]
    answer = run(*words, "-o", "points=2", "-o", "model.width=4", "--json")
    assert answer.status == 0, answer.err
    [info] = runs()
    assert info["config"]["tuner_options"] == {"points": 2}
    assert Checkpoint.read(info["folder"]).space["arguments"]["width"] == 4


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("", "which MODEL? see: nasbench list baselines"),
        ("resnet81", "unknown space 'resnet81': did you mean resnet18"),
        ("small-cnn --tuner tpee", "unknown tuner 'tpee': did you mean tpe"),
        ("small-cnn --tuner random -o pionts=3", "unknown argument -o 'pionts': "),
        ("small-cnn --assessor median", "unknown assessor 'median': did you mean medianstop"),
        ("small-cnn --search-space gone.json", "search space gone.json: cannot be read: No such"),
        ("small-cnn --search-space bad.json", "search space bad.json: not JSON: "),
        ("small-cnn --search-space type.json", "unknown _type in search space type.json: lr 'uni"),
        ("small-cnn --search-space nobody.json", "unknown parameter 'lerning_rate': did you mean"),
        ("small-cnn --budget soon", "--budget 'soon': must look like 20, '40 epochs', 900s,"),
        ("small-cnn --trials 3 --budget 4", "--trials 3 and --budget 4: give one of them"),
        ("small-cnn --refine much", "--refine much: must be a percentage above 0 and up to 100"),
        ("small-cnn --address auto", "--address auto: is for --engine ray"),
        ("small-cnn --engine nni", "unknown --engine 'nni': allowed: local, ray"),
        ("gone/checkpoint.json", "cannot read the checkpoint gone/checkpoint.json: No such file"),
        ("small-cnn -o kernel_size=2", "space SmallCnn: kernel_size=2: must be odd and at least"),
        ("small-cnn --trial-timeout 5", "--trial-timeout needs worker processes: add --engine"),
    ],
)
def test_what_it_refuses(place, refused, words, line):
    (place / "bad.json").write_text("{")
    (place / "type.json").write_text('{"lr": {"_type": "unifrom", "_value": [0, 1]}}')
    (place / "nobody.json").write_text('{"lerning_rate": {"_type": "uniform", "_value": [0, 1]}}')
    assert refused("hpo", *words.split(), "--task", "digits").startswith(line)


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGINT, 130, id="ctrl-c"),
        pytest.param(signal.SIGTERM, 143, id="sigterm", marks=pytest.mark.slow),
    ],
)
def test_a_signal_saves_and_says_how_to_go_on(
    run, runs, tuning, place, monkeypatch, number, status
):
    (place / "mine.py").write_text(STOPPING)
    words = [*tuning[:1], "mine.py:Mine", *tuning[2:], "--epochs", "4"]
    monkeypatch.setenv("STOP_WITH", str(int(number)))
    whole = run(*words, "--json")
    assert whole.status == 0, whole.err
    monkeypatch.setenv("STOP_HERE", "yes")
    stopped = run(*words)
    assert "STOP_HERE" not in os.environ
    assert (stopped.status, stopped.out) == (status, "")
    [info] = [info for info in runs() if info["status"] == "stopped"]
    last = stopped.err.splitlines()[-1]
    resume = f"nasbench hpo --resume {info['folder']}"
    assert re.fullmatch(rf"stopped in epoch \d after step \d; continue with: {resume}", last)
    ended = run(*resume.split()[1:], "--json")
    assert ended.status == 0, ended.err
    for name in ("parameters", "metrics", "trials", "failed"):
        assert ended.json[name] == whole.json[name]


def test_a_resumed_run_keeps_its_own_options(run, refused, runs, tuning):
    assert run(*tuning, "--json").status == 0
    [info] = runs()
    name = info["folder"].name
    for words, culprit in [
        (("small-cnn",), "MODEL"),
        (("--tuner", "tpe"), "--tuner"),
        (("-o", "points=3"), "-o"),
        (("--seeds", "2"), "--seeds"),
    ]:
        line = refused("hpo", *words, "--resume", name)
        assert line == f"--resume continues with the run's own options: leave out {culprit}"
    line = refused("hpo", "--resume", name)
    assert line.endswith("is done: allowed: stopped, failed, or done with a larger --budget")
    line = refused("hpo", "--resume", name, "--trials", "3")
    assert re.match(
        rf"--budget 3: {name} has spent 3 trials, 3 epochs, \d+ seconds: allowed", line
    )
    assert refused("search", "--resume", name).endswith("continue it with nasbench hpo")


@pytest.mark.parametrize("tuner", ["random", "tpe"])
def test_more_trials_are_those_of_one_longer_run(run, tuning, tuner):
    """As if it had begun with the larger budget, bit for bit."""
    words = [tuner if word == "random" else word for word in tuning]

    def left(out: str) -> tuple[object, ...]:
        (folder,) = Path(out, "runs").iterdir()
        trials = Journal(folder / "journal.jsonl").events("trial")
        found = Checkpoint.read(folder)
        config = json.loads((folder / "run.json").read_text())["config"]
        scores = [(one["number"], one["parameters"], one["score"]) for one in trials]
        best = (folder / "best.json").read_text()
        kept = (found.training, found.hyperparameters, found.search, found.metrics)
        return (scores, best, *kept, found.cost["evaluations"], config["budget"])

    longer = ["5" if word == "3" else word for word in words]
    assert run(*longer, "--out", "whole", "--json").status == 0
    assert run(*words, "--out", "parts", "--json").status == 0
    answer = run("hpo", "--resume", "last", "--trials", "5", "--out", "parts", "--json")
    assert answer.status == 0, answer.err
    assert answer.json["trials"] == 5
    assert left("parts") == left("whole")


def test_what_cannot_have_more_trials(run, refused, runs, tuning, tiny):
    assert run(*tuning, "--json").status == 0
    [info] = runs()
    path = info["folder"] / "run.json"
    content = json.loads(path.read_text())
    for change, told in (
        ({"refine": "50%"}, "has a second round within the best of the first"),
        ({"tuner": "pbt"}, "kept no weights for pbt to go on from"),
    ):
        path.write_text(json.dumps({**content, "config": {**content["config"], **change}}))
        assert told in refused("hpo", "--resume", "last", "--trials", "9")
    assert run("search", "random", *tiny, "--budget", 2, "--json").status == 0
    answer = run("search", "--resume", "last", "--budget", 3, "--json")
    assert answer.status == 0, answer.err
    whole = run("search", "random", *tiny, "--budget", 3, "--json", "--out", "whole")
    for name in ("arch", "metrics"):
        assert answer.json[name] == whole.json[name]
    assert run("search", "darts", *tiny, "--json").status == 0
    assert "--budget 3: darts has no trials" in refused(
        "search", "--resume", "last", "--budget", 3
    )


def test_code_that_a_run_folder_names_must_be_known_here(
    run, refused, runs, tuning, place, monkeypatch
):
    """A run folder is data: who is handed one must name its code before it runs."""
    (place / "mine.py").write_text("raise SystemExit('the code ran')\n")
    assert run(*tuning, "--json").status == 0
    [info] = runs()
    path = info["folder"] / "run.json"
    content = json.loads(path.read_text())
    for kind in ("model", "tuner", "assessor"):
        edited = {**content["config"], kind: "mine.py:Mine"}
        path.write_text(json.dumps({**content, "status": "stopped", "config": edited}))
        line = refused("hpo", "--resume", info["folder"].name)
        assert "'mine.py:Mine' is named by a file, and its code is not known here" in line


@pytest.mark.slow
def test_seeds_of_a_retraining_side_by_side(run, runs, checkpoint, small):
    answer = run("retrain", checkpoint, *small, "--seeds", "2", "--concurrency", "2", "--json")
    assert answer.status == 0, answer.err
    records = [json.loads(line) for line in answer.out.splitlines()]
    assert sorted(record["retrain_seed"] for record in records) == [0, 1]
    assert all(Path(record["model"]).is_file() for record in records)
    earlier = json.loads(next(Path("results/records").iterdir()).read_text())
    same = [record for record in records if record["retrain_seed"] == earlier["retrain_seed"]]
    assert same[0]["test_accuracy"] == earlier["test_accuracy"]


@pytest.mark.slow
def test_seeds_side_by_side_that_fail(run, checkpoint, small):
    words = ["--seeds", "2", "--engine", "local", "--batch-size", "500"]
    answer = run("retrain", checkpoint, *small, *words)
    assert answer.status == 2
    reason = "--batch-size 500 is larger than the 200 training images: choose at most 200"
    assert answer.err.splitlines() == [
        f"seed 0 failed: {reason}",
        f"seed 1 failed: {reason}",
        "error: no record for seed 0, 1",
    ]


def test_gpus_are_not_asked_for_in_vain(refused, checkpoint, small):
    """An option is never accepted and ignored."""
    line = refused("retrain", checkpoint, *small, "--gpus-per-trial", "1")
    assert line.startswith("--gpus-per-trial ")


def test_a_run_of_nnis_tpe_from_before_is_continued_by_nnis(run, runs, tuning, place):
    words = [{"random": "nni-tpe", "3": "5"}.get(word, word) for word in tuning]
    words += ["-o", "n_startup_jobs=3"]
    whole = run(*words, "--json", "--out", "whole")
    assert whole.status == 0, whole.err
    assert run(*words).status == 0
    [info] = runs()
    journal = info["folder"] / "journal.jsonl"
    lines = journal.read_text().splitlines()
    kept = [line for line in lines if not re.search(r'"number": [34]', line)]
    journal.write_text("\n".join(kept) + "\n")
    path = info["folder"] / "run.json"
    content = json.loads(path.read_text())
    older = {**content["config"], "port": 8080, "tuner": "tpe"}
    path.write_text(json.dumps({**content, "name": "tpe", "status": "stopped", "config": older}))
    again = run("hpo", "--resume", info["folder"], "--json")
    assert again.status == 0, again.err
    assert again.json["parameters"] == whole.json["parameters"]
    assert Checkpoint.read(info["folder"]).strategy["name"] == "nni-tpe"


def test_a_run_of_nnis_manager_is_not_continued(run, refused, runs, tuning):
    assert run(*tuning, "--json").status == 0
    [info] = runs()
    path = info["folder"] / "run.json"
    content = json.loads(path.read_text())
    older = {**content["config"], "port": 8080, "engine": "nni"}
    path.write_text(json.dumps({**content, "status": "stopped", "config": older}))
    line = refused("hpo", "--resume", info["folder"].name)
    assert line.endswith("NNI's manager ran it: start it anew")
