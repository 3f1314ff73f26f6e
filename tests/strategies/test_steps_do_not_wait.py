"""A training step queues its work: it reads no value that a GPU would have to finish first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import nasbench
from nasbench import catalog
from nasbench.data.batches import Batches
from nasbench.nn.sync_batchnorm import SyncBatchNorm2d
from nasbench.testing.supernets import PlainSupernets, batch, make
from nasbench.training.loop import Progress
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig
from nasbench.training.supervised import Supervised, SupervisedConfig

SOURCE = Path(nasbench.__file__).parent
ELASTIC = ("bignas", "ofa", "autoformer")  # need sizes to choose
# What torch computes on the host, or whose result has a shape that depends on the values.
WAITING = ("_local_scalar_dense", "is_nonzero", "equal", "nonzero", "masked_select", "unique")
# What reads the memory without an operation of torch.
READING = ("tolist", "cpu", "numpy")

# Which candidates a step computes is decided on the host. The baseline of REINFORCE is a number.
ALLOWED = {
    "supernet/mixing_weights.py HardGumbel.begin": {"gdas"},
    "strategies/oneshot/proxyless.py BinaryGates.sample": {"proxyless"},
    "strategies/oneshot/enas.py Controller.sample": {"enas"},
    "strategies/oneshot/enas.py EnasStrategy.reward": {"enas"},
    "strategies/oneshot/enas.py EnasStrategy.controller_step": {"enas"},
}


class Waits(TorchDispatchMode):
    """Collects the functions of nasbench in which the host waits for the device."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.found = set()
        for name in READING:
            monkeypatch.setattr(torch.Tensor, name, self._noting(getattr(torch.Tensor, name)))

    def _noting(self, read):
        def noted(*args, **kwargs):
            self._note()
            return read(*args, **kwargs)

        return noted

    def _note(self):
        frame = sys._getframe(2)
        while frame is not None and not frame.f_code.co_filename.startswith(str(SOURCE)):
            frame = frame.f_back
        if frame is None:
            self.found.add("outside of nasbench")
        else:
            place = Path(frame.f_code.co_filename).relative_to(SOURCE).as_posix()
            name = frame.f_code.co_qualname.replace(".<locals>", "").removesuffix(".draw")
            self.found.add(f"{place} {name}")

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket.__name__ in WAITING:
            self._note()
        boolean = any(
            isinstance(one, torch.Tensor) and one.dtype == torch.bool
            for one in (args[1] if func.overloadpacket.__name__ == "index" else ())
        )
        if boolean:  # as many results as there are True
            self._note()
        return func(*args, **(kwargs or {}))


def oneshot():
    """Return the names of the one-shot strategies."""
    return [n for n, entry in catalog.STRATEGIES.items() if ".oneshot." in entry.target]


@pytest.mark.parametrize("name", oneshot())
def test_a_step_of_a_search(name, monkeypatch):
    kind = catalog.resolve("strategy", name)
    small = PlainSupernets.named("darts", layers=3, nodes=1, channels=8)
    if name in ELASTIC:
        small = PlainSupernets.named("nasbench.testing.supernets:Slices")
    strategy = make(kind, small, {}, epochs=3)
    for module in strategy.modules():
        if hasattr(module, "fast"):
            module.fast = False  # as on a GPU
    strategy.begin_epoch(1, 3)
    batches = batch(0), batch(1)
    strategy.step(*batches)  # the first one also makes the optimizers' states
    progress = Progress()
    with Waits(monkeypatch) as waits:
        progress.add(strategy.step(*batches))
    monkeypatch.undo()
    assert waits.found == {place for place, names in ALLOWED.items() if name in names}


def test_a_step_of_a_training(monkeypatch):
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), SyncBatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
    )
    config = SupervisedConfig(OptimizerConfig(grad_clip_value=1.0), Objective(label_smoothing=0.1))
    unit = Supervised(network, config, _Two(), None, epochs=1)
    unit.train_step(batch(0))
    progress = Progress()
    with Waits(monkeypatch) as waits:
        progress.add(unit.train_step(batch(1)))
    monkeypatch.undo()
    assert waits.found == set()


class _Two(Batches):
    """Two batches of a training, which the test takes itself."""

    def __init__(self):
        self.device = torch.device("cpu")

    def __len__(self):
        return 2


def test_every_way_of_waiting_is_seen(monkeypatch):
    x = torch.tensor([0.5, 1.0])
    ways = (
        lambda: x.sum().item(),
        lambda: float(x[0]),
        lambda: bool(x[0] > 0),
        lambda: x.tolist(),
        lambda: x.cpu(),
        lambda: x[x > 0.7],
        lambda: x.nonzero(),
        lambda: torch.equal(x, x),
    )
    for way in ways:
        with Waits(monkeypatch) as waits:
            way()
        monkeypatch.undo()
        assert waits.found, way
    with Waits(monkeypatch) as waits:
        (x * 2).sum().add_(1.5)
    monkeypatch.undo()
    assert waits.found == set()
