"""``nasbench trust``: what it prints and writes, and a user's mistakes."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

TABLE = """\
from nasbench.space import DataSpec
from nasbench.tabular.base import Table


class Stub(Table):
    name, datasets, lengths = "stub", ("digits",), (9,)

    def __init__(self, space):
        super().__init__(space, DataSpec(1, 8, 8, 10))

    def validation(self, arch, dataset, epochs, seed):
        return self.trainings(arch, dataset)[0]

    def trainings(self, arch, dataset):
        names = ("skip", "conv1", "conv3")
        worth = 0.1 * names.index(arch["first"]) + 0.3 * names.index(arch["second"])
        return (worth, worth + 0.01)

    def seconds(self, arch, dataset, epochs):
        return 0.0

    def test(self, arch, dataset):
        return 0.0

    def sizes(self, arch, dataset):
        return {}


def load(path=None, data_dir=None):
    return Stub("space.py:Tiny")


def other(path=None, data_dir=None):
    return Stub("nas-bench-201")
"""


@pytest.fixture
def searched(checkpoint) -> Path:
    """The folder of the finished search."""
    Path("table.py").write_text(TABLE)
    return checkpoint.parent


def test_table(run, searched):
    answer = run("trust", searched, "--table", "table.py:load", "--samples", 12)
    assert answer.status == 0
    assert answer.err.splitlines() == ["supernet accuracy of 12 architectures"]
    lines = answer.out.splitlines()
    assert lines[0].startswith("search:   darts on space.py:Tiny, digits, 1 epochs")
    assert lines[1] == "truth:    stub, digits: accuracy after 9 epochs, mean over seeds"
    names = ("supernet", "parameters", "multiply-adds", "depth", "one training by another")
    assert all(line.startswith(name) for line, name in zip(lines[5:10], names, strict=True))
    assert lines[9].split()[4:8] == ["1.00", "[1.00,", "1.00]", "1.00"]
    assert lines[11].startswith("found by the search: ")
    assert lines[12].startswith("verdict: the supernet ")
    assert lines[13].startswith(f"written: {searched / 'trust.json'}")
    assert json.loads((searched / "trust.json").read_text())["format"] == "nasbench-trust/1"


def test_multiply_adds_that_cannot_be_counted_rank_nothing(run, searched, monkeypatch):
    from nasbench.cost import counting

    monkeypatch.setattr(counting, "is_free", lambda func: "relu" not in func.name())
    answer = run("trust", searched, "--table", "table.py:load", "--samples", 12)
    assert answer.status == 0
    assert "left out: multiply-adds, because aten::relu cannot be counted" in answer.out
    assert not re.search("^multiply-adds", answer.out, re.MULTILINE)
    report = json.loads((searched / "trust.json").read_text())
    assert set(report["agreement"]) == {"supernet", "parameters", "depth", "two seeds"}
    assert {row["multiply-adds"] for row in report["architectures"]} == {None}


def test_picture(run, searched):
    pytest.importorskip("matplotlib")
    assert run("trust", searched, "--table", "table.py:load").status == 0
    assert "found by the search" in (searched / "trust.svg").read_text()


def test_training_as_json(run, searched):
    words = ("trust", searched, "--train", 10, "--epochs", 1, "--format", "json")
    found = run(*words).json
    assert len(found["architectures"]) == 10
    assert set(found["agreement"]) == {"supernet", "parameters", "multiply-adds", "depth"}
    assert run(*words).json == found


TABLED = ("--table", "table.py:load")
MISTAKES = [
    ((), "give the ground truth with --table NAME or --train K: neither is given"),
    (
        (*TABLED, "--train", 12),
        "with --table NAME or --train K: both are given",
    ),
    (("--train", 9), "--train 9: must be in [10, 5000]"),
    (("--train", 19), "--train 19: the space space.py:Tiny has 18 architectures"),
    (("--train", 9999), "--train 9999: must be in [10, 5000]"),
    (("--train", 12, "--epochs", 0), "--epochs 0: must be at least 1"),
    (("--train", 12, "--repeats", 0), "--repeats 0: must be at least 1"),
    (("--train", 12, "--samples", 19), "--samples 19: works with --table only"),
    (("--train", 12, "--dataset", "digits"), "--dataset digits: works with --table only"),
    ((*TABLED, "--epochs", 2), "--epochs 2: works with --train only"),
    ((*TABLED, "--repeats", 2), "--repeats 2: works with --train only"),
    ((*TABLED, "--samples", 1), "--samples 1: must be in [10, 5000]"),
    ((*TABLED, "--images", 0), "--images 0: must be at least 1"),
    ((*TABLED, "--dataset", "digit"), "unknown dataset of stub 'digit': did you mean digits?"),
    ((*TABLED, "--device", "tpu"), "--device tpu: allowed: auto, cpu, cuda, cuda:N"),
    (
        ("--table", "table.py:other"),
        "--table table.py:other: holds the architectures of NasBench201, but the run searched "
        "space.py:Tiny",
    ),
    (("--table", "nas-bench-21"), "did you mean nas-bench-201"),
]


@pytest.mark.parametrize(("words", "told"), MISTAKES)
def test_mistakes(run, searched, words, told):
    answer = run("trust", searched, *words)
    assert (answer.status, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert told in answer.err
    assert not (searched / "trust.json").exists()


def refused(run, folder, told):
    answer = run("trust", folder, "--train", 10)
    assert (answer.status, len(answer.err.splitlines())) == (2, 1)
    assert told in answer.err


def test_what_is_no_one_shot_search(run, searched):
    refused(run, "nowhere", "RUN nowhere is no run under results/runs; the latest: ")
    (retraining,) = Path("results/runs").glob("*-retrain-*")
    refused(run, retraining, "is a run of nasbench retrain: allowed: nasbench search")
    small = ("--limit-train", 200, "--epochs", 1, "--batch-size", 20, "--device", "cpu")
    assert run("search", "random", "--space", "space.py:Tiny", "--budget", 1, *small).status == 0
    (sampled,) = Path("results/runs").glob("*-search-random-*")
    refused(run, sampled, "the strategy random trains each architecture separately")


def test_a_damaged_run(run, searched):
    shutil.copy(searched / "state.pt", "kept.pt")
    (searched / "state.pt").write_bytes(b"no state")
    refused(run, searched, "cannot read the saved state")
    (searched / "state.pt").unlink()
    refused(run, searched, "no state.pt: the search must")
    shutil.copy("kept.pt", searched / "state.pt")
    info = json.loads((searched / "run.json").read_text())
    info["config"]["space_arguments"] = {"width": 5}
    (searched / "run.json").write_text(json.dumps(info))
    refused(run, searched, "state.pt does not fit the run's options")
