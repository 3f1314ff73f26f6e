"""A search whose memory is not enough for its batches; the memory is made up."""

from __future__ import annotations

import json

import pytest
import torch
from engine_parts import TINY

from nasbench.engine.batch_fitting import is_out_of_memory, largest_that_fits
from nasbench.engine.observers import Silent
from nasbench.engine.search import configure, run_search
from nasbench.errors import UserError
from nasbench.store.checkpoint import Checkpoint
from nasbench.strategies.oneshot.spos import SposStrategy
from nasbench.training.stopping import StopSignal

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


def search(out, **more):
    return run_search(configure({**GIVEN, "out": out, **more}, FEW), Silent(), StopSignal())


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


def test_nothing_fits(memory, tmp_path):
    memory(most=0)
    with pytest.raises(UserError, match="not even a batch of 1 fits"):
        search(tmp_path, auto_batch=True)


def test_a_search_that_has_begun_keeps_its_batches(memory, tmp_path):
    memory(most=15, first_step=1)  # its first epoch is one step
    with pytest.raises(UserError, match="a step of 20 images fits: begin anew with"):
        search(tmp_path, auto_batch=True)


def test_only_one_shot_strategies_take_the_option(tmp_path):
    with pytest.raises(UserError, match="--auto-batch: is for one-shot strategies"):
        configure({"strategy": "random", "space": TINY, "auto_batch": True}, {})


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), True),
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
