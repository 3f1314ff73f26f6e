"""Memory and parts of networks, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nasbench.cost.profile import parts, peak_memory
from nasbench.space import DataSpec, InputChoice, LayerChoice, Repeat, SearchSpace, ValueChoice


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


class EveryKind(SearchSpace):
    """Choices of every kind, whose parts get tensors, lists and keywords, and one part twice."""

    def __init__(self, spec):
        super().__init__(spec)
        self.width = ValueChoice([3, 4], label="width")
        self.stem = nn.Conv2d(1, self.width.number, 1, bias=False)
        self.one = InputChoice(2, label="one")
        self.two = InputChoice(2, 2, label="two", reduction="none")
        self.body = Repeat(self._block, (1, 2), label="depth")
        self.layer = LayerChoice([nn.Identity, nn.ReLU], label="layer")
        self.keyword = nn.ReLU()

    def _block(self, index):
        return nn.Conv2d(self.width.number, self.width.number, 1, bias=False)

    def forward(self, x):
        x = self.width(self.stem(x))
        x = sum(self.two([self.one([x, x]), self.layer(self.layer(x))]))
        return self.keyword(input=self.body(x)).mean(dim=(2, 3))


def test_every_kind_of_decision_has_a_profile():
    spec = DataSpec(1, 6, 6, 3)
    choices = {"width": 3, "one": [1], "two": [0, 1], "depth": 2, "layer": "1"}
    network = EveryKind.freeze(EveryKind.describe(spec).arch(choices), spec)
    found = {part.name: part for part in parts(network, (1, 6, 6), runs=2)}
    assert set(found) == {"width", "stem", "one", "two", "body", "layer", "keyword"}
    assert {name: part.macs for name, part in found.items() if part.macs} == {
        "stem": 36 * 3,
        "body": 2 * 36 * 9,
    }
    assert sum(part.share for part in found.values()) == pytest.approx(1)


def test_a_part_that_is_listed_twice_is_one_part():
    layer = nn.Conv2d(1, 1, 1, bias=False)
    (part,) = parts(nn.Sequential(nn.Sequential(layer, layer)), (1, 6, 6), runs=2)
    assert (part.name, part.macs) == ("0.0", 2 * 36)


def test_what_a_part_leaves_out_is_named():
    class Spectrum(nn.Module):
        def forward(self, x):
            return torch.fft.rfft2(x).abs()

    first, second = parts(nn.Sequential(nn.Conv2d(1, 2, 1), Spectrum()), (1, 6, 6), runs=1)
    assert (first.macs, first.uncounted) == (72, ())
    assert (second.macs, second.uncounted) == (0, ("aten::_fft_r2c",))
