"""Tunings from before NNI's manager left and ``tpe`` became optuna's."""

from __future__ import annotations

import json

import pytest

from nasbench.store import older
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.records import FORMAT, Record, parse_record
from nasbench.store.runs import RunFolder

NAMES = [("tpe", "nni-tpe"), ("optuna-tpe", "tpe"), ("random", "random")]
OLD = {"port": 8080, "epochs": 3, "tuner_options": {"gamma": 0.25}}
NEW = {"epochs": 3, "tuner_options": {"gamma": 0.25}}


@pytest.mark.parametrize(("before", "now"), NAMES)
def test_a_run_folder(tmp_path, before, now):
    info = {"task": "digits", "seed": 0, "config": {**OLD, "tuner": before}}
    folder = RunFolder.create(tmp_path, "hpo", before, info)
    assert folder.info["name"] == now
    assert folder.info["config"] == {**NEW, "tuner": now}
    folder.update(status="stopped")  # writes it in the new names, which stay as they are
    assert RunFolder(folder.path).info == folder.info


@pytest.mark.parametrize(("before", "now"), NAMES)
def test_a_checkpoint(tmp_path, before, now):
    old = Checkpoint(
        space={"name": "small-cnn"},
        arch={},
        data={"channels": 1, "height": 8, "width": 8, "classes": 10},
        strategy={"name": before, "options": {}},
        task="digits",
        seed=0,
        search={**OLD, "tuner": before},
        kind="hpo",
    )
    old.write(tmp_path / "checkpoint.json")
    found = Checkpoint.read(tmp_path)
    assert found.strategy == {"name": now, "options": {}}
    assert found.search == {**NEW, "tuner": now}
    found.write(tmp_path / "checkpoint.json")
    assert Checkpoint.read(tmp_path) == found


@pytest.mark.parametrize(("before", "now"), NAMES)
def test_a_record(before, now):
    counts = {"params": 1, "macs": 1, "latency_ms": 1.0, "search_seconds": 1.0}
    counts |= {"search_evaluations": 1, "retrain_seconds": 1.0, "test_openings": 1}
    texts = {"run": "a", "task": "digits", "space": "small-cnn", "arch_id": "x", "search_run": ""}
    content = {
        **texts,
        **counts,
        "method": before,
        "search_seed": 0,
        "retrain_seed": 0,
        "search_config": {**OLD, "tuner": before},
        "retrain_config": {},
        "test_accuracy": 0.5,
        "val_accuracy": 0.5,
        "test_examples": 10,
        "kind": "hpo",
    }
    found = parse_record(json.dumps({"format": FORMAT, **content}).encode())
    assert isinstance(found, Record)
    assert (found.method, found.search_config) == (now, {**NEW, "tuner": now})


@pytest.mark.parametrize(
    "content",
    [
        {"verb": "search", "name": "tpe", "config": {"port": 1, "tuner": "tpe"}},
        {"verb": "hpo", "name": "tpe", "config": {"tuner": "tpe"}},
        {"verb": "hpo", "name": "tpe", "config": None},
        {"verb": "hpo"},
    ],
)
def test_everything_else_stays(content):
    assert older.run_info(content) == content


def test_a_broken_run_is_left_to_its_reader():
    content = {"verb": "hpo", "name": ["tpe"], "config": {"port": 8080, "tuner": {}}}
    assert older.run_info(content)["name"] == ["tpe"]


@pytest.mark.parametrize(("task", "now"), [("digits", None), ("mnist", "images")])
def test_a_folder_that_digits_did_not_read_is_forgotten(tmp_path, task, now):
    info = {"task": task, "seed": 0, "config": {"epochs": 3, "data_dir": "images"}}
    folder = RunFolder.create(tmp_path, "search", "darts", info)
    assert folder.info["config"] == {"epochs": 3, "data_dir": now}
