"""Options that change the course of a run, each through the whole pipeline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench.cli import main
from nasbench.store.journal import Journal

SPACE = str(Path(__file__).parents[2] / "examples" / "my_space.py") + ":MySpace"
SMALL = ["--limit-train", "200", "--batch-size", "20", "--space", SPACE]


@pytest.fixture
def nasbench(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def call(*words):
        status = main([*words, "--json"])
        captured = capsys.readouterr()
        assert status == 0, captured.err
        return json.loads(captured.out)

    return call


def losses(run):
    return [e["loss"] for e in Journal(Path("results/runs") / run / "journal.jsonl").epochs()]


def test_the_order_of_the_gradient_changes_the_architecture_weights(nasbench):
    words = ["search", "darts", *SMALL, "--epochs", "2", "-o", "arch_lr=0.1"]
    found = [nasbench(*words, "-o", f"order={order}") for order in (1, 2)]
    weights = [
        Journal(Path("results/runs") / f["run"] / "journal.jsonl").epochs()[-1]["weights"]
        for f in found
    ]
    assert weights[0].keys() == weights[1].keys() == {"first", "second", "shortcut"}
    assert weights[0] != weights[1]
    assert all(sum(w) == pytest.approx(1.0) for both in weights for w in both.values())


def test_the_journal_names_the_candidates_and_tells_the_architecture_of_every_epoch(nasbench):
    """What would be found if the search ended there: the strongest of each decision's weights."""
    found = nasbench("search", "darts", *SMALL, "--epochs", "3", "-o", "arch_lr=0.1")
    journal = Journal(Path("results/runs") / found["run"] / "journal.jsonl")
    (decisions,) = journal.events("decisions")
    names = decisions["candidates"]
    assert names["first"] == ["conv3x3", "conv5x5", "pool3x3"]
    for epoch in journal.epochs():
        for label in ("first", "second"):
            weights = epoch["weights"][label]
            assert epoch["arch"][label] == names[label][weights.index(max(weights))]
    checkpoint = json.loads(Path(found["checkpoint"]).read_text())
    assert journal.epochs()[-1]["arch"] == checkpoint["arch"]


def test_a_search_that_learns_no_weights_tells_no_architecture_before_its_end(nasbench):
    found = nasbench("search", "spos", *SMALL, "--epochs", "1", "-o", "candidates=4")
    journal = Journal(Path("results/runs") / found["run"] / "journal.jsonl")
    assert ["arch" in epoch for epoch in journal.epochs()] == [False]


def test_bf16_trains_and_differs_from_fp32(nasbench):
    words = ["search", "darts", *SMALL, "--epochs", "2"]
    full, half = (nasbench(*words, "--precision", p) for p in ("fp32", "bf16"))
    assert losses(half["run"]) != losses(full["run"])
    assert losses(half["run"])[-1] < losses(half["run"])[0]
    record = nasbench(
        "retrain", half["checkpoint"], *SMALL, "--epochs", "1", "--precision", "bf16"
    )
    assert record["retrain_config"]["precision"] == "bf16"


def test_a_retraining_with_patience_ends_early_and_keeps_its_best_epoch(nasbench):
    found = nasbench("search", "random", *SMALL, "--epochs", "1", "--budget", "1")
    words = ["--epochs", "60", "--val-fraction", "0.3", "--patience", "2", "--ema", "0.5"]
    record = nasbench("retrain", found["checkpoint"], *SMALL, *words)
    epochs = Journal(Path("results/runs") / record["run"] / "journal.jsonl").epochs()
    values = [e["val_accuracy"] for e in epochs]
    assert len(values) < 60
    assert len(values) - 1 - values.index(max(values)) == 2
    assert record["test_accuracy"] > 0.3  # chance is 0.1


def test_random_search_keeps_the_best_of_its_trials(nasbench):
    found = nasbench("search", "random", *SMALL, "--epochs", "2", "--budget", "3")
    journal = Journal(Path("results/runs") / found["run"] / "journal.jsonl")
    trials = journal.events("trial")
    assert len({t["arch_id"] for t in trials}) == 3
    best = max(trials, key=lambda t: t["score"])
    assert (found["arch_id"], found["metrics"]["val_accuracy"]) == (best["arch_id"], best["score"])
    assert found["device_seconds"] == pytest.approx(sum(t["seconds"] for t in trials))


