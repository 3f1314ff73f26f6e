"""``nasbench export``: files that stand alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nasbench.errors import UserError

SLOW = pytest.param("pt2", marks=pytest.mark.slow)
TINY = ("-o", "channels=4", "-o", "layers=3")


@pytest.mark.slow
@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("target", ["py", "onnx", "torchscript", "pt2"])
def test_every_export_is_checked(run, target):
    if target == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    done = run("export", "zoo:GDAS_V1", "--to", target, "--out", "there", *TINY, "--fold-bn")
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
        "export", str(folder), "--to", "torchscript", "--out", "there", "--space", "space.py:Tiny"
    )
    assert done.status == 0, done.err
    assert "untrained" not in done.out
    refused = run("export", str(folder), "--to", "py", "--out", "no", "-o", "width=8")
    assert "width=8: a trained network has its arguments" in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("zoo:GDAS_V1", "--to", "onx", "--out", "new"),
            "unknown export 'onx': did you mean onnx",
        ),
        (
            ("zoo:GDAS_V1", "--to", "py", "--out", "."),
            ". is not an empty folder: name another one",
        ),
        (
            ("zoo:GDAS_V1", "--to", "py", "--out", "new", "-o", "chanels=3"),
            "did you mean channels",
        ),
        (("gone.json", "--to", "py", "--out", "new"), "cannot read the checkpoint gone.json"),
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
    "target",
    ["py", *(pytest.param(name, marks=pytest.mark.slow) for name in ("torchscript", "pt2"))],
)
def test_an_export_that_fails_leaves_nothing(run, monkeypatch, target):
    from nasbench.export import check

    def fails(code, folder, truth):
        assert [path.name for path in folder.iterdir()]
        raise UserError("the export computes something else")

    given = ("export", "zoo:GDAS_V1", "--to", target, "--out", "deep/there", *TINY)
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
    line = refused(
        "export", "arch.json", "--space", "loop.py:Loop", "--to", target, "--out", "new"
    )
    assert "Loop" in line
    assert not Path("new").exists()


CIFAR = """
import lzma
from dataclasses import replace
from pathlib import Path
import numpy as np
from nasbench.tasks.base import Task
from nasbench.tasks.cifar10 import CLASSES

def images(count):
    '''Return the first official test images, unpacked as restore_cifar10.py does.'''
    with np.load(Path({path!r}), allow_pickle=False) as packed:
        pixels, labels = lzma.decompress(packed["pixels_xz"].tobytes()), packed["labels"]
    d = np.frombuffer(pixels, np.uint8).reshape(3, len(labels), 32, 32)[:, :count]
    d = d.cumsum(2, dtype=np.uint8).cumsum(3, dtype=np.uint8)
    return np.stack([d[1] + d[0], d[0], d[2] + d[0]], 1), labels[:count].astype(np.int64)

def load(data_dir=None):
    x, y = images(500)
    made = Task.from_arrays("cifar", (x[100:], y[100:]), (x[:100], y[:100]), classes=10)
    return replace(made, class_names=CLASSES)
"""


@pytest.mark.slow
@pytest.mark.data
def test_the_example_says_of_a_real_jpeg_what_predict_says(place, run, data_root):
    from PIL import Image

    path = data_root / "cifar10" / "cifar10_test.npz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    (place / "cifar.py").write_text(CIFAR.format(path=str(path)))
    (place / "arch.json").write_text('{"first": "conv3", "second": "conv1", "join": [1]}')
    words = ("--space", "space.py:Tiny", "--task", "cifar.py:load", "--epochs", 2)
    done = run("retrain", "arch.json", *words, "--device", "cpu", "--json")
    assert done.status == 0, done.err
    (folder,) = Path("results/runs").iterdir()
    content: dict = {}
    exec(CIFAR.format(path=str(path)), content)
    pictures = [str(place / f"{number}.jpg") for number in range(3)]
    for name, pixels in zip(pictures, content["images"](3)[0], strict=True):
        Image.fromarray(pixels.transpose(1, 2, 0)).resize((50, 40)).save(name)
    said = run("predict", folder, *pictures, "--device", "cpu", "--json").json
    assert said["names"][3] == "cat"
    for target in ("py", "onnx"):
        if target == "onnx":
            pytest.importorskip("onnxruntime")
            pytest.importorskip("onnxscript")
        done = run("export", folder, "--to", target, "--out", target)
        assert done.status == 0, done.err
        told = subprocess.run(
            [sys.executable, "example.py", *pictures],
            cwd=target,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for line, one in zip(told, said["predictions"], strict=True):
            name, best, share = line.rsplit(" ", 2)
            assert (name, best) == (one["file"], one["class"])
            assert float(share.rstrip("%")) / 100 == pytest.approx(one["probability"], abs=1e-3)
