"""Tuning from its options to the checkpoint, and on to the record."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_parts import SMALL, TINY, Tiny, heard, told

from nasbench.engine import joint
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.hpo import Tuned, configure, run_hpo, share
from nasbench.errors import UserError
from nasbench.hpo.space import ParameterSpace
from nasbench.report.leaderboard import build
from nasbench.space import DataSpec
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.testing.problems import nested
from nasbench.training.stopping import StopSignal
from retrain import train as retraining

SPACE = {
    "lr": {"_type": "loguniform", "_value": [0.01, 0.3]},
    "hidden_size": {"_type": "quniform", "_value": [8, 32, 8]},
    "optimizer": {
        "_type": "choice",
        "_value": [
            {"_name": "sgd", "momentum": {"_type": "uniform", "_value": [0.5, 0.95]}},
            {"_name": "adam"},
        ],
    },
}
RANGE = {"initial_lr": {"_type": "uniform", "_value": [0.01, 1.0]}}


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "results"


def tune(
    out: Path,
    space: dict[str, Any] = SPACE,
    assigned: dict[str, Any] | None = None,
    resumed: RunFolder | None = None,
    **more: Any,
) -> Tuned:
    out.mkdir(parents=True, exist_ok=True)
    path = out / "search_space.json"
    path.write_text(json.dumps(space))
    given = {**SMALL, "tuner": "random", "budget": "4", "search_space": path, "out": out, **more}
    return run_hpo(configure(given, assigned or {}), NullCallback(), StopSignal(), resumed)


def scripted(*points: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Options for the tuner that suggests these points in turn."""
    return {
        "tuner": "engine_parts:Scripted",
        "budget": str(len(points)),
        **more,
    }


def script(*points: dict[str, Any], heard_at: Path | str = "") -> dict[str, Any]:
    return {"script": json.dumps(points), "tuner.heard": str(heard_at)}


def trials(tuned: Tuned) -> list[dict[str, Any]]:
    return tuned.folder.journal.events("trial")


def test_the_best_trial_becomes_the_checkpoint(out):
    tuned = tune(out)
    every = trials(tuned)
    best = max(every, key=lambda trial: trial["score"])
    assert (tuned.trials, tuned.failed, len(every)) == (4, 0, 4)
    assert (tuned.parameters, tuned.score) == (best["parameters"], best["score"])
    assert tuned.seconds == pytest.approx(sum(trial["seconds"] for trial in every))
    for trial in every:
        ParameterSpace.of(SPACE).check(trial["parameters"])
    written = Checkpoint.read(tuned.checkpoint)
    assert (written.kind, written.arch, written.task) == ("hpo", {}, "digits")
    assert written.space["name"] == "small-cnn"
    assert written.space["arguments"]["hidden_size"] == int(best["parameters"]["hidden_size"])
    assert written.strategy["name"] == "random"
    assert written.metrics == {"val_accuracy": best["score"]}
    assert written.cost == {"device_seconds": tuned.seconds, "evaluations": 4}
    assert written.training["lr"] == best["parameters"]["lr"]
    assert written.training["optimizer"] == best["parameters"]["optimizer"]["_name"]
    assert written.training["batch_size"] == SMALL["batch_size"]
    assert "epochs" not in written.training
    assert written.curve[-1][1] == best["score"]
    assert list(tuned.folder.path.glob("trial-*.pt")) == []


