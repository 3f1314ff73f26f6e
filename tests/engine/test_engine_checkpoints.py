"""Architectures from a baseline's name, a checkpoint, or a published cell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from engine_parts import TINY

from nasbench.config import HpoConfig
from nasbench.engine.checkpoints import (
    Architecture,
    data_options,
    open_checkpoint,
    open_model,
    open_network,
)
from nasbench.engine.problem import load_task
from nasbench.errors import UserError
from nasbench.export.plain import trial
from nasbench.interop import zoo
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


def check(name, digits, arguments=None) -> Architecture:
    model = open_model(name)
    own = {**model.space["arguments"], **(arguments or {})}
    return Architecture.of(model, spec=digits.spec, space_arguments=own)


def test_a_baseline_by_its_name(digits):
    found = check("small-cnn", digits, {"hidden_size": 8})
    assert (found.name, found.space_arguments, dict(found.arch)) == (
        "small-cnn",
        {"hidden_size": 8},
        {},
    )


def test_a_folder_of_the_same_name_is_no_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("small-cnn").mkdir()
    assert open_model("small-cnn").space["name"] == "small-cnn"


def test_a_found_network_by_its_checkpoint_or_run_folder(checkpoint, digits):
    from nasbench import catalog

    catalog.resolve("space", TINY)  # named once by the user, it may run
    for name in (checkpoint, checkpoint.parent):
        found = check(str(name), digits)
        assert (found.name, found.space_arguments) == (TINY, {"width": 6})
        assert dict(found.arch) == {**ARCH, "join": (1,)}
    assert check(str(checkpoint), digits, {"width": 8}).space_arguments == {"width": 8}


def test_code_that_a_checkpoint_names_must_be_known_here(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    with pytest.raises(UserError, match=f"the space {TINY!r} is named by a file, and its code"):
        open_model(str(checkpoint))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("resnet81", "unknown space 'resnet81': did you mean resnet18"),
        ("gone.json", "cannot read the checkpoint gone.json: No such file or directory"),
    ],
)
def test_there_is_no_such_network(name, line):
    with pytest.raises(UserError) as error:
        open_model(name)
    assert str(error.value).startswith(line)


def test_networks_that_cannot_be_tuned(checkpoint, digits, tmp_path):
    with pytest.raises(UserError) as error:
        check("mobilenet-skip", digits)
    assert str(error.value) == (
        "'mobilenet-skip' has open choices: search it with nasbench search, "
        "then give its checkpoint.json"
    )
    with pytest.raises(UserError, match=r"^space SmallCnn: width=0, hidden_size=128: must be at"):
        check("small-cnn", digits, {"width": 0})
    content = json.loads(checkpoint.read_text())
    content["arch"]["first"] = "conv9"
    edited = tmp_path / "edited.json"
    edited.write_text(json.dumps(content))
    with pytest.raises(UserError, match="the label 'first' has the value 'conv9': allowed: conv3"):
        check(str(edited), digits)


@pytest.mark.parametrize(
    "given", ["zoo:DARTS_V2", pytest.param("zoo:GDAS_V1", marks=pytest.mark.slow)]
)
def test_the_outputs_of_an_untrained_network_depend_on_the_image(given):
    """At the papers' depth; with BN as it begins they would differ by 1e-6."""
    network = open_network(given, preset="paper", assignments={"channels": 8}).network()
    outputs = trial(network, torch.randn(3, 3, 32, 32))
    apart = outputs.max(0).values - outputs.min(0).values
    assert apart.max() > 0.05
    assert not network.training


def test_an_untrained_network_is_the_same_each_time():
    one, other = (open_network("zoo:DARTS_V2").network().state_dict() for _ in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_given_architecture_is_called_as_the_user_called_it(tmp_path):
    first, second = (zoo.published(f"zoo:DARTS_{name}").genotype for name in ("V1", "V2"))
    path = tmp_path / "g.py"
    path.write_text(f"A = {first}\nB = {second}\n")
    a, b = (open_checkpoint(f"{path}:{name}") for name in "AB")
    assert (a.given, b.given) == ("g.py:A", "g.py:B")
    assert a.arch != b.arch
    alone = tmp_path / "cells.txt"
    alone.write_text(first)
    assert open_checkpoint(str(alone)).given == "cells.txt"
    assert open_checkpoint("zoo:DARTS_V1").given == "zoo:DARTS_V1"
    assert open_checkpoint(first).given == ""


def test_a_published_cell_that_the_user_names_is_no_code():
    from nasbench import known_code
    from nasbench.engine.checkpoints import open_checkpoint, recipe_of

    with known_code.typed(["retrain", "zoo:DARTS_V2"]):
        assert recipe_of(open_checkpoint("zoo:DARTS_V2")).retrain["epochs"] == 600


def test_how_pictures_were_read_says_nothing_about_data_of_another_kind(checkpoint, tmp_path):
    pictures = tmp_path / "images"
    (pictures / "a").mkdir(parents=True)
    other = tmp_path / "others"
    (other / "b").mkdir(parents=True)
    found = replace(
        Checkpoint.read(checkpoint),
        task=str(pictures),
        data={"channels": 3, "height": 32, "width": 32, "classes": 2},
        search={"size": None, "skip_bad": True, "metric": "macro_f1"},
    )
    read = {"size": 32, "channels": 3, "skip_bad": True, "metric": "macro_f1"}
    assert data_options(found) == read
    assert data_options(found, str(other)) == read
    assert data_options(found, "cifar10") == {"metric": "macro_f1"}
    assert data_options(found, "data.npz") == {"metric": "macro_f1"}
