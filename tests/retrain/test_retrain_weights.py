"""``--weights``: a retraining that starts from a trained network."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from nasbench.config import TrainingConfig
from nasbench.data import watching
from nasbench.engine import start
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.problem import load_task
from nasbench.errors import UserError
from nasbench.report.leaderboard import build
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.training.stopping import Stopped, StopSignal
from retrain.folds import run as run_any
from retrain.train import Retraining, configure, run_retrain

TASK = """
from dataclasses import replace
import numpy as np
from nasbench.tasks.base import Task

def task(name, classes, names=()):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8), np.arange(60) % classes
    made = Task.from_arrays(name, (x[:40], y[:40]), (x[40:], y[40:]))
    return replace(made, class_names=names)

def two(data_dir=None):
    return task("two", 2, ("cat", "dog"))

def three(data_dir=None):
    return task("three", 3)

def others(data_dir=None):
    return task("others", 2, ("car", "train"))

def unnamed(data_dir=None):
    return task("unnamed", 2)
"""
STILL = {"lr": 1e-30, "weight_decay": 0.0, "momentum": 0.0}


class Lines(watching.Watcher):
    """Keeps the lines."""

    def __init__(self):
        self.lines = []

    def line(self, text):
        self.lines.append(text)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(TASK)
    return tmp_path


def job(task="two", **options):
    spec = load_task(TrainingConfig(), "mine.py:two").spec
    checkpoint = Checkpoint(
        space={"name": "small-cnn", "arguments": {"width": 2, "hidden_size": 4}},
        arch={},
        data=spec.to_json(),
        strategy={"name": "by hand", "options": {}},
        task="mine.py:two",
        seed=0,
        kind="plain",
    )
    given = {"task": f"mine.py:{task}", "device": "cpu", "epochs": 1, "batch_size": 20}
    return configure(checkpoint, {**given, **options}, {})


def train(*args, stop=None, resumed=None, **options):
    return run_retrain(job(*args, **options), NullCallback(), stop or StopSignal(), resumed)


@pytest.fixture
def trained(place):
    """A finished retraining on two classes."""
    return train()


def tensors(run):
    return load_file(run.folder.path / "model.safetensors")


def parameters(found):
    """Those that an optimizer changes: all but the statistics of BN."""
    return {n: value for n, value in found.items() if n.endswith(("weight", "bias"))}


def test_everything_is_taken_over(trained):
    seen = Lines()
    with watching.by(seen):
        again = train(weights=trained.folder.path, seed=5, **STILL)
    ours, theirs = tensors(again), tensors(trained)
    assert ours.keys() == theirs.keys()
    for name in parameters(ours):
        assert torch.equal(ours[name], theirs[name]), name
    kept = load_file(again.folder.path / start.COPY)
    assert {name for name in kept if torch.equal(kept[name], theirs[name])} == set(theirs)
    assert seen.lines == [f"weights of {trained.folder.name}: {len(theirs)} tensors taken"]
    notes = [event["text"] for event in again.folder.journal.events("note")]
    assert seen.lines[0] in notes


@pytest.mark.parametrize(
    ("task", "known", "reason"),
    [
        ("three", True, "the head of other classes, starts anew"),
        ("three", False, "float32 (2, 4) there, float32 (3, 4) here, starts anew"),
        ("others", True, "the head of other classes, starts anew"),
        ("unnamed", True, "the head of other classes, starts anew"),
    ],
)
def test_the_head_of_other_classes_starts_anew(trained, task, known, reason):
    seen, source = Lines(), trained.folder.path
    if not known:  # what the classes were
        source = Path(shutil.copy(source / "model.safetensors", "bare.safetensors"))
    with watching.by(seen):
        other = train(task, weights=source, **STILL)
    ours, theirs = parameters(tensors(other)), parameters(tensors(trained))
    head = [n for n in ours if not torch.equal(ours[n], theirs[n])]
    assert len(head) == 2
    assert len({name.rpartition(".")[0] for name in head}) == 1
    taken = len(tensors(trained)) - 2
    assert seen.lines[0] == f"weights of {source.name}: {taken} tensors taken"
    assert len(seen.lines) == 3
    weight = next(name for name in head if name.endswith("weight"))
    assert f"{weight}: {reason}" in seen.lines
    scratch = tensors(train(task, **STILL))
    assert torch.equal(ours[weight], scratch[weight])  # drawn with the run's seed


def test_a_network_of_other_classes_is_opened_again(trained):
    from nasbench.engine.checkpoints import open_network

    other = train("three", weights=trained.folder.path)
    found = open_network(str(other.folder.path))
    assert (found.spec.outputs, found.about.task) == (3, "three")
    found.network()


def test_rows_never_mix_with_those_from_scratch(trained, place):
    path = trained.folder.path
    runs = [train(weights=path, seed=seed).record for seed in (1, 2)]
    copied = Path(shutil.copytree(path, place / "elsewhere"))
    runs.append(train(weights=copied, seed=3).record)
    runs.append(train(weights=copied / "model.safetensors", seed=4).record)
    other = train(seed=7)
    runs += [trained.record, other.record, train(weights=other.folder.path, seed=1).record]
    rows = build(runs, [], None).rows
    assert sorted(row.runs for row in rows) == [1, 2, 4]
    assert len({row.name for row in rows}) == 3
    digests = {record.retrain_config.get("weights") for record in runs}
    assert len(digests) == 3
    assert str(place) not in json.dumps(runs[0].retrain_config)
    assert runs[0].provenance["weights"] == runs[0].retrain_config["weights"]
    assert runs[0].provenance["weights_of"] == trained.folder.name


class StopsAfter(NullCallback):
    """Asks to stop after an epoch."""

    def __init__(self, stop):
        self.stop = stop

    def epoch(self, metrics):
        self.stop.requested = True


def test_a_stopped_run_goes_on_without_its_source(trained):
    options = {"weights": trained.folder.path, "epochs": 3, "seed": 3}
    whole = train(**options)
    stop = StopSignal()
    with pytest.raises(Stopped) as stopped:
        run_retrain(job(**options), StopsAfter(stop), stop)
    shutil.rmtree(trained.folder.path)
    folder = RunFolder(Path(stopped.value.run))
    again = run_retrain(job_of(folder), NullCallback(), StopSignal(), folder)
    assert all(torch.equal(value, tensors(again)[n]) for n, value in tensors(whole).items())
    assert again.record.retrain_config == whole.record.retrain_config


def job_of(folder):
    from nasbench.engine.checkpoints import options_of

    return Retraining.of(Checkpoint.read(folder.path), options_of(folder))


def test_a_copy_that_was_changed_is_not_trained(trained):
    run = train(weights=trained.folder.path, epochs=1)
    path = run.folder.path / start.COPY
    found = load_file(path)
    name = next(iter(parameters(found)))
    save_file({**found, name: found[name] + 1}, path)
    with pytest.raises(UserError, match="the run began with other weights"):
        run_retrain(job_of(run.folder), NullCallback(), StopSignal(), RunFolder(run.folder.path))


def test_every_fold_starts_from_them(trained):
    done = run_any(job(weights=trained.folder.path, folds=2), NullCallback(), StopSignal())
    assert done.record.retrain_config["weights"] == done.record.provenance["weights"]
    assert (done.folder.path / start.COPY).exists()


def test_mistakes(trained, place):
    model = trained.folder.path / "model.safetensors"
    found = load_file(model)
    with pytest.raises(UserError, match="--weights gone is no run under"):
        job(weights="gone")
    with pytest.raises(UserError, match=r"cannot read the weights .*gone\.safetensors"):
        train(weights="gone.safetensors")
    torch.save(found, place / "model.pt")
    with pytest.raises(UserError, match=r"model\.pt: must be a \.safetensors file or the folder"):
        train(weights="model.pt")
    (place / "cut.safetensors").write_bytes(model.read_bytes()[:100])
    with pytest.raises(UserError, match="cannot read the weights"):
        train(weights="cut.safetensors")
    save_file({"other": torch.zeros(1)}, place / "none.safetensors")
    with pytest.raises(UserError, match=r"nothing fits the network: \S+: not in none\.safeten"):
        train(weights="none.safetensors")
    name = next(iter(parameters(found)))
    save_file({**found, name: found[name] * float("nan")}, place / "nan.safetensors")
    with pytest.raises(UserError, match=f"{name} holds a value that is no finite number"):
        train(weights="nan.safetensors")
    model.unlink()
    with pytest.raises(UserError, match=r"has no model\.safetensors: name a finished retraining"):
        train(weights=trained.folder.path)


def test_half_precision_and_unknown_tensors(trained, place):
    found = load_file(trained.folder.path / "model.safetensors")
    half = {n: v.half() if v.is_floating_point() else v for n, v in found.items()}
    save_file({**half, "more": torch.zeros(2)}, place / "half.safetensors")
    seen = Lines()
    with watching.by(seen):
        again = train(weights="half.safetensors", **STILL)
    assert seen.lines[1:] == ["more: is in half.safetensors alone, not taken"]
    ours = parameters(tensors(again))
    assert all(torch.equal(value, half[name].float()) for name, value in ours.items())


def test_the_shape_of_an_example_stays_that_of_the_search(place):
    checkpoint = replace(
        job().checkpoint, data={"channels": 1, "height": 9, "width": 8, "classes": 2}
    )
    with pytest.raises(UserError, match="the checkpoint was searched on data of"):
        configure(checkpoint, {"task": "mine.py:two"}, {}).open()


def test_the_fingerprint_follows_names_and_values():
    one = {"a": torch.zeros(2), "b": torch.ones((), dtype=torch.int64)}
    same = start.Start(dict(reversed(one.items())), "x")
    assert start.Start(one, "y").fingerprint == same.fingerprint
    for change in (
        {"a": torch.zeros(1, 2)},
        {"a": torch.zeros(2, dtype=torch.float64)},
        {"a": torch.tensor([0.0, 1e-30])},
        {"c": torch.zeros(2)},
    ):
        assert start.Start({**one, **change}, "y").fingerprint != same.fingerprint