def test_the_same_seed_gives_the_same_trials(out):
    one, two, other = (
        tune(out / name, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert told(one.folder.path) == told(two.folder.path)
    assert one.parameters == two.parameters
    assert trials(one)[0]["parameters"] != trials(other)[0]["parameters"]


def test_nested_choices_aliases_and_whole_numbers_reach_the_training(out):
    points = [
        {"initial_lr": 0.05, "optimizer": {"_name": "adam"}, "batch_size": 20.0},
        {"initial_lr": 0.05, "optimizer": {"_name": "sgd", "momentum": 0.5}, "batch_size": 30.0},
    ]
    tuned = tune(out, assigned=script(*points), **scripted(*points))
    written = Checkpoint.read(tuned.checkpoint)
    best = points.index(tuned.parameters)
    assert written.hyperparameters["lr"] == written.training["lr"] == 0.05
    assert written.training["optimizer"] == ("adam", "sgd")[best]
    batch = written.training["batch_size"]
    assert (batch, type(batch)) == ((20, 30)[best], int)
    one, two = (epoch["loss"] for epoch in tuned.folder.journal.events("epoch"))
    assert one != two


def test_a_tuned_training_is_the_training_with_those_options(out):
    """What a trial measures is what the same options give without tuning."""
    point = {"lr": 0.05, "momentum": 0.5, "hidden_size": 24, "epochs": 2}
    tuned = tune(out / "tuned", {"lr": RANGE["initial_lr"]}, script(point), **scripted(point))
    by_hand = {"lr": 0.05, "momentum": 0.5, "epochs": 2}
    plain = tune(
        out / "plain",
        {"hidden_size": {"_type": "choice", "_value": [24]}},
        {**script({}), "hidden_size": 24},
        **{**scripted({}), **by_hand},
    )
    assert trials(tuned)[0]["score"] == trials(plain)[0]["score"]
    assert trials(tuned)[0]["epochs"] == 2
    written = Checkpoint.read(tuned.checkpoint)
    assert written.training["epochs"] == 2


def test_the_network_can_be_chosen_too(out):
    points = [
        {"model": "small-cnn", "hidden_size": 8},
        {"model": "mobilenet-v1", "width": 0.125, "hidden_size": 8},
    ]
    space = {"model": {"_type": "choice", "_value": ["small-cnn", "mobilenet-v1"]}}
    tuned = tune(out, space, script(*points), **scripted(*points))
    written = Checkpoint.read(tuned.checkpoint)
    best = points.index(tuned.parameters)
    assert written.space["name"] == points[best]["model"]
    arguments = [{"hidden_size": 8}, {"width": 0.125}][best]
    assert arguments.items() <= written.space["arguments"].items()
    assert retrained(written, out).space == points[best]["model"]


def retrained(checkpoint: Checkpoint, out: Path, **given: Any) -> Any:
    """The record of a short retraining."""
    options = {"epochs": 1, "limit_train": 120, "device": "cpu", "out": out, **given}
    job = retraining.configure(checkpoint, options, {})
    return retraining.run_retrain(job, NullCallback(), StopSignal()).record


def test_a_retraining_takes_over_what_was_tuned(out):
    tuned = tune(out, schedule="step", label_smoothing=0.1)
    checkpoint = Checkpoint.read(tuned.checkpoint)
    record = retrained(checkpoint, out)
    assert record.kind == "hpo"
    assert record.method == "random"
    assert (record.space, record.arch) == ("small-cnn", checkpoint.hyperparameters)
    assert record.arch["lr"] == tuned.parameters["lr"]
    assert record.arch["hidden_size"] == tuned.parameters["hidden_size"]
    for name in ("lr", "optimizer"):
        assert record.retrain_config[name] == record.arch[name]
    assert record.retrain_config["batch_size"] == SMALL["batch_size"]
    assert record.retrain_config["schedule"] == "step"
    assert record.retrain_config["label_smoothing"] == 0.1
    assert record.retrain_config["space_arguments"]["hidden_size"] == record.arch["hidden_size"]
    assert (record.search_seconds, record.search_evaluations) == (tuned.seconds, 4)
    assert record.curve == checkpoint.curve
    assert record.val_accuracy == tuned.score
    assert retrained(checkpoint, out, lr=0.5).retrain_config["lr"] == 0.5  # the user's own wins


def test_the_training_of_a_found_network_can_be_tuned(out):
    from nasbench.engine.search import configure as configure_search
    from nasbench.engine.search import run_search

    given = {**SMALL, "strategy": "random", "space": "engine_parts:Tiny", "budget": "2"}
    found = run_search(configure_search({**given, "out": out}, {}), NullCallback(), StopSignal())
    tuned = tune(out, RANGE, model=str(found.checkpoint))
    written = Checkpoint.read(tuned.checkpoint)
    assert written.kind == "hpo"
    assert written.arch == Checkpoint.read(found.checkpoint).arch
    before = Checkpoint.read(found.checkpoint)
    assert written.space == before.space
    # What the search of the network has cost belongs to the way there.
    assert written.cost["evaluations"] == before.cost["evaluations"] + tuned.trials
    seconds = before.cost["device_seconds"] + tuned.seconds
    assert written.cost["device_seconds"] == pytest.approx(seconds)
    assert written.curve[0][0] > before.cost["device_seconds"]
    record = retrained(written, out)
    assert record.kind == "hpo"
    assert set(record.arch) == {"first", "second", "join", "lr"}
    assert record.retrain_config["lr"] == tuned.parameters["initial_lr"]


def test_a_tuned_argument_of_the_network_survives_the_preset_of_the_retraining(out):
    """MobileNet's own width of the preset ``paper`` must not take the tuned one's place."""
    space = {"width": {"_type": "choice", "_value": [0.125]}}
    tuned = tune(out, space, model="mobilenet-v1", budget="1")
    record = retrained(Checkpoint.read(tuned.checkpoint), out, preset="paper", batch_size=60)
    assert record.retrain_config["space_arguments"]["width"] == record.arch["width"] == 0.125


def refusal(out: Path, *arguments: Any, **more: Any) -> str:
    with pytest.raises(UserError) as error:
        tune(out, *arguments, **more)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("space", "more", "line"),
    [
        ({"lrr": RANGE["initial_lr"]}, {}, "unknown parameter 'lrr': did you mean lr"),
        (RANGE, {"model": "resnet81"}, "unknown space 'resnet81': did you mean resnet18"),
        (RANGE, {"tuner": "rndom"}, "unknown tuner 'rndom': did you mean random"),
        (RANGE, {"assessor": "medianstp"}, "unknown assessor 'medianstp': did you mean median"),
        (RANGE, {"task": "digts"}, "unknown task 'digts': did you mean digits"),
        (RANGE, {"refine": "0%"}, "--refine 0%: must be a percentage above 0 and up to 100"),
        (RANGE, {"refine": "some"}, "--refine some: must be a percentage above 0 and up to 100"),
        (RANGE, {"budget": "soon"}, "--budget 'soon': must look like 20, "),
        (RANGE, {"engine": "slurm"}, "unknown --engine 'slurm': "),
        (RANGE, {"assigned": {"hiden_size": 3}}, "unknown argument -o 'hiden_size': did you mean"),
        (RANGE, {"assigned": {"width": 0}}, "space SmallCnn: width=0, hidden_size=128: must be"),
        ({}, {}, "search space "),
    ],
)
def test_what_cannot_be_tuned(out, space, more, line):
    assert refusal(out, space, **more).startswith(line)
    assert not (out / "runs").exists()


@pytest.mark.parametrize(("text", "value"), [("20%", 0.2), ("100", 1.0), (" 7.5 %", 0.075)])
def test_shares(text, value):
    assert share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["0", "101%", "-5%", "a few", "", "nan%", "inf"])
