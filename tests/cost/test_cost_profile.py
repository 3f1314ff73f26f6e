"""Memory and parts of networks, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nasbench.cost.profile import parts, peak_memory


class Chain(nn.Module):
    """Three layers; ReLU in place costs nothing more."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.cells = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1, bias=False), nn.Flatten())
        self.last = nn.Linear(8 * 36, 2)
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        return self.last(self.cells(self.first(x)))


WEIGHTS = 4 * (1 * 4 * 9 + 4 * 8 * 9 + 8 * 36 * 2 + 2 + 3 * 3 + 3)


@pytest.mark.parametrize("batch", [1, 5])
def test_the_peak_is_where_two_features_meet(batch):
    image, four, eight = (4 * batch * c * 36 for c in (1, 4, 8))
    # The second convolution reads four channels and writes eight; before, the image is alive
    # all the time, and behind, two logits beside eight channels are less.
    assert peak_memory(Chain(), (1, 6, 6), batch) == WEIGHTS + image + four + eight


def test_what_is_done_in_place_needs_no_memory():
    small = nn.Sequential(nn.Conv2d(1, 4, 1, bias=False), nn.ReLU(inplace=True))
    large = nn.Sequential(nn.Conv2d(1, 4, 1, bias=False), nn.ReLU())
    assert peak_memory(small, (1, 6, 6)) == 4 * (4 + 36 + 4 * 36)
    assert peak_memory(large, (1, 6, 6)) == 4 * (4 + 36 + 2 * 4 * 36)


def test_parts_are_those_in_lists_and_beside():
    network = Chain()
    found = {part.name: part for part in parts(network, (1, 6, 6), batch=2, runs=3)}
    assert list(found) == ["first", "cells.0", "cells.1", "last"]
    assert [part.macs for part in found.values()] == [36 * 36, 288 * 36, 0, 576]
    assert [part.params for part in found.values()] == [36, 288, 0, 578]
    assert sum(part.share for part in found.values()) == pytest.approx(1)
    assert all(part.median_ms > 0 for part in found.values())
    assert not any(module._forward_hooks for module in network.modules())
    assert network.training
    assert torch.is_grad_enabled()
