"""A machine that has little: each missing package costs only its own feature."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).parents[2]
ABSENT = (
    "nni", "torchvision", "graphviz", "pygraphviz", "tensorboard", "sklearn", "safetensors", "PIL",
    "optuna", "matplotlib", "ray",
)  # fmt: skip

WITHOUT_TORCH = """
import sys
from nasbench.cli import main
for words in {lines}:
    assert main(words) == 0, words
    loaded = {{"torch", "numpy", "rich.progress", "sklearn"}} & set(sys.modules)
    assert not loaded, (words, loaded)
"""

WITHOUT_EXTRAS = '''
import contextlib, io, json, sys

class Hiding:
    """A finder that does not find what is absent."""

    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        absent = name.partition(".")[0] in {absent!r}
        return None if absent else self.finder.find_spec(name, path, target)

    def __getattr__(self, name):
        return getattr(self.finder, name)

sys.meta_path[:] = map(Hiding, sys.meta_path)
from nasbench.cli import main

answers, checkpoint = [], ""
for line in {lines!r}:
    words = [w.replace("CHECKPOINT", checkpoint) for w in line.split()]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(words)
    answers.append({{"status": status, "out": out.getvalue(), "err": err.getvalue()}})
    for row in out.getvalue().splitlines():
        if row.startswith("checkpoint: "):
            checkpoint = row.partition(": ")[2]
print(json.dumps(answers))
'''


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a fresh interpreter, which finds the packages in the checkout only."""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n{code}"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_help_and_listings_never_import_torch(tmp_path):
    lines = [["--help"], ["--version"], ["list"], ["list", "tasks", "--json"], []]
    lines += [[c, "--help"] for c in ("search", "retrain", "leaderboard", "show", "doctor")]
    done = python(WITHOUT_TORCH.format(lines=lines), tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_module_runs_as_a_program():
    for word, status in (("list", 0), ("lst", 2)):
        command = [sys.executable, "-m", "nasbench", word]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
        assert (done.returncode, bool(done.stdout)) == (status, status == 0)


@pytest.mark.usefixtures("place")
def test_the_leaderboard_never_imports_torch(finished):
    lines = [["leaderboard"], ["leaderboard", "--format", "json"]]
    code = WITHOUT_TORCH.replace('"numpy", ', "").format(lines=lines)
    done = python(code, finished)
    assert done.returncode == 0, done.stderr
    assert "darts" in done.stdout


def write_mnist(folder: Path) -> None:
    """Write a little set in the real format: bright stripes, one row for each digit."""
    folder.mkdir(parents=True)
    for part, n in (("train", 100), ("t10k", 20)):
        labels = np.arange(n) % 10
        images = np.zeros((n, 28, 28), np.uint8)
        images[np.arange(n), 2 * labels + 4] = 255
        header = struct.pack(">4B3I", 0, 0, 8, 3, n, 28, 28)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images.tobytes())
        header = struct.pack(">4BI", 0, 0, 8, 1, n)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(
            header + labels.astype(np.uint8).tobytes()
        )


@pytest.mark.slow
def test_five_packages_are_enough(place):
    write_mnist(place / "data" / "mnist")
    (place / "empty").mkdir()
    small = "--limit-train 100 --epochs 1 --batch-size 10 --device cpu"
    lines = [
        "list",
        "doctor --json",
        "search darts --space space.py:Tiny --epochs 1",
        f"search darts --space space.py:Tiny --task cifar10 {small} --data-dir empty",
        f"search darts --space space.py:Tiny --task mnist {small} --data-dir data",
        f"retrain CHECKPOINT {small} --data-dir data --json",
        "leaderboard --format md",
    ]
    done = python(WITHOUT_EXTRAS.format(absent=ABSENT, lines=lines), place)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    listed, doctor, digits, cifar, search, retrain, board = json.loads(done.stdout)

    assert (listed["status"], listed["err"]) == (0, "")
    assert "cifar10" in listed["out"]

    assert (doctor["status"], doctor["err"]) == (0, "")
    packages = json.loads(doctor["out"])["packages"]
    for name, state in packages.items():
        missing = name.partition(".")[0] in ABSENT
        assert ("install it with: pip install" in state) == missing, (name, state)
    assert "scikit-learn" in json.loads(doctor["out"])["data"]["digits"]

    assert (digits["status"], digits["out"]) == (2, "")
    assert digits["err"] == (
        "error: the task digits needs the package scikit-learn, which cannot be imported "
        "(No module named 'sklearn'); install it with: pip install scikit-learn\n"
    )
    assert (cifar["status"], cifar["out"]) == (2, "")
    assert cifar["err"].count("\n") == 1
    assert "pip install torchvision" in cifar["err"]

    assert search["status"] == 0, search["err"]
    assert "note:" not in search["out"]
    [run] = (place / "results" / "runs").glob("*-search-darts-mnist-*")
    assert (run / "architecture.svg").read_text().startswith("<svg")
    assert not (run / "tb").exists()

    assert (retrain["status"], retrain["err"]) == (0, "")
    record = json.loads(retrain["out"])
    assert Path(record["model"]).name == "model.pt"
    assert (place / record["model"]).is_file()
    assert record["test_examples"] == 20
    assert record["provenance"]["versions"]["torch"] is not None

    assert (board["status"], board["err"]) == (0, "")
    assert f"{100 * record['test_accuracy']:.2f}" in board["out"]


def test_a_torchvision_that_does_not_fit_torch(place, refused, monkeypatch, tiny):
    (place / "torchvision").mkdir()
    (place / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(place)
    (place / "data").mkdir()
    line = refused("search", "darts", *tiny, "--task", "cifar10", "--data-dir", "data")
    assert "operator torchvision::nms does not exist" in line
    assert line.endswith("pip install --upgrade torch torchvision")
