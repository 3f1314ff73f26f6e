"""Networks from anywhere, as exports and profiles use them."""

from __future__ import annotations

import pytest
import torch

from nasbench.engine.checkpoints import open_network
from nasbench.export.plain import trial


@pytest.mark.parametrize("given", ["zoo:DARTS_V2", "zoo:GDAS_V1"])
def test_the_outputs_of_an_untrained_network_depend_on_the_image(given):
    """At the papers' depth; with BN as it begins they would differ by 1e-6."""
    network = open_network(given, preset="paper", assignments={"channels": 8}).network()
    outputs = trial(network, torch.randn(3, 3, 32, 32))
    apart = outputs.max(0).values - outputs.min(0).values
    assert apart.max() > 0.05
    assert not network.training


def test_an_untrained_network_is_the_same_each_time():
    one, other = (open_network("zoo:DARTS_V2").network().state_dict() for _ in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(value, other[name]) for name, value in one.items())
