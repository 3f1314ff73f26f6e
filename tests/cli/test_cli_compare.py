"""``nasbench compare``: equal budgets, one study's file, and the same command that goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import nasbench as nb
from nasbench.engine import pace
from nasbench.store.runs import RunFolder, every_run
from nasbench.study import runner
from nasbench.training.stopping import Stopped

PLACE = ("--space", "space.py:Tiny", "--limit-train", "100", "--device", "cpu")


@pytest.fixture
def paced(monkeypatch):
    """Let a step of a supernet take a second, and one of a trial two."""
    monkeypatch.setattr(pace.Stopwatch, "of_search", lambda _, given: 1.0 / given.batch_size)
    monkeypatch.setattr(pace.Stopwatch, "of_network", lambda _, __, how: 2.0 / how.batch_size)


def study() -> dict:
    (file,) = Path("results/studies").glob("*/study.yaml")
    return yaml.safe_load(file.read_text())


def records() -> dict[str, float]:
    """Return the test accuracy of each record by method and seed."""
    found = map(json.loads, (p.read_text() for p in Path("results").rglob("records/*.json")))
    return {f"{one['method']} {one['search_seed']}": one["test_accuracy"] for one in found}


def test_a_dry_run_plans_and_writes_nothing(place, run, paced):
    methods = ("darts", "random", "hpo:small-cnn")
    answer = run("compare", *methods, *PLACE, "--budget", 60, "--dry-run")
    assert answer.status == 0, answer.err
    # 60 trials of 16 epochs of one step of 2 s; an epoch of the supernet is one step of 1 s.
    assert "  darts: 1920 epochs of 1 s, 1 steps each (measured now): 32 min" in answer.out
    assert "  random: 60 trials, about 32 min (measured now for random)" in answer.out
    assert "  hpo:small-cnn@tpe: 60 trials, about 32 min" in answer.out
    assert "  in all about 4.8 h of device time, then 9 retrainings" in answer.out
    assert not Path("results/studies").exists()


def test_time_is_time(place, run, paced):
    out = run("compare", "darts", "random", *PLACE, "--budget", "2min", "--dry-run").out
    assert "  darts: 120 epochs of 1 s, 1 steps each (measured now): 2 min" in out
    assert "  random: 2 min\n" in out


MISTAKES = [
    ((), "two METHODs or more: allowed: a strategy, STRATEGY+tune, hpo:MODEL or"),
    (("darts", "--budget", "3"), "two METHODs or more: got darts alone"),
    (
        ("darts", "random", "--budget", "3", "--assessor", "medianstop"),
        "--assessor medianstop: no method takes it: allowed: with hpo:MODEL",
    ),
    (
        ("hpo:small-cnn", "hpo:resnet18", "--budget", "3"),
        "--space space.py:Tiny: no method takes it: allowed: with a strategy",
    ),
    (("darts", "darst", "--budget", "3"), "unknown strategy 'darst': did you mean darts"),
    (("random", "hpo:resnet81", "--budget", "3"), "unknown baseline 'resnet81': did you mean"),
    (("random", "hpo:resnet18@tp", "--budget", "3"), "unknown tuner 'tp': did you mean"),
    (("random", "hpo:", "--budget", "3"), "hpo:: which network? write hpo:MODEL"),
    (("random", "random", "--budget", "3"), "random: is given twice"),
    (("random", "darts+tune", "--budget", "3"), "darts+tune: darts trains one supernet"),
    (("random", "tep+tune", "--budget", "3"), "unknown strategy 'tep': did you mean tpe"),
    (("random", "tpe", "--budget", "3", "--tune", "lr"), "--tune lr: no method tunes it: write"),
    (("random", "tpe+tune", "--budget", "3", "--tune", "lrr"), "option of training 'lrr'"),
    (("hpo:small-cnn", "hpo:small-cnn@tpe", "--budget", "3"), "is given twice"),
    (("random", "grid"), "which --budget? device time (30min), trials (20) or '40 epochs'"),
    (("random", "grid", "--budget", "soon"), "--budget 'soon': must look like 20,"),
    (("random", "grid", "--budget", "3", "--task", "gone/"), "--task gone/: there is no gone"),
    (("random", "grid", "--budget", "3", "-o", "widht=3"), "unknown argument -o 'widht'"),
    (("darts", "gdas", "--budget", "3"), "none of these methods has trials"),
    (("darts", "random", "--budget", "0.5s"), "an epoch of darts takes about 1.0 s (measured"),
]


@pytest.mark.parametrize(("words", "told"), MISTAKES)
def test_mistakes(place, refused, paced, words, told):
    assert told in refused("compare", *words, *PLACE)


def test_a_joint_search_has_the_same_budget_and_its_own_ranges(place, paced):
    from nasbench.api import comparing

    named = {"space": "space.py:Tiny", "limit_train": 100, "budget": "7", "device": "cpu"}
    methods = ["tpe", "tpe+tune", "hpo:small-cnn"]
    found = comparing.plan(methods, named, {"startup": 3}, 2, "me")
    content = yaml.safe_load(found.text)
    shared = {"search": "tpe", "space": "space.py:Tiny", "options": {"startup": 3}}
    assert content["entries"]["tpe"] == shared
    assert content["entries"]["tpe+tune"] == {**shared, "tune": "lr,weight_decay,batch_size"}
    assert content["entries"]["tpe+tune, retrained"] == {"retrain": "tpe+tune"}
    assert content["budget"] == "7"
    assert found.lines[1:4] == ("  tpe: 7 trials", "  tpe+tune: 7 trials", found.lines[3])
    other = comparing.plan(methods, {**named, "tune": "lr"}, {}, 2, "me")
    assert yaml.safe_load(other.text)["entries"]["tpe+tune"]["tune"] == "lr"
    assert other.folder != found.folder


def test_options_go_to_those_that_know_them(place, run, paced):
    words = ("-o", "order=2", "-o", "width=5", "--metric", "balanced_accuracy", "--seed", 4)
    plan = nb.compare(
        *("darts", "random", "hpo:small-cnn@random"),
        **{"space": "space.py:Tiny", "limit_train": 100, "device": "cpu", "budget": "1min"},
        **{"order": 2, "width": 5, "metric": "balanced_accuracy", "seed": 4, "seeds": 2},
        dry_run=True,
        quiet=True,
    )
    answer = run(
        *("compare", "darts", "random", "hpo:small-cnn@random", *PLACE, "--budget", "1min"),
        *(*words, "--seeds", 2, "--dry-run"),
    )
    assert tuple(answer.out.splitlines()) == plan.cost
    from nasbench.api import comparing

    named = {"space": "space.py:Tiny", "limit_train": 100, "budget": "1min", "seed": 4}
    named |= {"metric": "balanced_accuracy", "device": "cpu"}
    own = {"order": 2, "width": 5}
    found = comparing.plan(["darts", "random", "hpo:small-cnn@random"], named, own, 2, "me")
    content = yaml.safe_load(found.text)
    assert content["seeds"] == [4, 5]
    assert content["defaults"] == {
        "preset": "quick",
        "limit_train": 100,
        "metric": "balanced_accuracy",
    }
    entries = content["entries"]
    space = {"space": "space.py:Tiny"}
    assert entries["darts"] == {
        "search": "darts",
        **space,
        "options": {"order": 2, "width": 5},
        "epochs": 60,
    }
    assert entries["random"] == {"search": "random", **space, "options": {"width": 5}}
    assert entries["hpo:small-cnn@random"] == {
        "hpo": "small-cnn",
        "tuner": "random",
        "options": {"width": 5},
    }
    assert entries["random, retrained"] == {"retrain": "random"}
    assert found.text.startswith("# me\n# The same command goes on")


@pytest.mark.slow
def test_the_same_command_goes_on(place, run, paced, monkeypatch):
    words = ("compare", "random", "grid", *PLACE, "--budget", 1, "--seeds", 1)
    perform, ran = runner.perform, []

    def stopped(job, *given, **named):
        if len(ran) == 2:
            raise Stopped("after two runs", 15)
        ran.append(job)
        return perform(job, *given, **named)

    monkeypatch.setattr(runner, "perform", stopped)
    answer = run(*words)
    assert answer.status == 128 + 15
    assert answer.err.endswith("after two runs; the same command goes on\n")
    assert len(every_run(Path("results"))) == 2
    before = study()
    monkeypatch.setattr(runner, "perform", perform)
    answer = run(*words)
    assert answer.status == 0, answer.err
    assert study() == before
    runs = every_run(Path("results"))
    assert [RunFolder(path).status for path in runs] == ["done"] * 4
    assert set(records()) == {"random 0", "grid 0"}
    assert "Leaderboard" not in answer.err
    assert "random" in answer.out
    (folder,) = Path("results/studies").iterdir()
    assert f"next:    edit that file, then nasbench study {folder}/study.yaml" in answer.out
    # Nothing is left to do: the table alone. More seeds: these alone.
    assert run(*words).status == 0
    assert every_run(Path("results")) == runs
    more = run(*words[:-1], 2, "--dry-run")
    assert more.out.count("1 of 2 done") == 4
    assert study() == before
    assert run(*words[:-1], 2).status == 0
    assert study() == {**before, "seeds": [0, 1]}
    assert set(records()) == {"random 0", "grid 0", "random 1", "grid 1"}
    assert run("study", folder / "study.yaml", "--dry-run").out.count("2 of 2 done") == 4


def test_a_file_that_was_changed(place, run, refused, paced):
    words = ("compare", "random", "grid", *PLACE, "--budget", 1, "--seeds", 2)
    from nasbench.api import comparing

    named = {"space": "space.py:Tiny", "limit_train": 100, "budget": "1", "device": "cpu"}
    found = comparing.plan(["random", "grid"], named, {}, 2, "me")
    found.write()
    out = run(*words, "--dry-run").out
    assert out.startswith(f"goes on with {found.file}\n")
    found.file.write_text("nonsense")
    assert f"{found.file}: expected 'field: value' lines" in refused(*words)


@pytest.mark.slow
def test_an_earlier_search_gives_the_pace(place, run):
    small = ("--limit-train", 100, "--epochs", 2, "--batch-size", 50, "--device", "cpu")
    assert run("search", "darts", "--space", "space.py:Tiny", *small).status == 0
    (path,) = every_run(Path("results"))
    info = RunFolder(path).info
    took = info["cost"]["device_seconds"] / info["training"]["steps"]
    from nasbench.engine.search import configure

    given = {"strategy": "darts", "space": "space.py:Tiny", "limit_train": 100, "device": "cpu"}
    wanted = configure({**given, "batch_size": 50}, {})
    found = pace.of_supernet(wanted, Path("results"))
    assert (found.seconds, found.steps) == (took, 1)
    assert found.source == f"as in the run {path.name}"
    other = configure({**given, "batch_size": 25}, {})
    found = pace.of_supernet(other, Path("results"))
    assert found.source == "measured now"
    assert found.seconds > 0
    assert found.steps == 2


def test_the_command_for_the_file_finds_what_was_run(place, run, paced):
    """It names the results folder and the device, without which it would start from scratch."""
    words = ("random", "hpo:small-cnn", *PLACE, "--budget", "1", "--seeds", "1", "--out", "else")
    answer = run("compare", *words)
    assert answer.status == 0, answer.err
    (file,) = Path("else/studies").glob("*/study.yaml")
    command = f"nasbench study {file} --out else --device cpu"
    assert f"next:    edit that file, then {command}\n" in answer.out
    assert f"#   {command}\n" in file.read_text()
    again = run(*command.split()[1:], "--dry-run")
    assert "0 of 1 done" not in again.out
    assert "4 runs, 4 of them done" in again.out
