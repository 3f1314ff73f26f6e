"""Signals, tokens and vectors of features, through every command that takes a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from shape_parts import (
    PlainVectors,
    Signals,
    Tokens,
    Vectors,
    load_signals,
    load_tokens,
    load_vectors,
)

from nasbench.catalog import PROXIES, SPACES
from nasbench.engine.problem import describe, load_space
from nasbench.errors import UserError
from nasbench.interop import zoo
from nasbench.space import DataSpec
from nasbench.testing.spaces import SpaceSuite
from nasbench.testing.tasks import TaskSuite

EXAMPLE = Path(__file__).parents[2] / "examples" / "signals.py"
SIGNALS = ("--space", f"{EXAMPLE}:Signals", "--task", f"{EXAMPLE}:load")
TOKENS = ("--space", "shape_parts:Tokens", "--task", "shape_parts:load_tokens")
VECTORS = ("--space", "shape_parts:Vectors", "--task", "shape_parts:load_vectors")
KINDS = {"signals": SIGNALS, "tokens": TOKENS, "vectors": VECTORS}
SHORT = ("--epochs", "1", "--device", "cpu", "--json")


class TestSignals(SpaceSuite):
    space = Signals
    specs = (DataSpec(2, 32, 4), DataSpec(1, 50, 3))
    size = 4**4


class TestTokens(SpaceSuite):
    space = Tokens
    specs = (DataSpec(12, 3, vocabulary=20), DataSpec(5, 2, vocabulary=3))
    size = 8


class TestVectors(SpaceSuite):
    space = Vectors
    specs = (DataSpec(6, 2), DataSpec(1, 1))
    size = 4


class TestPlainVectors(SpaceSuite):
    space = PlainVectors
    specs = (DataSpec(6, 2),)


class TestSignalsTask(TaskSuite):
    load = staticmethod(load_signals)
    bundled = True


class TestTokensTask(TaskSuite):
    load = staticmethod(load_tokens)
    bundled = True


class TestVectorsTask(TaskSuite):
    load = staticmethod(load_vectors)
    bundled = True


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("place", "graphs")
def test_a_search_and_what_follows_it(kind, run):
    found = run("search", "darts", *KINDS[kind], *SHORT)
    assert found.status == 0, found.err
    folder = Path("results/runs") / found.json["run"]
    spec = DataSpec.from_json(json.loads((folder / "checkpoint.json").read_text())["data"])
    assert len(spec.shape) == {"signals": 2, "tokens": 1, "vectors": 1}[kind]
    assert run("show", folder).status == 0
    retrained = run("retrain", folder, *SHORT)
    assert retrained.status == 0, retrained.err
    (trained,) = Path("results/runs").glob("*-retrain-*")
    notes = (trained / "journal.jsonl").read_text()
    assert "no graph for TensorBoard" not in notes
    record = json.loads(next(Path("results/records").glob("*.json")).read_text())
    assert record["macs"] > 0
    assert record["latency_ms"] > 0
    assert run("leaderboard").status == 0
    profiled = run("profile", trained, "--runs", "1", "--json").json
    assert profiled["input"] == list(spec.shape)
    assert profiled["batches"][0]["peak_bytes"] > 0
    scored = run("proxies", folder, "--format", "json").json
    (row,) = scored["architectures"]
    assert set(row["scores"]) == set(PROXIES)
    undefined = {name for name, score in row["scores"].items() if score is None}
    assert not undefined


# Each target for whole numbers, and for one of the kinds that hold fractions.
EXPORTS = [
    *(("tokens", target) for target in ("py", "onnx", "torchscript", "pt2")),
    *(("signals", "py"), ("vectors", "onnx"), ("signals", "torchscript"), ("vectors", "pt2")),
]


@pytest.mark.parametrize(
    ("kind", "target"),
    [EXPORTS[0], *(pytest.param(*one, marks=pytest.mark.slow) for one in EXPORTS[1:])],
)
@pytest.mark.usefixtures("place")
def test_an_export_computes_the_same(kind, target, run):
    if target == "onnx":
        pytest.importorskip("onnxruntime")
    found = run("search", "random", *KINDS[kind], *SHORT, "--budget", "1")
    assert found.status == 0, found.err
    fold = ("--fold-bn",) if target == "py" else ()
    answer = run("export", found.json["checkpoint"], "--to", target, "--out", "made", *fold)
    assert answer.status == 0, answer.err
    assert "checked: the outputs" in answer.out


@pytest.mark.usefixtures("place")
def test_a_tuning_of_a_network_of_ones_own(run):
    words = ("--task", "shape_parts:load_vectors", "--budget", "2", *SHORT)
    tuned = run("hpo", "shape_parts:PlainVectors", "--tuner", "random", *words)
    assert tuned.status == 0, tuned.err
    assert tuned.json["trials"] == 2
    assert run("retrain", tuned.json["checkpoint"], *SHORT).status == 0


@pytest.mark.usefixtures("place")
def test_limits_folds_and_trust(run):
    limits = ("--max-params", "6000", "--max-macs", "1000000", "--max-latency", "1000")
    words = (*SIGNALS, *SHORT, *limits, "--limit-train", "100")
    found = run("search", "darts", *words)
    assert found.status == 0, found.err
    folder = Path("results/runs") / found.json["run"]
    folds = run("retrain", folder, *SHORT, "--folds", "2")
    assert folds.status == 0, folds.err
    trusted = run("trust", folder, "--train", "10", "--epochs", "1", "--format", "json")
    assert trusted.status == 0, trusted.err
    assert trusted.json["architectures"][0]["depth"] >= 1


@pytest.mark.parametrize("space", sorted(SPACES))
def test_spaces_for_images_refuse_other_shapes(space):
    own = {"genotype": zoo.published("GDAS_V1").genotype} if space == "darts-cells" else {}
    for spec in (DataSpec(9, 128, 6), DataSpec(20, 2), DataSpec(3, 8, 8, 2, vocabulary=5)):
        with pytest.raises(UserError, match="needs images") as error:
            describe(load_space(space), spec, own)
        assert str(spec.shape) in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.usefixtures("place")
def test_image_options_refuse_other_shapes(run, refused):
    line = refused("search", "darts", "--task", f"{EXAMPLE}:load", *SHORT)
    assert line.startswith("space Darts: needs images (channels, height, width), but an example")
    found = run("search", "random", *VECTORS, *SHORT, "--budget", "1").json["checkpoint"]
    line = refused("retrain", found, *SHORT, "--cutout", "4")
    assert line == "--cutout 4: is for images, and an example has the shape (6,)"


def test_tokens_out_of_range_are_refused():
    from nasbench.tasks.base import Task

    tokens, labels = torch.tensor([[0, 1], [2, 5]]), torch.tensor([0, 1])
    with pytest.raises(ValueError, match="tokens from 0 to 5: must be from 0 to 4"):
        Task.from_arrays("mine", (tokens, labels), (tokens, labels), vocabulary=5)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["evolution", "spos"])
@pytest.mark.usefixtures("place")
def test_sampled_strategies_and_single_paths_search_signals(strategy, run):
    words = ("--budget", "2") if strategy == "evolution" else ()
    found = run("search", strategy, *SIGNALS, *SHORT, *words)
    assert found.status == 0, found.err
    assert len(found.json["arch"]) == 4


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.usefixtures("place")
def test_signals_are_learned_with_the_default_options(run):
    """Which strategy found a network makes no difference to its retraining."""
    found = run("search", "darts", *SIGNALS, "--device", "cpu", "--json")
    assert found.status == 0, found.err
    answer = run("retrain", found.json["checkpoint"], "--device", "cpu", "--json")
    assert answer.status == 0, answer.err
    record = json.loads(next(Path("results/records").glob("*.json")).read_text())
    assert record["test_accuracy"] > 0.97