def test_the_search_leaves_the_test_set_sealed(nasbench, monkeypatch):
    from nasbench.tasks.base import Task

    def opened(self, on_open):
        raise AssertionError("a search opened the test set")

    monkeypatch.setattr(Task, "open_test", opened)
    for strategy in ("darts", "random"):
        nasbench("search", strategy, *SMALL, "--epochs", "1")


VIEW = """
from torch import nn
from nasbench.space import LayerChoice, SearchSpace


class Viewing(SearchSpace):
    def __init__(self, spec):
        super().__init__(spec)
        convs = {
            "k1": lambda: nn.Conv2d(spec.channels, 4, 1),
            "k3": lambda: nn.Conv2d(spec.channels, 4, 3, padding=1),
        }
        self.conv = LayerChoice(convs, label="conv")
        self.head = nn.Linear(4 * spec.height * spec.width, spec.classes)

    def forward(self, x):
        x = self.conv(x)
        return self.head(x.view(x.size(0), -1))
"""


def test_a_space_may_view_its_feature_maps(nasbench):
    Path("viewing.py").write_text(VIEW)
    words = ["--limit-train", "100", "--batch-size", "20", "--epochs", "1"]
    found = nasbench("search", "darts", "--space", "viewing.py:Viewing", *words)
    assert nasbench("retrain", found["checkpoint"], *words)["params"] > 0


def test_a_task_of_ones_own_needs_no_limit(nasbench):
    Path("mine.py").write_text("from nasbench.tasks.digits import load_digits as load\n")
    words = ["--space", SPACE, "--epochs", "1", "--task", "mine.py:load"]
    assert nasbench("search", "darts", *words)["metrics"]["epoch"] == 1


def test_a_record_carries_its_evidence(nasbench):
    found = nasbench("search", "random", *SMALL, "--epochs", "1", "--budget", "1")
    record = nasbench("retrain", found["checkpoint"], *SMALL, "--epochs", "1")
    assert record["arch"] == found["arch"]
    for name in ("search_provenance", "provenance"):
        assert record[name]["versions"]["torch"]
        assert record[name]["cpu"]


def test_a_signal_between_two_seeds_ends_the_command(tmp_path, monkeypatch, capsys):
    import os
    import signal

    from nasbench.store.weights import save_weights
    from retrain import final

    monkeypatch.chdir(tmp_path)
    words = ["search", "random", *SMALL, "--epochs", "1", "--budget", "1", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)

    def interrupted(network, folder):
        save_weights(network, folder)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(final, "save_weights", interrupted)
    status = main(["retrain", found["checkpoint"], *SMALL, "--epochs", "1", "--seeds", "3"])
    assert status == 130
    assert "seeds 1 to 2 did not run: --seed 1 --seeds 2" in capsys.readouterr().err
    assert len(list(Path("results/records").iterdir())) == 1


def test_a_continued_run_stays_where_it_is_and_keeps_its_first_provenance(
    tmp_path, monkeypatch, capsys
):
    from nasbench.training.loop import Loop

    monkeypatch.chdir(tmp_path)
    words = ["search", "random", *SMALL, "--epochs", "2", "--budget", "1", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    epoch = Loop._epoch

    def stops(self):
        epoch(self)
        self.stop.requested = True

    monkeypatch.setattr(Loop, "_epoch", stops)
    retrain = ["retrain", found["checkpoint"], *SMALL, "--epochs", "3"]
    assert main(retrain) == 130
    monkeypatch.undo()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (run,) = (tmp_path / "results/runs").glob("*-retrain-*")
    first = json.loads((run / "run.json").read_text())["provenance"]
    assert main(["retrain", "--resume", str(run)]) == 0
    (record,) = (tmp_path / "results/records").iterdir()
    provenance = json.loads(record.read_text())["provenance"]
    assert provenance["started"] == first["started"]
    assert len(provenance["continued"]) == 1
