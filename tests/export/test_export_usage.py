"""Exports say what they expect; their functions and examples do what predict does."""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from torch import nn

from nasbench.data.preprocessing import Preprocessing
from nasbench.engine.unlabelled import examples
from nasbench.errors import UserError
from nasbench.export import graphs, plain, usage
from nasbench.space import DataSpec, SearchSpace

RGB = Preprocessing(
    task="cifar10",
    shape=(3, 32, 32),
    outputs=3,
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.25, 0.3),
    class_names=("a cat", 'a "dog"', "=x"),
)
GREY = replace(RGB, shape=(1, 8, 8), mean=(0.3,), std=(0.31,))


class Net(SearchSpace):
    """A network that depends on every pixel."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.conv = nn.Conv2d(spec.channels, 8, 3, padding=1)
        self.head = nn.Linear(8 * spec.height * spec.width, spec.classes)

    def forward(self, x):
        return self.head(self.conv(x).relu().flatten(1))


def network(about):
    torch.manual_seed(1)
    return Net(DataSpec(*about.shape, about.outputs)).eval()


def pictures(folder):
    """Write pictures of many sizes, modes and kinds."""
    rng = np.random.default_rng(0)

    def noise(*shape):
        return np.repeat(np.repeat(rng.integers(0, 256, shape, np.uint8), 3, 0), 3, 1)

    made = {
        "small.png": Image.fromarray(noise(5, 7, 3)),
        "odd.png": Image.fromarray(noise(13, 11, 3)).crop((0, 0, 35, 32)),
        "same.png": Image.fromarray(noise(11, 11, 3)).crop((0, 0, 32, 32)),
        "wide.jpg": Image.fromarray(noise(100, 170, 3)),
        "tall.jpg": Image.fromarray(noise(150, 40, 3)),
        "grey.png": Image.fromarray(noise(30, 20)),
        "alpha.png": Image.fromarray(noise(20, 20, 4)),
        "palette.png": Image.fromarray(noise(20, 20, 3)).quantize(16),
        "deep.png": Image.fromarray(rng.integers(0, 65536, (40, 40), np.uint16)),
        "moving.gif": Image.fromarray(noise(20, 20, 3)),
    }
    for name, picture in made.items():
        picture.save(folder / name)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(noise(40, 60, 3)).save(folder / "turned.jpg", exif=turned)
    return sorted(folder.iterdir())


def from_predict(paths, about):
    every = (torch.from_numpy(np.array(found)) for _, found in examples(paths, about))
    return [about.normalised(one[None]) for one in every]


@pytest.mark.parametrize("about", [RGB, GREY, replace(RGB, mean=(), std=())])
def test_the_functions_make_the_inputs_of_predict(tmp_path, about):
    paths = pictures(tmp_path)
    for kind in ("Tensor", "np.ndarray"):
        text = "\n\n".join([usage.constants(about), *usage.functions(about, kind)])
        found: dict = {"Tensor": torch.Tensor, "np": np, "torch": torch}
        exec(text, found)
        assert found["CLASSES"] == about.class_names
        for path, expected in zip(paths, from_predict(paths, about), strict=True):
            made = torch.as_tensor(found["prepare"](path)).float()
            assert made.shape == (1, *about.shape)
            assert torch.allclose(made, expected.float(), atol=1e-6), path


@pytest.fixture
def shown(monkeypatch, capsys):
    """Return a function that runs an export's example in its folder and returns its lines."""

    def run(folder, *words):
        with monkeypatch.context() as patch:
            patch.chdir(folder)
            patch.syspath_prepend(str(folder))
            patch.setattr(sys, "argv", ["example.py", *map(str, words)])
            for name in ("network", "prepare"):
                patch.delitem(sys.modules, name, raising=False)
            runpy.run_path("example.py")
            for name in ("network", "prepare"):
                sys.modules.pop(name, None)
        return capsys.readouterr().out.splitlines()

    return run


