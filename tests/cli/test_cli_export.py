"""``nasbench export``: files that stand alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
