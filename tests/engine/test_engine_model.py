"""The network that is tuned."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from engine_parts import TINY

from nasbench.config import HpoConfig
from nasbench.engine.model import Model
from nasbench.engine.problem import load_task
from nasbench.errors import UserError
from nasbench.store.checkpoint import Checkpoint

ARCH = {"first": "conv3", "second": "skip", "join": [1]}
DATA = {"channels": 1, "height": 8, "width": 8, "classes": 10}


@pytest.fixture(scope="module")
def digits():
    return load_task(HpoConfig(), "digits")


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    space = {"name": TINY, "arguments": {"width": 6}}
    path = tmp_path / "run" / "checkpoint.json"
    Checkpoint(space, ARCH, DATA, {"name": "random"}, "digits", 0).write(path)
    return path


def test_a_baseline_by_its_name(digits):
    model = Model.of("small-cnn", {"hidden_size": 8})
    assert model == Model("small-cnn", {"hidden_size": 8}, {})
    model.check(digits)
    assert model.named("small-cnn") is model
    assert model.named("resnet18") == Model("resnet18", {}, {})


def test_a_folder_of_the_same_name_is_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small-cnn").mkdir()
    assert Model.of("small-cnn", {}).space == "small-cnn"


def test_a_found_network_by_its_checkpoint_or_run_folder(checkpoint, digits):
    from nasbench import catalog

    catalog.resolve("space", TINY)  # named once by the user, it may run
    for name in (checkpoint, checkpoint.parent):
        model = Model.of(str(name), {})
        assert model == Model(TINY, {"width": 6}, {**ARCH, "join": (1,)})
        model.check(digits)
    assert Model.of(str(checkpoint), {"width": 8}).arguments == {"width": 8}


def test_code_that_a_checkpoint_names_must_be_known_here(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    with pytest.raises(UserError, match=f"the space {TINY!r} is named by a file, and its code"):
        Model.of(str(checkpoint), {})


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("resnet81", "unknown space 'resnet81': did you mean resnet18"),
        ("gone.json", "cannot read the checkpoint gone.json: No such file or directory"),
    ],
)
def test_there_is_no_such_network(name, line):
    with pytest.raises(UserError) as error:
        Model.of(name, {})
    assert str(error.value).startswith(line)


def test_networks_that_cannot_be_tuned(checkpoint, digits, tmp_path):
    with pytest.raises(UserError) as error:
        Model.of("mobilenet-skip", {}).check(digits)
    assert str(error.value) == (
        "model 'mobilenet-skip': it has open choices: search it with nasbench search, "
        "then give its checkpoint.json"
    )
    with pytest.raises(UserError, match=r"^space SmallCnn: width=0, hidden_size=128: must be at"):
        Model.of("small-cnn", {"width": 0}).check(digits)
    content = json.loads(checkpoint.read_text())
    content["arch"]["first"] = "conv9"
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(content))
    with pytest.raises(UserError, match="the label 'first' has the value 'conv9': allowed: conv3"):
        Model.of(str(edited), {}).check(digits)
