"""``nasbench export``: files that stand alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nasbench.errors import UserError

SLOW = pytest.param("pt2", marks=pytest.mark.slow)
TINY = ("-a", "channels=4", "-a", "layers=3")


@pytest.mark.slow
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("target", ["py", "onnx", "torchscript", "pt2"])
def test_every_export_is_checked(run, target):
    if target == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    done = run("export", "zoo:GDAS_V1", "--to", target, "-o", "there", *TINY, "--fold-bn")
    assert done.status == 0, done.err
    assert ", loaded on its own, differ by at most " in done.out
    assert "note: the weights are untrained" in done.out
    names = {path.name for path in Path("there").iterdir()}
    if target != "py":
        assert names == {f"network.{target}"}
        return
    assert names == {"network.py", "model.safetensors", "example.py"}
    shown = subprocess.run(
        [sys.executable, "example.py"], cwd="there", capture_output=True, text=True, check=False
    )
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("tensor([[")


def test_a_retrained_network_keeps_its_weights(finished, run):
    (folder,) = Path("results/runs").glob("*-retrain-*")
    done = run(
        "export", str(folder), "--to", "torchscript", "-o", "there", "--space", "space.py:Tiny"
    )
    assert done.status == 0, done.err
    assert "untrained" not in done.out
    refused = run("export", str(folder), "--to", "py", "-o", "no", "-a", "width=8")
    assert "width=8: a trained network has its arguments" in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("zoo:GDAS_V1", "--to", "onx", "-o", "new"), "unknown export 'onx': did you mean onnx"),
        (("zoo:GDAS_V1", "--to", "py", "-o", "."), ". is not an empty folder: name another one"),
        (("zoo:GDAS_V1", "--to", "py", "-o", "new", "-a", "chanels=3"), "did you mean channels"),
        (("gone.json", "--to", "py", "-o", "new"), "cannot read the checkpoint gone.json"),
    ],
)
@pytest.mark.usefixtures("place")
def test_mistakes(run, arguments, words):
    answer = run("export", *arguments)
    assert answer.status == 2
    assert words in answer.err
    assert not Path("new").exists()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    "target", ["py", "torchscript", pytest.param("pt2", marks=pytest.mark.slow)]
)
def test_an_export_that_fails_leaves_nothing(run, monkeypatch, target):
    from nasbench.export import check

    def fails(code, folder, truth):
        assert [path.name for path in folder.iterdir()]
        raise UserError("the export computes something else")

    given = ("export", "zoo:GDAS_V1", "--to", target, "-o", "deep/there", *TINY)
    with monkeypatch.context() as patch:
        patch.setattr(check, "agreement", fails)
        assert "computes something else" in run(*given).err
    assert list(Path("deep").iterdir()) == []
    monkeypatch.setattr(check, "agreement", lambda code, folder, truth: 0.0)
    done = run(*given)
    assert done.status == 0, done.err
    assert list(Path("deep").iterdir()) == [Path("deep/there")]
    assert all(f"written: {path}" in done.out for path in Path("deep/there").iterdir())


LOOP = """
from torch import nn
from nasbench.space import LayerChoice, SearchSpace

class Loop(SearchSpace):
    def __init__(self, spec):
        super().__init__(spec)
        self.start = LayerChoice({"none": nn.Identity}, label="start")
        self.layer = nn.Linear(spec.width, spec.classes)

    def forward(self, x):
        y = self.layer(self.start(x)).mean(dim=(1, 2))
        return y if x.sum() > 0 else -y
"""


@pytest.mark.parametrize("target", ["py", SLOW])
def test_a_network_that_cannot_be_followed(place, refused, target):
    (place / "loop.py").write_text(LOOP)
    (place / "arch.json").write_text('{"start": "none"}')
    line = refused("export", "arch.json", "--space", "loop.py:Loop", "--to", target, "-o", "new")
    assert "Loop" in line
    assert not Path("new").exists()