def test_what_is_no_share(text):
    with pytest.raises(UserError, match="must be a percentage above 0 and up to 100, like 20%"):
        share(text)


def test_a_wild_learning_rate_fails_alone(out, tmp_path):
    points = [
        {"lr": 0.05},
        {"lr": 1e9, "grad_clip": 0.0},
        {"lr": 0.1},
        {"lr": 1e9, "grad_clip": 0},
    ]
    notes = tmp_path / "notes"
    tuned = tune(out, RANGE, script(*points, heard_at=notes), **scripted(*points))
    assert (tuned.trials, tuned.failed) == (2, 2)
    errors = [trial["error"] for trial in trials(tuned)]
    assert [error is None for error in errors] == [True, False, True, False]
    assert "the loss is not finite at epoch 1" in errors[1]
    calls = [call[:2] for call in heard(notes) if call[0] != "suggest"]
    assert calls == [["learn", 0], ["fail", 1], ["learn", 2], ["fail", 3]]
    assert tuned.parameters["lr"] in (0.05, 0.1)
    assert Checkpoint.read(tuned.checkpoint).cost["evaluations"] == 2


def test_three_that_fail_first_end_the_run(out):
    points = [{"batch_size": 500 + number} for number in range(9)]
    line = refusal(out, RANGE, script(*points), **scripted(*points))
    assert line == (
        "the first 3 trials all failed; the last: --batch-size 502 is larger than the 60 "
        "training images: choose at most 60"
    )
    (folder,) = (out / "runs").iterdir()
    assert json.loads((folder / "run.json").read_text())["status"] == "failed"
    assert len(RunFolder(folder).journal.events("trial")) == 3


def stopping(after: dict[str, int], heard_at: Path | str = "") -> dict[str, Any]:
    return {"after": json.dumps(after), "assessor.heard": str(heard_at)}


