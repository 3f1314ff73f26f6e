"""Run folders from elsewhere, under ``--resume`` and ``nasbench trust``."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from security_foreign import (
    BOTH,
    COMPLETE,
    EVIL,
    FLAGS,
    Foreign,
    bomb,
    options_of_runs,
    some,
    texts,
)

from nasbench import catalog
from nasbench.errors import UserError
from nasbench.store.weights import load_weights


@pytest.mark.parametrize(
    ("verb", "field"),
    some(options_of_runs(), ("search", "strategy"), ("hpo", "tuner"), ("retrain", "space")),
)
def test_no_option_in_a_run_folder_is_followed_to_code_or_elsewhere(foreign: Foreign, verb, field):
    value = str(foreign.home) if field in ("out", "data_dir") else EVIL
    foreign.stopped(verb, {**COMPLETE[verb], field: value})
    foreign.run(verb, "--resume", "r-1")


def test_a_proxy_in_a_run_folder(foreign: Foreign):
    options = {"strategy": "training-free", "strategy_options": {"proxy": EVIL}}
    foreign.stopped("search", {**COMPLETE["search"], **options})
    assert f"--code {EVIL}" in foreign.refused("search", "--resume", "r-1")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["strategy", "tuner", "assessor"])
def test_no_option_of_a_plug_in_in_a_run_folder_is_code(foreign: Foreign, kind):
    verb = "search" if kind == "strategy" else "hpo"
    for name in catalog.TABLES[kind]:
        options = catalog.resolve(kind, name).Options
        for option in texts(options):
            config = {**COMPLETE[verb], kind: name, f"{kind}_options": {option: EVIL}}
            foreign.stopped(verb, config)
            foreign.run(verb, "--resume", "r-1")


def test_the_network_in_the_search_space_of_a_run_folder(foreign: Foreign):
    for name in BOTH:
        content = {"model": {"_type": "choice", "_value": ["small-cnn", name]}}
        foreign.stopped("hpo", {**COMPLETE["hpo"], "space_content": content})
        assert f"--code {name}" in foreign.refused("hpo", "--resume", "r-1")


def test_the_network_in_the_journal_of_a_run_folder(foreign: Foreign):
    place = foreign.stopped("hpo", COMPLETE["hpo"])
    event = {"event": "suggested", "round": 1, "number": 0}
    for name in BOTH:
        line = json.dumps({**event, "parameters": {"model": name, "lr": 0.1}})
        (place / "journal.jsonl").write_text(line + "\n")
        foreign.refused("hpo", "--resume", "r-1")
        foreign.stopped("hpo", COMPLETE["hpo"])


@pytest.mark.parametrize("kind", some(["strategy", "space", "task"], "space"))
def test_a_supernet_from_elsewhere(foreign: Foreign, kind):
    place = foreign.stopped("search", {**COMPLETE["search"], "strategy": "darts", kind: EVIL})
    (place / "state.pt").write_bytes(bomb(foreign))
    assert f"--code {EVIL}" in foreign.refused("trust", place, "--train", 10)


@pytest.mark.parametrize(
    "places",
    [{"data_dir": "home"}, {"engine": "ray"}, {"engine": "ray", "address": "203.0.113.1:6379"}],
)
@pytest.mark.parametrize("verb", some(["search", "hpo", "trust"], "search"))
def test_places_in_a_run_folder_are_the_users_to_name(foreign: Foreign, verb, places):
    if "data_dir" in places:
        places = {"data_dir": str(foreign.home)}
    elif verb == "trust":
        return  # computes in its own process
    name = next(iter(places)).replace("_", "-")
    of = "search" if verb == "trust" else verb
    config = {**COMPLETE[of], **places, "task": "mnist"}  # which reads a folder
    place = foreign.stopped(of, config, task="mnist")
    line = foreign.refused(
        verb, *([place, "--train", 10] if verb == "trust" else ["--resume", "r-1"])
    )
    assert f"give --{name} yourself" in line


def test_a_run_of_this_user_goes_on_without_flags(foreign: Foreign, tmp_path):
    own, task = tmp_path / "data", "mine.py:load"
    own.mkdir()
    text = Path("evil.py").read_text().replace(str(foreign.canary), str(tmp_path / "mine-ran"))
    Path("mine.py").write_text(text)
    words = ["random", "--space", "mobilenet-skip", "--budget", "1", "--task", task, *FLAGS]
    assert foreign.run("search", *words, "--data-dir", own)[0] == 0
    (place,) = Path("results/runs").iterdir()
    info = json.loads((place / "run.json").read_text())

    def stop(**changed: object) -> None:
        config = {**info["config"], **changed}
        (place / "run.json").write_text(
            json.dumps({**info, "status": "stopped", "config": config})
        )

    stop()
    assert foreign.run("search", "--resume", place.name)[0] == 0
    # Another place that somebody wrote into it is not this user's.
    stop(data_dir=str(foreign.home))
    assert "give --data-dir yourself" in foreign.refused("search", "--resume", place.name)
    assert foreign.run("search", "--resume", place.name, "--data-dir", own)[0] == 0


def test_a_flag_says_where_a_run_goes_on_and_nothing_else(foreign: Foreign):
    foreign.stopped("search", {**COMPLETE["search"], "engine": "ray", "address": "203.0.113.1:1"})
    for words in (["--lr", "1"], ["--seed", "1"], ["--auto-batch"]):
        assert f"leave out {words[0]}" in foreign.refused("search", "--resume", "r-1", *words)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verb", "name"),
    [("search", "state.pt"), ("retrain", "state.prev.pt"), ("hpo", "trial-0.pt")],
)
def test_a_state_is_no_code(foreign: Foreign, verb, name):
    extra = {"strategy": "darts", "budget": None} if verb == "search" else {}
    place = foreign.stopped(verb, {**COMPLETE[verb], **extra})
    for written in ("pickle", "torch"):
        if written == "pickle":
            (place / name).write_bytes(bomb(foreign))
        else:
            torch.save({"unit": Path}, place / name)
        foreign.run(verb, "--resume", "r-1")
        foreign.stopped(verb, {**COMPLETE[verb], **extra})


def test_weights_are_no_code(foreign: Foreign):
    Path("model.pt").write_bytes(bomb(foreign))
    with pytest.raises((UserError, pickle.UnpicklingError)):
        load_weights(Path("model.pt"))
    assert not foreign.canary.exists()


@pytest.mark.parametrize("field", ["space of the checkpoint", "space", "task"])
@pytest.mark.parametrize("verb", ["predict", "export"])
def test_the_folder_of_a_retraining_from_elsewhere(foreign: Foreign, verb, field):
    place = foreign.stopped("retrain", {} if " " in field else {field: EVIL}, status="done")
    if " " in field:
        space = {"name": EVIL, "arguments": {}, "sha256": foreign.sha256}
        foreign.checkpoint(str(place / "checkpoint.json"), space=space, arch={"body": "a"})
    (place / "model.safetensors").write_bytes(bomb(foreign))
    np.save("x.npy", np.zeros((1, 1, 8, 8), np.uint8))
    more = ["x.npy"] if verb == "predict" else ["--to", "py", "--out", "there"]
    line = foreign.refused(verb, place, *more)
    if field != "task":  # without preprocessing.json, predict asks the task
        assert f"--code {EVIL}" in line


def test_initial_weights_in_a_run_folder(foreign: Foreign):
    """Neither the place that it names is read, nor is a copy that is no safetensors file."""
    elsewhere = foreign.home / "w.safetensors"
    place = foreign.stopped("retrain", {"weights": str(elsewhere)})
    line = foreign.refused("retrain", "--resume", "r-1")
    assert f"--weights {elsewhere}: a file names it, and you never did" in line
    (place / "initial.safetensors").write_bytes(bomb(foreign))
    assert "cannot read the weights" in foreign.refused("retrain", "--resume", "r-1")