def test_the_example_of_plain_python_classifies_a_jpeg(tmp_path, shown):
    out = tmp_path / "out"
    out.mkdir()
    picture = tmp_path / "cat.jpg"
    Image.effect_noise((90, 60), 80).convert("RGB").save(picture)
    net = network(RGB)
    plain.write(net, torch.zeros(1, *RGB.shape), out, "words", RGB)
    (inputs,) = from_predict([picture], RGB)
    with torch.no_grad():
        scores = net(inputs).softmax(1)[0]
    (line,) = shown(out, picture)
    assert line == f"{picture} {RGB.class_names[scores.argmax()]} {float(scores.max()):.1%}"
    with safe_open(out / "model.safetensors", "pt") as file:
        assert Preprocessing.from_json(json.loads(file.metadata()["preprocessing"])) == RGB
    assert len((out / "example.py").read_text().splitlines()) <= 20


@pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning")
def test_torchscript_carries_the_preprocessing(tmp_path):
    net = network(RGB)
    graphs.write_script(net, torch.zeros(1, *RGB.shape), tmp_path, "words", RGB)
    files = {"preprocessing.json": "", "about.txt": ""}
    torch.jit.load(tmp_path / "network.torchscript", _extra_files=files)
    assert Preprocessing.from_json(json.loads(files["preprocessing.json"])) == RGB
    assert {path.name for path in tmp_path.iterdir()} == {
        *("network.torchscript", "prepare.py", "example.py"),
    }
    for name in ("prepare.py", "example.py"):
        compile((tmp_path / name).read_text(), name, "exec")


@pytest.mark.slow
def test_onnx_with_numpy_alone_equals_predict(tmp_path, shown):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net, out = network(RGB), tmp_path / "out"
    out.mkdir()
    graphs.write_onnx(net, torch.zeros(2, *RGB.shape), out, "words", RGB)
    picture = tmp_path / "x.png"
    Image.effect_noise((32, 32), 80).convert("RGB").save(picture)
    session = onnxruntime.InferenceSession(out / "network.onnx")
    about = json.loads(session.get_modelmeta().custom_metadata_map["preprocessing"])
    pixels = np.asarray(Image.open(picture)).transpose(2, 0, 1).astype(np.float64)
    mean, std = (np.reshape(about[name], (3, 1, 1)) for name in ("mean", "std"))
    inputs = ((pixels * about["scale"] - mean) / std).astype(np.float32)
    (logits,) = session.run(None, {"images": inputs[None]})
    odds = np.exp(logits[0] - logits.max())
    (tensor,) = from_predict([picture], RGB)
    with torch.no_grad():
        expected = net(tensor).softmax(1)[0].numpy()
    assert np.abs(odds / odds.sum() - expected).max() < 1e-5
    (line,) = shown(out, picture)
    assert about["class_names"][int(expected.argmax())] in line


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"target": "labels"}, lambda logits: 1 / (1 + np.exp(-logits))),
        ({"target": "numbers", "class_names": ("x", "y", "z")}, lambda logits: logits),
    ],
)
def test_other_targets_and_examples_that_are_no_pictures(tmp_path, shown, change, row):
    about = replace(
        RGB, shape=(2, 6, 6), dtype="float32", mean=(0.5, 1.0), std=(2.0, 3.0), **change
    )
    net = network(about)
    plain.write(net, torch.zeros(1, *about.shape), tmp_path, "words", about)
    rows = np.random.default_rng(0).normal(size=(2, 2, 6, 6)).astype(np.float32)
    np.save(tmp_path / "x.npy", rows)
    lines = shown(tmp_path, "x.npy")
    with torch.no_grad():
        logits = net(about.normalised(torch.from_numpy(rows))).numpy()
    for number, line in enumerate(lines):
        name, _, found = line.partition(" ")
        values = eval(found)
        assert name == str(number)
        assert list(values) == list(about.names)
        assert np.allclose(list(values.values()), row(logits[number]), atol=1e-5)


def test_a_damaged_preprocessing_is_refused():
    content = RGB.to_json()
    assert Preprocessing.from_json(json.loads(json.dumps(content))) == RGB
    for field, value in (
        ("format", "other"),
        ("shape", [3, 0, 32]),
        ("shape", 5),
        ("dtype", "object"),
        ("mean", [0.5, float("nan"), 0.5]),
        ("mean", [0.5]),
        ("std", [0.0, 1.0, 1.0]),
        ("class_names", ["a"]),
        ("class_names", [1, 2, 3]),
        ("outputs", True),
        ("target", "all"),
        ("resampling", "lanczos"),
        ("crop", "left"),
        ("task", None),
    ):
        with pytest.raises(UserError, match=field if field != "format" else "not of the format"):
            Preprocessing.from_json({**content, field: value})
