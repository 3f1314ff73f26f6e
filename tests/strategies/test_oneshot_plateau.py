"""The schedule ``plateau`` of the weights in one-shot searches, against torch's own."""

from __future__ import annotations

import pytest
import torch

from nasbench import catalog
from nasbench.strategies.oneshot.base import OneShotContext
from nasbench.testing.oneshot import OWN
from nasbench.testing.supernets import SPEC, PlainSupernets
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig

LOSSES = [2.0, 1.0, 1.1, 1.2, 0.9, 0.95, 0.92, 0.91, 0.93]


def made(name: str):
    strategy = catalog.resolve("strategy", name)
    config = OptimizerConfig(lr=0.1, schedule="plateau", plateau_patience=1)
    supernets = PlainSupernets.named(OWN)
    domains = supernets.space.describe(SPEC)
    return strategy(
        supernets, domains, strategy.Options(), OneShotContext(config, Objective(), 100)
    )


@pytest.mark.parametrize("name", ["darts", "gdas", "proxyless", "spos", "enas"])
def test_the_rate_falls_as_torchs_does(name):
    strategy = made(name)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    torchs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
    for loss in LOSSES:
        strategy.end_epoch({"loss": loss})
        torchs.step(loss)
        assert strategy.weights.lr == pytest.approx(optimizer.param_groups[0]["lr"])
    assert strategy.weights.lr < 0.05  # it did fall
