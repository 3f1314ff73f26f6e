"""Cross-validation: every fold once, no test set, and no work twice."""

from __future__ import annotations

import json
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from scipy import stats

from nasbench.catalog import fingerprint
from nasbench.config import RetrainConfig
from nasbench.data.split import stratified_folds
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.problem import load_space, load_task
from nasbench.errors import UserError
from nasbench.seeding import derive
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.records import read_records
from nasbench.store.runs import RunFolder
from nasbench.tasks.base import Task
from nasbench.training.stopping import Stopped, StopSignal
from retrain import folds
from retrain.folds import CrossValidated, run_folds
from retrain.train import Retraining, configure

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "my_space.py") + ":MySpace"
SMALL = {"limit_train": 120, "batch_size": 20, "epochs": 2, "device": "cpu", "folds": 3}


@pytest.fixture
def checkpoint() -> Checkpoint:
    load_space(EXAMPLE)  # named by the user, so that it may run
    return Checkpoint(
        space={"name": EXAMPLE, "arguments": {"width": 4}, "sha256": fingerprint(EXAMPLE)},
        arch={"first": "conv3x3", "second": "pool3x3", "shortcut": [1]},
        data={"channels": 1, "height": 8, "width": 8, "classes": 10},
        strategy={"name": "random", "options": {}},
        task="digits",
        seed=5,
        metrics={"val_accuracy": 0.5},
        run="the-search",
    )


@pytest.fixture
def config(checkpoint, tmp_path) -> RetrainConfig:
    return configure(checkpoint, {**SMALL, "out": tmp_path / "results"}, {}).config


@pytest.fixture(autouse=True)
def _sealed(monkeypatch) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("the test set was opened")

    monkeypatch.setattr(Task, "open_test", opened)


class Watch(NullCallback):
    """Counts steps and asks to stop after some of them."""

    def __init__(self, stop: StopSignal | None = None, at: int = 0) -> None:
        self.phases: list[str] = []
        self.steps, self.stop, self.at = 0, stop, at

    def phase(self, text: str) -> None:
        self.phases.append(text)

    def step(self, epoch: int, step: int, sums: object) -> None:
        self.steps += 1
        if self.stop is not None and self.steps == self.at:
            self.stop.requested = True


def run(checkpoint, config, watch=None, stop=None, resumed=None) -> CrossValidated:
    job = Retraining.of(checkpoint, config)
    return run_folds(job, watch or NullCallback(), stop or StopSignal(), resumed)


def results(done: CrossValidated) -> list[tuple]:
    return [(f.fold, f.seed, f.result, f.val_examples) for f in done.record.folds]


def test_the_record_holds_every_fold_and_what_they_say_together(checkpoint, config):
    watch = Watch()
    done = run(checkpoint, config, watch)
    record = json.loads(done.record_path.read_text())
    assert done.record_path == config.out / "folds" / f"{done.folder.name}.json"
    assert record["format"] == "nasbench-folds/1"
    values = [fold["result"] for fold in record["folds"]]
    assert [fold["fold"] for fold in record["folds"]] == [1, 2, 3]
    assert [fold["val_examples"] for fold in record["folds"]] == [40, 40, 40]
    assert len({fold["seed"] for fold in record["folds"]}) == 3
    assert record["mean"] == pytest.approx(statistics.fmean(values))
    assert record["interval"] == pytest.approx(
        stats.t.interval(0.95, 2, statistics.fmean(values), stats.sem(values))
    )
    assert (record["method"], record["task"], record["search_seed"]) == ("random", "digits", 5)
    assert record["retrain_config"]["folds"] == 3
    assert watch.phases == ["fold 1 of 3", "fold 2 of 3", "fold 3 of 3"]
    assert watch.steps == 3 * 2 * (80 // 20)
    epochs = done.folder.journal.epochs()
    assert [(e["fold"], e["epoch"]) for e in epochs] == [
        (fold, epoch) for fold in (1, 2, 3) for epoch in (1, 2)
    ]
    assert RunFolder(done.folder.path).status == "done"
    assert done.folder.journal.events("test opened") == []
    assert list(done.folder.path.glob("*.pt")) == []
    assert read_records(config.out) == ([], [])  # it is none of the leaderboard's


def test_each_fold_trains_on_the_other_images(checkpoint, config, monkeypatch):
    seen, make = [], folds.make_unit

    def remembered(found, task, train, held_out, *rest):
        seen.append((train, held_out))
        return make(found, task, train, held_out, *rest)

    monkeypatch.setattr(folds, "make_unit", remembered)
    run(checkpoint, config)
    task = load_task(config, "digits")
    parts = stratified_folds(task.train.labels, 3, derive(config.seed, "folds"))
    for part, (train, held_out) in zip(parts, seen, strict=True):
        left_out = set(part.tolist())
        rest = [row for row in range(len(task.train)) if row not in left_out]
        assert torch.equal(train.images, task.train.images[rest])
        assert held_out is None  # nothing of the training may look at the fold


@pytest.mark.parametrize(
    "at", [3, 11, 24] + [pytest.param(at, marks=pytest.mark.slow) for at in (8, 17)]
)
def test_a_stopped_run_goes_on_and_trains_no_finished_fold_again(checkpoint, config, at, tmp_path):
    """A fold has 8 steps."""
    whole = run(checkpoint, replace(config, out=tmp_path / "whole"))
    stop = StopSignal()
    with pytest.raises(Stopped) as stopped:
        run(checkpoint, config, Watch(stop, at), stop)
    folder = RunFolder(Path(stopped.value.run))
    assert folder.status == "stopped"
    watch = Watch()
    done = run(checkpoint, config, watch, resumed=folder)
    assert results(done) == results(whole)
    assert (done.record.mean, done.record.interval) == (whole.record.mean, whole.record.interval)
    assert watch.steps == 24 - at
    assert len(folder.journal.events("fold")) == 3


def test_a_kill_while_a_fold_is_written_down(checkpoint, config, tmp_path, monkeypatch):
    """Its state is gone by then, so that no other fold goes on from it."""
    whole = run(checkpoint, replace(config, out=tmp_path / "whole"))

    class Killed(BaseException):
        pass

    def killed(*_: object, **fields: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(folds, "asdict", killed)
        with pytest.raises(Killed):
            run(checkpoint, config)
    (folder,) = (RunFolder(path) for path in (config.out / "runs").iterdir())
    done = run(checkpoint, config, resumed=folder)
    assert results(done) == results(whole)


def test_the_seed_decides_on_split_and_trainings(checkpoint, config, tmp_path):
    one, two = (run(checkpoint, replace(config, out=tmp_path / name)) for name in "ab")
    other = run(checkpoint, replace(config, seed=1))
    assert results(one) == results(two)
    assert {f.seed for f in one.record.folds}.isdisjoint(f.seed for f in other.record.folds)


@pytest.mark.parametrize("count", [20, 500])
def test_more_folds_than_the_smallest_class_has_images(checkpoint, config, count):
    labels = load_task(config, "digits").train.labels
    smallest = min(labels.bincount().tolist())
    line = f"--folds {count}: must be from 2 to {smallest}, the images of the smallest class"
    with pytest.raises(UserError, match=line):
        run(checkpoint, replace(config, folds=count))
    assert not config.out.exists()


def test_folds_and_another_held_out_part_exclude_each_other():
    with pytest.raises(UserError, match=r"^--folds 3: .*: leave out --val-fraction$"):
        RetrainConfig(folds=3, val_fraction=0.1)
    with pytest.raises(UserError, match=r"^--folds 1: must be at least 2$"):
        RetrainConfig(folds=1)