def test_an_assessor_ends_trials_early_and_only_their_epochs_are_charged(out, tmp_path):
    notes = tmp_path / "notes"
    tuned = tune(
        out,
        RANGE,
        stopping({"0": 1, "1": 2}, notes),
        assessor="engine_parts:StopsAt",
        epochs=4,
        budget="9 epochs",
    )
    every = trials(tuned)
    assert [trial["epochs"] for trial in every] == [1, 2, 4, 4]
    assert [len(trial["reports"]) for trial in every] == [1, 2, 4, 4]
    assert all(trial["score"] == trial["reports"][-1] for trial in every)
    assert [call for call in heard(notes) if call[0] == "end"] == [
        ["end", 0, False],
        ["end", 1, False],
        ["end", 2, True],
        ["end", 3, True],
    ]
    courses = [call[2] for call in heard(notes) if call[:2] == ["keep", 2]]
    assert courses == [every[2]["reports"][:n] for n in (1, 2, 3, 4)]


def test_every_epoch_in_the_journal_names_its_trial(out):
    tuned = tune(out, RANGE, epochs=2, budget="2")
    epochs = tuned.folder.journal.epochs()
    assert [(epoch["trial"], epoch["epoch"]) for epoch in epochs] == [
        (0, 1),
        (0, 2),
        (1, 1),
        (1, 2),
    ]


def test_the_second_round_lies_within_the_narrowed_space(out):
    tuned = tune(out, refine="50%", budget="6")
    first, second = ([t for t in trials(tuned) if t["round"] == n] for n in (1, 2))
    assert (len(first), len(second)) == (6, 6)
    assert [trial["number"] for trial in (*first, *second)] == list(range(12))
    best = sorted(first, key=lambda trial: trial["score"], reverse=True)[:3]
    for name in ("lr", "hidden_size"):
        values = [trial["parameters"][name] for trial in best]
        for trial in second:
            assert min(values) <= trial["parameters"][name] <= max(values)
    names = {trial["parameters"]["optimizer"]["_name"] for trial in best}
    assert {trial["parameters"]["optimizer"]["_name"] for trial in second} <= names
    top = max((*first, *second), key=lambda trial: trial["score"])
    assert tuned.score == top["score"]
    assert tuned.trials == Checkpoint.read(tuned.checkpoint).cost["evaluations"] == 12


