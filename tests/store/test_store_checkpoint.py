from __future__ import annotations

import json
import re

import pytest

from nasbench.errors import UserError
from nasbench.store.checkpoint import Checkpoint

WHOLE = Checkpoint(
    space={"name": "darts", "arguments": {"channels": 4}, "sha256": None},
    arch={"first": "conv3", "join": [0, 1]},
    data={"channels": 1, "height": 8, "width": 8, "classes": 10},
    strategy={"name": "darts", "options": {"order": 2}},
    task="digits",
    seed=3,
    search={"epochs": 2},
    metrics={"val_accuracy": 0.5},
    cost={"device_seconds": 1.5, "evaluations": 0},
    run="r1",
    provenance={"commit": None},
)


@pytest.fixture
def path(tmp_path):
    WHOLE.write(tmp_path / "checkpoint.json")
    return tmp_path / "checkpoint.json"


def test_round_trip(path):
    assert json.loads(path.read_text())["format"] == "nasbench/1"
    assert Checkpoint.read(path) == WHOLE
    assert Checkpoint.read(path.parent) == WHOLE  # its folder stands for it


def test_what_is_not_needed_may_lack_and_what_is_new_is_left_out(path):
    content = json.loads(path.read_text())
    for name in ("search", "metrics", "cost", "run", "provenance"):
        del content[name]
    path.write_text(json.dumps({**content, "carbon": 3}))
    short = Checkpoint.read(path)
    assert (short.search, short.metrics, short.cost, short.run, short.provenance) == (
        {}, {}, {}, "", {},
    )  # fmt: skip
    assert short.arch == WHOLE.arch


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": "nasbench/2"}, "newer format nasbench/2: this version reads nasbench/1"),
        ({"format": "nasbench/10"}, "newer format nasbench/10"),
        ({"format": "nasbench/0"}, "format 'nasbench/0': allowed: nasbench/1"),
        ({"format": "nni"}, "format 'nni': allowed: nasbench/1"),
        ({"format": None}, "format None: allowed: nasbench/1"),
        ({"arch": None}, "field 'arch' has the value None: expected dict"),
        ({"task": 3}, "field 'task' has the value 3: expected str"),
        ({"seed": "0"}, "field 'seed' has the value '0': expected int"),
        ({"space": {}}, "field 'space' lacks a 'name'"),
        ({"space": {"name": "x", "arguments": [1]}}, "field 'space.arguments'"),
        ({"data": {}}, "field 'data.channels' has the value None"),
        ({"data": {**WHOLE.data, "width": 0}}, "field 'data.width' has the value 0: expected a"),
        ({"data": {**WHOLE.data, "classes": 2.5}}, "field 'data.classes' has the value 2.5"),
        ({"metrics": None}, "field 'metrics' has the value None: expected dict"),
        ({"search": 3}, "field 'search' has the value 3: expected dict"),
        ({"run": []}, "field 'run' has the value []: expected str"),
        ({"cost": {"device_seconds": None}}, "field 'cost.device_seconds' has the value None"),
    ],
)
def test_a_field_that_does_not_fit(path, changes, words):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(UserError, match=re.escape(words)) as error:
        Checkpoint.read(path)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize("name", ["space", "arch", "data", "strategy", "task", "seed"])
def test_a_missing_field(path, name):
    content = json.loads(path.read_text())
    del content[name]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=f"field '{name}' has the value None"):
        Checkpoint.read(path)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"not: json"])
def test_no_json(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError, match="not JSON"):
        Checkpoint.read(path)


def test_json_but_no_object(path):
    path.write_text("[1]")
    with pytest.raises(UserError, match="expected a JSON object"):
        Checkpoint.read(path)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match=r"gone\.json: No such file or directory"):
        Checkpoint.read(tmp_path / "gone.json")
    with pytest.raises(UserError, match=r"checkpoint\.json: No such file or directory"):
        Checkpoint.read(tmp_path)


def test_a_full_disk_keeps_the_old_file(path, full_disk):
    full_disk()
    with pytest.raises(UserError, match=r"checkpoint\.json: No space left on device"):
        Checkpoint(**{**vars(WHOLE), "seed": 9}).write(path)
    assert Checkpoint.read(path).seed == 3
