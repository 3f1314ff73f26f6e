"""A search whose memory is not enough for its batches; the memory is made up."""

from __future__ import annotations

import json

import pytest
import torch
from engine_parts import TINY

from nasbench.config import SearchConfig
from nasbench.engine.auto_batch import largest_that_fits
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.search import Search, configure, run_search
from nasbench.errors import UserError
from nasbench.faults import is_out_of_memory
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.strategies.oneshot.spos import SposStrategy
from nasbench.training.stopping import StopSignal
from retrain.train import configure as retrain_options
from retrain.train import run_retrain

GIVEN = {"strategy": "spos", "space": TINY, "limit_train": 120, "epochs": 2, "batch_size": 40}
FEW = {"candidates": 3, "population": 2, "calibration": 1}


@pytest.fixture
def memory(monkeypatch):
    """Let a step have memory for so many images, and return the batches that were tried."""

    def limit(most, first_step=0):
        step, tried = SposStrategy.step, []

        def limited(self, train, validation):
            tried.append(len(train[0]))
            if len(train[0]) > most and self.number >= first_step:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return step(self, train, validation)

        monkeypatch.setattr(SposStrategy, "step", limited)
        return tried

    return limit


class Heard(NullCallback):
    """Remembers the parts of the run that it is told of."""

    def __init__(self):
        self.phases = []

    def phase(self, text):
        self.phases.append(text)


def search(out, **more):
    return run_search(configure({**GIVEN, "out": out, **more}, FEW), NullCallback(), StopSignal())


def test_without_the_option_the_batch_that_fits_is_told(memory, tmp_path):
    tried = memory(most=15)
    with pytest.raises(UserError) as told:
        search(tmp_path)
    assert str(told.value) == (
        "--batch-size 40: out of memory on cpu; a step of 10 images fits: "
        "choose --auto-batch or --batch-size 10"
    )
    assert tried == [40, 20, 10]


def test_with_the_option_it_is_the_search_with_that_batch(memory, tmp_path):
    plain = search(tmp_path / "plain", batch_size=10)
    memory(most=15)
    found = search(tmp_path / "auto", auto_batch=True)
    assert found.outcome.arch == plain.outcome.arch
    assert found.outcome.metrics == plain.outcome.metrics
    assert Checkpoint.read(found.checkpoint).search == Checkpoint.read(plain.checkpoint).search
    told = json.loads((found.folder.path / "run.json").read_text())
    assert told["config"]["batch_size"] == 10


@pytest.mark.slow
def test_nothing_fits(memory, tmp_path):
    memory(most=0)
    with pytest.raises(UserError, match="no smaller batch fits: choose a smaller network"):
        search(tmp_path, auto_batch=True)


def test_a_search_that_has_begun_keeps_its_batches(memory, tmp_path):
    memory(most=15, first_step=1)  # its first epoch is one step
    with pytest.raises(UserError, match="a step of 20 images fits: start a new run with"):
        search(tmp_path, auto_batch=True)


def test_after_the_last_step_the_batch_is_not_to_blame(memory, monkeypatch, tmp_path):
    tried = memory(most=100)

    def select(self, data):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(SposStrategy, "select", select)
    with pytest.raises(UserError, match=r"after the last step, .* 500 images: .* --resume"):
        search(tmp_path, auto_batch=True)
    assert set(tried) == {40}
    monkeypatch.undo()
    (folder,) = (RunFolder(path) for path in (tmp_path / "runs").iterdir())
    options = SearchConfig.from_layers(folder.info["config"])
    assert (
        run_search(Search.of(options), NullCallback(), StopSignal(), folder).folder.status
        == "done"
    )


def test_a_batch_too_small_for_bn_does_not_fit():
    def step(size):
        raise ValueError("Expected more than 1 value per channel when training, got (1, 4, 1, 1)")

    assert largest_that_fits(step, 2) is None


@pytest.mark.parametrize("strategy", ["darts", "gdas", "enas"])
def test_a_space_that_takes_few_images_at_once(strategy, tmp_path):
    given = {**GIVEN, "strategy": strategy, "space": "engine_parts:Hungry"}
    heard = Heard()
    options = configure({**given, "out": tmp_path, "epochs": 1, "auto_batch": True}, {})
    found = run_search(options, heard, StopSignal())
    assert heard.phases[0] == "out of memory: restarting with a batch size of 20"
    assert Checkpoint.read(found.checkpoint).search["batch_size"] == 20
    notes = found.folder.journal.events("note")
    assert [note["text"] for note in notes] == heard.phases[:1]


def test_a_retraining_takes_a_smaller_batch_too(tmp_path):
    given = {**GIVEN, "space": "engine_parts:Hungry", "batch_size": 20, "out": tmp_path}
    found = run_search(configure(given, FEW), NullCallback(), StopSignal())
    checkpoint = Checkpoint.read(found.checkpoint)
    given = {"epochs": 1, "limit_train": 120, "out": tmp_path, "batch_size": 50}
    with pytest.raises(UserError, match=r"--batch-size 50: out .* 25 .* --batch-size 25$"):
        run_retrain(retrain_options(checkpoint, given, {}), NullCallback(), StopSignal())
    plain, fitted = (
        run_retrain(retrain_options(checkpoint, one, {}), NullCallback(), StopSignal())
        for one in ({**given, "batch_size": 25}, {**given, "auto_batch": True})
    )
    assert fitted.record.retrain_config == plain.record.retrain_config
    assert fitted.record.retrain_config["batch_size"] == 25
    assert fitted.record.test_accuracy == plain.record.test_accuracy
    assert fitted.record.test_openings == 1


def test_only_one_shot_strategies_take_the_option(tmp_path):
    with pytest.raises(UserError, match="--auto-batch: is for one-shot strategies"):
        configure({"strategy": "random", "space": TINY, "auto_batch": True}, {})


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
    ],
)
def test_which_errors_count(error, is_one):
    assert is_out_of_memory(error) == is_one


def test_a_real_allocation_that_fails_counts():
    with pytest.raises(RuntimeError) as told:
        torch.empty(2**60)
    assert is_out_of_memory(told.value)


def test_other_errors_of_a_step_are_not_swallowed():
    def step(size):
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        largest_that_fits(step, 8)
