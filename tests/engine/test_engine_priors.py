"""What a search begins with: ``--start-from`` and ``--learn-from``."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from engine_parts import new_trainings
from test_engine_sampled import out, search  # noqa: F401

from nasbench.engine.search import configure
from nasbench.errors import UserError
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.journal import Journal
from nasbench.tasks.digits import load_digits


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    """A results folder with three finished trials of a joint search."""
    folder = tmp_path_factory.mktemp("earlier") / "results"
    search("random", folder, tune="lr", budget="3", seed=7)
    return folder


def run_of(results: Path) -> Path:
    (run,) = (results / "runs").iterdir()
    return run


def priors_of(folder: Path) -> dict:
    (event,) = Journal(folder / "journal.jsonl").events("priors")
    return event


def test_a_given_architecture_and_its_options_are_the_first_trial(earlier, out):  # noqa: F811
    run = run_of(earlier)
    best = Checkpoint.read(run)
    for strategy in ("random", "hyperband"):
        found = search(strategy, out, tune="lr", budget="2", start_from=str(run), epochs=2)
        first, second = new_trainings(found.folder.path)
        assert first["arch"] == json.loads(json.dumps(best.arch))
        assert first["tuned"] == {"lr": best.hyperparameters["lr"]}
        assert (second["arch"], second["tuned"]) != (first["arch"], first["tuned"])
    assert found.folder.info["config"]["priors"]["starts"] == 1
    assert Checkpoint.read(found.checkpoint).search["priors"]["starts"] == 1


def test_options_that_a_checkpoint_lacks_are_those_of_the_search(earlier, tmp_path):
    given = {"strategy": "random", "space": "engine_parts:Tiny", "out": tmp_path}
    tuned = {"weight_decay": {"_type": "choice", "_value": [1e-5, 1e-3, 0.1]}}
    shared = {**search_options(earlier), **given, "tuned": tuned, "weight_decay": 0.09}
    content = json.loads((run_of(earlier) / "checkpoint.json").read_text())
    assert content["training"]["weight_decay"] == 3e-4
    plain = {**content, "kind": "nas", "training": {}, "hyperparameters": {}}
    for checkpoint, nearest in ((content, 1e-3), (plain, 0.1)):
        path = tmp_path / "checkpoint.json"
        path.write_text(json.dumps(checkpoint))
        (start,) = configure({**shared, "start_from": str(path)}, {}).priors.starts
        assert start["training.weight_decay"] == nearest


@pytest.mark.parametrize(
    ("tuned", "label", "expected"),
    [
        # Not an option of the search, but of its trials; the earlier search trained without.
        ({"cutout": {"_type": "choice", "_value": [0, 2, 4]}}, "cutout", 0),
        ({"cutout": {"_type": "choice", "_value": [2, 0]}}, "cutout", 0),
        ({"weight_decay": {"_type": "choice", "_value": [0, 0.0005]}}, "weight_decay", 0.0005),
        ({"weight_decay": {"_type": "choice", "_value": [0.0001, 0.003]}}, "weight_decay", 0.0001),
    ],
)
def test_a_start_has_the_nearest_of_two_numbers(earlier, tmp_path, tuned, label, expected):
    options = {**search_options(earlier), "strategy": "random", "space": "engine_parts:Tiny"}
    options |= {"out": tmp_path, "tuned": tuned, "start_from": str(run_of(earlier))}
    (start,) = configure(options, {}).priors.starts  # with a weight decay of 0.0003
    assert start[f"training.{label}"] == expected


SGD = {"_name": "sgd", "weight_decay": {"_type": "choice", "_value": [0.001, 0.01, 0.1]}}
NESTED = {"optimizer": {"_type": "choice", "_value": [SGD, {"_name": "adam"}]}}


@pytest.mark.parametrize(
    ("more", "learned"),
    [
        ({"tuned": {**NESTED, "cutout": {"_type": "choice", "_value": [0, 2, 4]}}}, 4),
        ({"tuned": {**NESTED, "cutout": {"_type": "choice", "_value": [2, 4, 8]}}}, 0),
        ({"tuned": {}}, 2),
        ({"tuned": {}, "weight_decay": 3e-4}, 0),
        ({"tuned": {}, "weight_decay": 0.1, "optimizer": "sgd"}, 1),
        ({"weight_decay": 3e-4}, 2),  # what adam had there, 0.02, it has not here
        ({}, 4),
    ],
)
def test_a_trial_counts_with_every_option_that_it_trained_with(tmp_path, more, learned):
    """Two trials with sgd and a tuned weight decay, two with adam and that of the run, 0.02."""
    results = tmp_path / "results"
    fixed = {"weight_decay": 0.02, "optimizer": "adam", "lr": 0.1}
    found = search("random", results, tuned=NESTED, budget="1", **fixed)
    path = found.folder.path / "journal.jsonl"
    (event,) = (json.loads(x) for x in path.read_text().splitlines() if '"event": "trial"' in x)
    lines = []
    for number, decay in enumerate((0.001, 0.1, None, None)):
        chosen = {"optimizer": "adam"} if decay is None else {"optimizer": "sgd"}
        chosen |= {} if decay is None else {"optimizer/sgd/weight_decay": decay}
        arch = {**event["arch"], "first": ("conv3", "conv1", "skip", "conv1")[number]}
        arch["second"] = "conv3" if number < 3 else "conv1"
        lines.append(json.dumps({**event, "number": number, "arch": arch, "tuned": chosen}))
    path.write_text("\n".join(lines) + "\n")
    options = {**search_options(results), "strategy": "random", "space": "engine_parts:Tiny"}
    options |= {**fixed, "tuned": NESTED, "out": tmp_path, "learn_from": str(results)}
    job = configure({**options, **more}, {})
    assert len(job.priors.trials) == learned


def test_trials_of_earlier_runs_are_known_without_cost(earlier, out):  # noqa: F811
    before = new_trainings(run_of(earlier))
    found = search("evolution", out, tune="lr", budget="3", learn_from=str(earlier), seed=7)
    event = priors_of(found.folder.path)
    assert [(one["arch"], one["tuned"], one["score"]) for one in event["trials"]] == [
        (one["arch"], one["tuned"], one["score"]) for one in before
    ]
    trials = new_trainings(found.folder.path)
    assert len(trials) == 3  # the budget is that of new trainings
    assert found.outcome.evaluations == 3
    # Evolution has a population of three from the beginning: every trial is a child of its own.
    for trial in trials:
        changes = [
            sum(
                {**one["arch"], **one["tuned"]}[label] != value
                for label, value in {**trial["arch"], **trial["tuned"]}.items()
            )
            for one in [*before, *trials]
        ]
        assert 1 in changes
    record = Checkpoint.read(found.checkpoint).search["priors"]
    assert (record["trials"], record["runs"]) == (3, [run_of(earlier).name])
    best = max(one["score"] for one in [*before, *trials])
    assert found.outcome.metrics["val_accuracy"] == pytest.approx(best)
    free = [value for seconds, value in Checkpoint.read(found.checkpoint).curve if seconds == 0]
    assert free[-1] == max(one["score"] for one in before)


def test_a_search_that_has_learned_the_whole_space_ends_with_the_best(tmp_path):
    first = search("grid", tmp_path / "results", budget="18")  # all of the space
    found = search("random", tmp_path / "results", budget="3", learn_from=first.folder.name)
    assert new_trainings(found.folder.path) == []
    best = max(one["score"] for one in new_trainings(first.folder.path))
    assert found.outcome.metrics["val_accuracy"] == pytest.approx(best)
    assert found.outcome.evaluations == 0


def test_the_same_priors_are_one_row_and_others_another(earlier, out):  # noqa: F811
    given = {"strategy": "random", "space": "engine_parts:Tiny", "epochs": 1, "tune": "lr"}
    shared = {**search_options(earlier), **given}
    one, same = (configure({**shared, "learn_from": str(earlier)}, {}) for _ in range(2))
    none = configure(shared, {})
    assert one.config.compared() == same.with_seed(3).config.compared()
    assert one.config.compared() != none.config.compared()
    assert "priors" not in none.config.compared()


def search_options(results: Path) -> dict:
    config = json.loads((run_of(results) / "run.json").read_text())["config"]
    kept = ("limit_train", "batch_size", "epochs", "device", "task")
    return {name: config[name] for name in kept}


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"space": "engine_parts:Nested"}, "its space is 'engine_parts:Tiny', and this search's"),
        ({"metric": "macro_f1"}, "its metric is 'accuracy', and this search's is 'macro_f1'"),
        ({"epochs": 2}, "it trained with epochs=1, and this search trains with 2"),
        ({"tune": None, "lr": 0.3}, "has no finished trial that this search could have made"),
        ({"task": "other"}, "its task is 'digits', and this search's is 'other'"),
    ],
)
def test_a_run_that_does_not_fit_is_refused_by_name_and_skipped_in_a_folder(
    earlier, other, why, tmp_path
):
    given = {"strategy": "tpe", "space": "engine_parts:Tiny", "tune": "lr", "out": tmp_path}
    options = {**search_options(earlier), **given, **other}
    run, data = run_of(earlier), None
    if options["task"] == "other":
        data = replace(load_digits(), name="other")
    with pytest.raises(UserError) as error:
        configure({**options, "learn_from": str(run)}, {}, data)
    assert str(error.value).startswith(f"--learn-from {run}: ")
    assert why in str(error.value)
    job = configure({**options, "learn_from": str(earlier)}, {}, data)
    assert job.priors.trials == ()
    (note,) = job.priors.notes
    assert note.startswith(f"learns from 0 trials of 0 runs in {earlier}; 1 run left out (1: ")
    assert why in note


def test_what_cannot_be_begun_with_is_refused(earlier, tmp_path):
    given = {"space": "engine_parts:Tiny", "tune": "lr", "out": tmp_path}
    shared = {**search_options(earlier), **given}
    run = str(run_of(earlier))

    def said(strategy: str, **more: str) -> str:
        with pytest.raises(UserError) as error:
            configure({**shared, "strategy": strategy, **more}, {})
        return str(error.value)

    assert "and learns from no others" in said("hyperband", learn_from=run)
    one_shot = {**shared, "tune": None, "strategy": "darts", "start_from": run}
    with pytest.raises(UserError, match="darts trains one supernet and has no trials"):
        configure(one_shot, {})
    other = said("random", space="engine_parts:Nested", start_from=run)
    assert other.startswith(f"--start-from {run}: is a network of the space 'engine_parts:Tiny'")
    assert "is no run under" in said("random", learn_from="nobody")
    assert "cannot read the checkpoint nobody" in said("random", start_from="nobody")


def test_an_architecture_over_a_limit_is_no_start(earlier, out):  # noqa: F811
    best = Checkpoint.read(run_of(earlier)).arch
    limits = {"max_params": 700}  # the smallest network of the space has 694
    dear = {**best, "first": "conv3"}
    assert dear["first"] == "conv3"
    path = out.parent / "dear.json"
    content = json.loads((run_of(earlier) / "checkpoint.json").read_text())
    path.write_text(json.dumps({**content, "arch": dear}))
    with pytest.raises(UserError, match=r"--start-from: .* is over --max-params 700"):
        search("random", out, tune="lr", budget="1", start_from=str(path), **limits)
    # Trials over it are not learned from: the search must not end with one of them.
    found = search("random", out, tune="lr", budget="1", learn_from=str(earlier), **limits)
    assert found.outcome.arch["first"] == found.outcome.arch["second"] == "skip"
