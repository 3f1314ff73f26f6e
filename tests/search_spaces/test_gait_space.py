"""EV-Gait's network against its formula, and the spaces around it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nasbench.cost.macs import multiply_adds
from nasbench.space import Arch, DataSpec
from search_spaces.gait import EvGait, Gait, GaitOps
from tests.search_spaces.conftest import (
    count,
    images,
)

EVENTS = DataSpec(4, 128, 128, 21)
SMALL = DataSpec(2, 20, 11, 5)
TINY = {"width": 0.125, "hidden_size": 16}
AS_PUBLISHED = {
    "s0_kernel": "k7", **{f"s{i}_kernel": "k3" for i in (1, 2, 3)}, "depth": 2, "head": "flat",
    **{f"b{i}_block": "plain3" for i in (0, 1)}, **{f"b{i}_skip": (1,) for i in (0, 1)},
}  # fmt: skip
FULL_WIDTH = {**{f"s{i}_width": 1.0 for i in range(4)}, "hidden": 1.0}


def build(space, choices, spec=EVENTS, **arguments):
    with torch.device("meta"):
        return space.freeze(Arch(choices), spec, **arguments)


def formula(hidden=1024, flat=8 * 8 * 512, classes=21):
    """Weights and biases, layer by layer."""
    stages = 7 * 7 * 4 * 64 + 64 + 9 * 64 * 128 + 128 + 9 * 128 * 256 + 256 + 9 * 256 * 512 + 512
    blocks = 2 * 2 * (9 * 512 * 512 + 512)
    return stages + blocks + (flat + 1) * hidden + (hidden + 1) * 512 + 513 * classes


def test_ev_gait_has_the_parameters_and_multiply_adds_of_its_formula():
    assert count(build(EvGait, {})) == formula() == 45_092_053
    assert count(build(EvGait, {}, hidden_size=100)) == formula(hidden=100)
    pixels = [64**2, 32**2, 16**2, 8**2]
    weights = [49 * 4 * 64, 9 * 64 * 128, 9 * 128 * 256, 9 * 256 * 512]
    macs = sum(n * p for n, p in zip(weights, pixels, strict=True)) + 4 * 9 * 512**2 * 64
    macs += 8 * 8 * 512 * 8 + 8 * 512 + 512 * 21
    assert multiply_adds(EvGait.freeze(Arch({}), EVENTS, hidden_size=8), EVENTS.shape) == macs


def test_ev_gait_sees_8x8_of_128x128_and_fits_any_size():
    assert build(EvGait, {}).features(torch.empty(1, 4, 128, 128, device="meta")).shape == (
        1, 512, 8, 8,
    )  # fmt: skip
    nmnist = DataSpec(4, 34, 34, 10)
    assert count(build(EvGait, {}, nmnist)) == formula(flat=3 * 3 * 512, classes=10)
    for spec in (SMALL, DataSpec(1, 1, 1, 2)):
        network = EvGait.freeze(Arch({}), spec, width=0.125)
        assert network(images(spec)).shape == (4, spec.classes)


def test_a_residual_block_is_that_of_ev_gait():
    block = EvGait.freeze(Arch({}), SMALL, width=0.125).blocks[0]
    x = torch.randn(2, 64, 3, 2)
    first, second = (module for module in block.modules() if isinstance(module, nn.Conv2d))
    assert torch.equal(block(x), torch.relu(x + torch.relu(second(torch.relu(first(x))))))


def test_the_published_choices_are_ev_gait():
    for space, choices in ((GaitOps, AS_PUBLISHED), (Gait, AS_PUBLISHED | FULL_WIDTH)):
        network = build(space, choices)
        shapes = [tuple(p.shape) for p in network.parameters()]
        assert shapes == [tuple(p.shape) for p in build(EvGait, {}).parameters()]
    ours = Gait.freeze(Arch(AS_PUBLISHED | FULL_WIDTH), SMALL, **TINY).eval()
    theirs = EvGait.freeze(Arch({}), SMALL, **TINY).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    assert torch.equal(ours(images(SMALL)), theirs(images(SMALL)))


def test_without_its_skip_a_block_adds_nothing():
    changed = GaitOps.freeze(Arch(AS_PUBLISHED | {"b0_skip": (0,)}), SMALL, **TINY).eval()
    block = changed.blocks.blocks[0]
    x = torch.randn(2, 64, 3, 2)
    assert torch.equal(block(x), torch.relu(block.layers(x)))


def test_widths_and_hidden_size_reach_the_network():
    chosen = {f"s{i}_width": w for i, w in enumerate((0.5, 0.75, 1.0, 0.5))} | {"hidden": 0.25}
    network = build(Gait, AS_PUBLISHED | chosen)
    convs = [m for m in network.stages.modules() if isinstance(m, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == [32, 96, 256, 256]
    sizes = [
        (m.in_features, m.out_features) for m in network.modules() if isinstance(m, nn.Linear)
    ]
    assert sizes == [(8 * 8 * 256, 256), (256, 512), (512, 21)]


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_blocks_name_tells_what_it_is(kernel):
    c, area = 512, kernel**2
    bn, wide = 2 * c, 3 * c
    weights = {
        "plain": 2 * (area * c * c + c),
        "separable": area * c + bn + c * c + bn,
        "inverted": c * wide + 2 * wide + area * wide + 2 * wide + wide * c + bn,
    }
    for name, expected in weights.items():
        network = build(GaitOps, AS_PUBLISHED | {"b1_block": f"{name}{kernel}"})
        assert count(network) == formula() - 2 * (9 * c * c + c) + expected


@pytest.mark.parametrize(
    ("argument", "value"), [("width", 0.0), ("hidden_size", 0), ("dropout_rate", 1.0)]
)
def test_bad_arguments_are_named(argument, value):
    with pytest.raises(ValueError, match=f"^{argument}={value}: must be"):
        EvGait.describe(EVENTS, **{argument: value})
