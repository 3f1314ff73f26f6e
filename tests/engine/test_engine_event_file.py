"""TensorBoard reads what is written, and a full disk is an error of the run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from nasbench.faults import MachineError
from nasbench.space import DataSpec

pytest.importorskip("torch.utils.tensorboard")
pytestmark = pytest.mark.usefixtures("graphs")


@pytest.fixture
def board(tmp_path):
    from nasbench.engine.callbacks import TensorBoardCallback

    return TensorBoardCallback(tmp_path / "tb", lambda: {"weights/a/0": 0.25})


def test_tensorboard_reads_the_curves(board, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    network = nn.Conv2d(1, 2, 3)
    assert board.graph(network, DataSpec(1, 8, 8, 8)) == ""
    for epoch in (1, 2):
        board.epoch({"epoch": epoch, "loss": 1 / epoch})
    found = EventAccumulator(str(tmp_path / "tb")).Reload()
    assert [(e.step, e.value) for e in found.Scalars("loss")] == [(1, 1.0), (2, 0.5)]
    assert [e.value for e in found.Scalars("weights/a/0")] == [0.25, 0.25]
    assert found.Graph().node


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_names_the_file(board):
    board.writer.file_writer.event_writer.path = Path("/dev/full")
    with pytest.raises(MachineError, match="cannot write /dev/full: No space left on device"):
        board.epoch({"epoch": 1, "loss": 1.0})


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_graph_that_finds_the_disk_full_is_no_network_without_a_graph(board):
    board.writer.file_writer.event_writer.path = Path("/dev/full")
    board.graph(nn.Linear(8, 8), DataSpec(1, 8, 8, 8))
    with pytest.raises(MachineError, match="/dev/full"):
        board.drawing([])


def test_the_tracing_of_a_network_may_fail(board):
    class Untraceable(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(1))

        def forward(self, x):
            raise RuntimeError("not today")

    assert board.graph(Untraceable(), DataSpec(1, 8, 8, 8)).startswith(
        "no graph for TensorBoard: not today"
    )
