"""One-shot searches under limits: stopped in the middle and continued, they end the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from engine_parts import TINY, Tiny, params, told

from nasbench.config import SearchConfig
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.search import Search, configure, run_search
from nasbench.space import DataSpec
from nasbench.store.runs import RunFolder
from nasbench.training.stopping import Stopped, StopSignal

LIMIT = min(params(arch) for arch in Tiny.describe(DataSpec(1, 8, 8, 10)).enumerate()) + 20
GIVEN = {"space": TINY, "limit_train": 80, "batch_size": 10, "epochs": 3, "max_params": LIMIT}
FEW = {"candidates": 4, "calibration": 1}
OTHERS = ("gdas", "snas", "drnas", "spos")
OPTIONS = {"spos": {**FEW, "population": 2}, "enas": FEW}


class StopAt(NullCallback):
    """Asks to stop after so many steps, or after the training."""

    def __init__(self, steps: int | None) -> None:
        self.stop, self.steps, self.seen = StopSignal(), steps, 0

    def step(self, epoch, step, sums):
        self.seen += 1
        self.stop.requested |= self.seen == self.steps

    def phase(self, text):
        self.stop.requested |= self.steps is None and text == "choosing an architecture"


def options(out, strategy):
    given = {**GIVEN, "strategy": strategy, "out": out}
    return configure(given, OPTIONS.get(strategy, {}))


def story(found):
    """What was found, what was told, and every tensor of the last state."""
    state = torch.load(found.folder.path / "state.pt", weights_only=True)["unit"]["strategy"]
    tensors = {k: v.tolist() for k, v in state.items() if isinstance(v, torch.Tensor)}
    assert tensors
    return found.outcome.arch, found.outcome.metrics, told(found.folder.path, "epoch"), tensors


# After six steps it is in the second epoch, which has four.
@pytest.mark.parametrize(
    ("strategy", "steps"),
    [
        *((name, 6) for name in ("darts", "proxyless", "enas")),
        ("spos", None),
        *(pytest.param(name, 6, marks=pytest.mark.slow) for name in OTHERS),
        pytest.param("enas", None, marks=pytest.mark.slow),
    ],
)
def test_it_keeps_the_limit_and_ends_as_the_undisturbed_one(strategy, steps, tmp_path):
    whole = run_search(options(tmp_path / "whole", strategy), NullCallback(), StopSignal())
    callback = StopAt(steps)
    with pytest.raises(Stopped) as stopped:
        run_search(options(tmp_path / "parts", strategy), callback, callback.stop)
    folder = RunFolder(Path(stopped.value.run))
    config = SearchConfig.from_layers(folder.info["config"])
    parts = run_search(Search.of(config), NullCallback(), StopSignal(), folder)
    assert params(parts.outcome.arch) <= LIMIT
    assert story(parts) == story(whole)