def cut(folder: Path, lines: int, out: Path) -> RunFolder:
    """A copy of a run that was killed when its journal had so many lines."""
    copy = out / "runs" / folder.name
    shutil.copytree(folder, copy)
    (copy / "checkpoint.json").unlink()
    journal = copy / "journal.jsonl"
    kept = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(kept[:lines]) + kept[lines][: len(kept[lines]) // 2])
    RunFolder(copy).update(status="stopped")
    return RunFolder(copy)


@pytest.mark.parametrize(
    "tuner",
    ["grid", "evolution", "pbt", "tpe"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("random", "nni-tpe")],
)
def test_a_run_cut_off_anywhere_ends_as_the_undisturbed_one(out, tmp_path, tuner):
    flat = {"lr": SPACE["lr"], "momentum": SPACE["optimizer"]["_value"][0]["momentum"]}
    options = {
        "nni-tpe": {"n_startup_jobs": 2},
        "tpe": {"n_startup_trials": 2},
        "evolution": {"population_size": 2},
        "pbt": {"population_size": 2, "fraction": 0.5},
    }
    assigned = {**options.get(tuner, {}), **stopping({"1": 1, "4": 2})}
    more = {"tuner": tuner, "epochs": 2, "budget": "6", "assessor": "engine_parts:StopsAt"}
    whole = tune(out, flat, assigned, **more)
    events = told(whole.folder.path, "trial")
    lines = (whole.folder.path / "journal.jsonl").read_bytes().count(b"\n")
    # Before the first trial, no tuner has learned anything: one shows that all begin again.
    first = (1,) if tuner == "evolution" else ()
    for number, kept in enumerate((*first, lines // 2, lines - 1)):
        folder = cut(whole.folder.path, kept, tmp_path / str(number))
        if tuner == "pbt":  # whose states go with the end of a run, and not with a kill
            continue
        notes = tmp_path / f"notes{number}"
        again = tune(
            tmp_path / str(number),
            flat,
            {**assigned, "assessor.heard": str(notes)},
            folder,
            **more,
        )
        assert told(folder.path, "trial") == events
        assert told(folder.path, "suggested") == told(whole.folder.path, "suggested")
        assert (again.parameters, again.score) == (whole.parameters, whole.score)
        ends = [call[1:] for call in heard(notes) if call[0] == "end"]
        assert ends == [[n, n not in (1, 4)] for n in range(6)]


def test_a_refined_run_is_continued_in_either_round(out, tmp_path):
    whole = tune(out, RANGE, refine="50%")
    events = told(whole.folder.path, "trial")
    for number, kept in enumerate((5, 14, 20)):
        folder = cut(whole.folder.path, kept, tmp_path / str(number))
        again = tune(tmp_path / str(number), RANGE, resumed=folder, refine="50%")
        assert told(folder.path, "trial") == events
        assert (again.parameters, again.trials) == (whole.parameters, whole.trials)


@pytest.mark.slow
def test_workers_find_what_this_process_finds(out):
    here = tune(out / "here", epochs=2, assessor="medianstop")
    there = tune(out / "there", epochs=2, assessor="medianstop", engine="local")
    assert told(there.folder.path, "trial") == told(here.folder.path, "trial")
    assert there.parameters == here.parameters
    two = tune(out / "two", epochs=2, concurrency=2)
    ours, theirs = ({t["number"]: t for t in trials(one)} for one in (two, here))
    assert sorted(ours) == sorted(theirs)
    for number, trial in ours.items():
        assert (trial["parameters"], trial["score"]) == (
            theirs[number]["parameters"],
            theirs[number]["score"],
        )


def test_a_tuning_says_which_architecture_it_was_given(out):
    from nasbench.engine import hpo

    def of(seed: int, **changes: Any) -> hpo.Tuning:
        fields = {
            **{"space": {"name": "x"}, "arch": {"op": "conv"}, "data": {}, "task": "digits"},
            **{"strategy": {"name": "darts"}, "seed": 0, "search": {"epochs": 3}, **changes},
        }
        found = Checkpoint(**fields)
        return replace(configure({}, {}).with_seed(seed), model=found)

    searched = of(0, run="the-search")
    assert hpo._searched(searched) == {"model": {"epochs": 3, "strategy": "darts"}}
    assert hpo._given(searched) == ""  # search and tuning are repeated with each seed
    assert hpo._given(of(1, run="the-search")) == "the-search"
    assert hpo._given(of(0, kind="plain", given="g.py:A")) == "g.py:A"
    assert hpo._given(of(0, kind="plain", arch={})) == ""


@pytest.mark.parametrize("tuner", ["tpe", "grid"])
def test_a_tuner_searches_the_choices_of_a_space_as_well(tuner, out):
    ranges = {"initial_lr": {"_type": "choice", "_value": [0.05, 0.1]}}
    found = tune(out, ranges, tuner=tuner, model=TINY, budget="3")
    domains = Tiny.describe(DataSpec(1, 8, 8, 10))
    names = {f"architecture.{label}" for label in domains}
    events = trials(found)
    assert all(event["parameters"].keys() == {"initial_lr", *names} for event in events)
    checkpoint = Checkpoint.read(found.checkpoint)
    best = max(events, key=lambda event: event["score"])["parameters"]
    arch = {label: best[f"architecture.{label}"] for label in domains}
    assert domains.arch(checkpoint.arch) == domains.arch(arch)
    assert checkpoint.kind == "joint"
    assert checkpoint.hyperparameters == {"lr": best["initial_lr"]}
    own = retraining.configure(checkpoint, {"out": out, "epochs": 1, "limit_train": 120}, {})
    record = retraining.run_retrain(own, NullCallback(), StopSignal()).record
    assert record.retrain_config["lr"] == best["initial_lr"]
    assert record.arch["training.lr"] == best["initial_lr"]
    (row,) = build([record], [], None).rows
    assert (row.name, row.on_space) == (f"joint {tuner}", f"joint {tuner} on {TINY}")
    assert "lr" not in row.retrain_config


def test_only_options_of_training_are_tuned_beside_the_choices_of_a_space(out):
    width = {"width": {"_type": "choice", "_value": [2, 4]}}
    with pytest.raises(UserError, match="unknown option of training 'width'"):
        tune(out, width, model=TINY)


def test_choices_below_others_are_left_out_where_they_are_inactive():
    domains = nested()
    space = joint.with_choices(ParameterSpace.of(RANGE), domains)
    stream = np.random.default_rng(0)
    for _ in range(30):
        arch = joint.chosen(space.sample(stream), domains)
        assert domains.arch(arch) == arch
