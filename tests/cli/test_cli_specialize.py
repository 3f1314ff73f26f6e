"""``nasbench specialize``: what it prints, what takes its networks, and a user's mistakes."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

import nasbench as nb
from nasbench.cli.options import milliseconds

FEW = ("--candidates", "6", "--population", "4", "--count", "2", "--device", "cpu")


@pytest.fixture
def searched(checkpoint) -> Path:
    """The folder of the finished search."""
    return checkpoint.parent


def specialized() -> Path:
    return next(Path("results/runs").glob("*-specialize-*"))


def test_a_table_and_the_next_commands(run, searched):
    answer = run("specialize", searched, "--max-latency", "1000ms", *FEW)
    assert answer.status == 0
    folder = specialized()
    lines = answer.out.splitlines()
    assert lines[1:4] == [
        "6 architectures evaluated with the supernet's weights",
        "on 100 images of the validation half",
        lines[3],
    ]
    assert lines[3].endswith(" on the Pareto front of accuracy, latency_ms")
    assert lines[5].split("  ") == [
        *("network", "accuracy, %", "parameters", "multiply-adds", "latency, ms"),
    ]
    assert all(len(line) <= 80 for line in lines if not line.startswith(("next:", "written:")))
    networks = sorted(path.parent.name for path in folder.glob("*/model.safetensors"))
    assert [line.split()[0] for line in lines[6 : 6 + len(networks)]] == networks
    (retrain, export) = [line.removeprefix("next:").split() for line in lines if "next:" in line]
    small = ("--limit-train", "100", "--batch-size", "20", "--epochs", "1", "--device", "cpu")
    assert run(*retrain[1:], *small).status == 0
    assert export[:2] == ["nasbench", "export"]
    assert Path(export[2]).is_dir()


@pytest.mark.slow
def test_the_export_that_it_names(run, searched):
    answer = run("specialize", searched, *FEW)
    (_, export) = [line for line in answer.out.splitlines() if "next:" in line]
    words = export.removeprefix("next:").split()
    assert "checked: the outputs of network.onnx" in run(*words[1:]).out


def test_json_predict_and_show(run, searched):
    answer = run("specialize", "last", "--objectives", "accuracy,params,latency", *FEW, "--json")
    found = answer.json
    assert found["objectives"] == ["accuracy", "params", "latency_ms"]
    assert found["evaluations"] == 6
    # How many are on the front depends on measured latencies; one of all six may be alone there.
    assert 1 <= len(found["networks"]) == min(2, len(found["front"]))
    np.save("x.npy", np.zeros((2, 1, 8, 8), np.uint8))
    for name in (found["run"], found["networks"][0]["folder"], "last"):
        predicted = run("predict", name, "x.npy", "--json").json
        assert len(predicted["predictions"]) == 2
    shown = run("show", "last", "--format", "svg").out
    assert "search val accuracy: " in shown
    (row,) = [r for r in run("runs", "--json").json if r["verb"] == "specialize"]
    assert (row["method"], row["state"], row["on"]) == ("specialize darts", "done", "val")


def test_from_python(searched):
    found = nb.specialize(
        nb.load(searched), max_params=10**6, candidates=4, count=2, quiet=True, device="cpu"
    )
    assert [type(one) for one in found.networks] == [type(found)] * len(found.networks)
    assert nb.load(found.folder).metrics == found.metrics
    assert found.metrics["val_accuracy"] == max(n.metrics["val_accuracy"] for n in found.networks)
    assert found.networks[0].networks == []
    assert len(found.front) >= len(found.networks)
    assert found.networks[0].weights.name == "model.safetensors"
    trained = found.networks[0].retrain(epochs=1, limit_train=100, device="cpu", quiet=True)
    assert trained.folder.parent == searched.parent
    assert (trained.folder / "initial.safetensors").exists()
    anew = found.retrain(weights=None, epochs=1, limit_train=100, device="cpu", quiet=True)
    assert not (anew.folder / "initial.safetensors").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--max-params", "1"), "--max-params 1: no architecture of this space is within this "),
        (("--objectives", "accuracy,size"), "unknown --objectives 'size': allowed: accuracy, bal"),
        (("--objectives", "macs"), "--objectives macs: names no metric: add one of accuracy, "),
        (("--count", "0"), "--count 0: must be at least 1"),
        (
            ("--max-latency", "fast"),
            "Invalid value for '--max-latency': 'fast' is not a valid time, such",
        ),
        (("--max-latency", "0ms"), "--max-latency 0.0: must be above 0"),
    ],
)
def test_mistakes(refused, searched, words, line):
    assert refused("specialize", searched, *words, *FEW[6:]).startswith(line)


def test_what_is_no_finished_one_shot_search(run, refused, place, tiny, finished):
    assert refused("specialize") == "which RUN? nasbench search spos makes one"
    retrained = next(Path("results/runs").glob("*-retrain-*"))
    assert "is a run of nasbench retrain: allowed: nasbench search" in refused(
        "specialize", retrained
    )
    sampled = run("search", "random", *tiny, "--budget", 1, "--json").json["run"]
    assert "the strategy random trains each architecture separately" in refused(
        "specialize", sampled
    )
    searched = next(Path("results/runs").glob("*-search-darts-*"))
    for path in searched.glob("state*.pt"):
        path.unlink()
    assert "no state.pt: the search must have saved its supernet" in refused(
        "specialize", searched
    )


def test_a_name_without_the_folder_and_out(run, searched):
    answer = run("specialize", searched.name, *FEW, "--candidates", "2", "--out", "results")
    assert answer.status == 0
    (line, _) = [line for line in answer.out.splitlines() if line.startswith("next:")]
    words = shlex.split(line.removeprefix("next:"))
    assert words[:2] == ["nasbench", "retrain"]
    assert Path(words[2]).is_dir()
    info = json.loads((specialized() / "run.json").read_text())
    assert (info["verb"], info["status"], info["name"]) == ("specialize", "done", "darts")


def test_milliseconds():
    assert milliseconds("5ms") == milliseconds("5") == milliseconds("5 ms") == 5.0
