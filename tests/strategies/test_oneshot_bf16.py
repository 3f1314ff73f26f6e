"""Every one-shot strategy in mixed precision, on the CPU."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from nasbench import catalog
from nasbench.strategies.oneshot.base import OneShotStrategy
from nasbench.strategies.oneshot.elastic import ElasticStrategy
from nasbench.testing.oneshot import OWN
from nasbench.testing.supernets import PlainSupernets, advance, batch, make

NAMES = [
    name
    for name in catalog.STRATEGIES
    if issubclass(catalog.resolve("strategy", name), OneShotStrategy)
]


def strategy(name, precision):
    kind, space = catalog.resolve("strategy", name), OWN
    if issubclass(kind, ElasticStrategy):
        space = "nasbench.testing.supernets:Slices"
    elif name == "pc-darts":  # the user's own has no partial channels
        space = "nas-bench-201"
    made = make(kind, PlainSupernets.named(space), {}, epochs=3)
    made.objective = replace(made.objective, precision=precision)
    torch.manual_seed(1)  # what is drawn is the same
    made.begin_epoch(1, 3)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_the_first_loss_is_that_of_full_precision(name):
    half, full = (strategy(name, p).step(batch(0), batch(1))["loss"] for p in ("bf16", "fp32"))
    assert float(half) == pytest.approx(float(full), rel=0.02)
    assert float(half) != float(full)  # bf16 has eight bits: it was used


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("darts", "spos") else pytest.param(name, marks=pytest.mark.slow)
        for name in NAMES
    ],
)
def test_it_goes_on_with_weights_in_full_precision(name):
    made = strategy(name, "bf16")
    advance(made, 1, 2)
    assert {p.dtype for p in made.parameters()} == {torch.float32}
    assert all(torch.isfinite(p).all() for p in made.parameters())
