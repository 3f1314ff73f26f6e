"""MobileNet V1 and its spaces against the paper's formulas and an independent count."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.cost.macs import multiply_adds
from nasbench.engine.problem import Problem
from nasbench.errors import UserError
from nasbench.space import Arch, DataSpec
from search_spaces.layers import scaled
from search_spaces.mobilenet import (
    MobileNetFull,
    MobileNetOps,
    MobileNetSkip,
    MobileNetV1,
    Shortcut,
)
from tests.search_spaces.conftest import (
    CIFAR,
    check_gradients,
    count,
    full_network,
    images,
)

SMALL = DataSpec(1, 8, 8, 10)
SPACES = [MobileNetV1, MobileNetSkip, MobileNetOps, MobileNetFull]
BLOCKS = [64, (128, 2), 128, 128, (256, 2), 256, 256, (512, 2), *[512] * 6, (1024, 2), 1024, 1024]
SHORTCUTS = ["s1_skip2", "s2_skip2", "s3_skip2", "s3_skip4", "s3_skip6", "s4_skip2"]


def layout():
    """(c_in, c_out, stride) of each block, from the list in the reports."""
    pairs = [block if isinstance(block, tuple) else (block, 1) for block in BLOCKS]
    c_ins = [32, *(c for c, _ in pairs)]
    return [(c_in, c, stride) for c_in, (c, stride) in zip(c_ins, pairs, strict=False)]


def test_v1_has_the_parameters_and_multiply_adds_of_its_formula():
    network = full_network(MobileNetV1, {}, "cpu")
    parameters = 3 * 9 * 32 + 2 * 32 + 1024 * 10 + 10
    macs, pixels = 3 * 9 * 32 * 1024 + 1024 * 10, 1024
    for c_in, c_out, stride in layout():
        pixels //= stride**2
        parameters += 9 * c_in + 2 * c_in + c_in * c_out + 2 * c_out
        macs += pixels * (9 * c_in + c_in * c_out)
    assert count(network) == parameters == 4_634_826
    assert multiply_adds(network, CIFAR.shape) == macs == 63_684_608


def test_v1_has_bn_and_relu_behind_every_convolution():
    network = MobileNetV1.freeze(Arch({}), SMALL, width=0.25)
    parts = [m for m in network.modules() if not list(m.children())]
    found = [p for p in parts if isinstance(p, nn.Conv2d | nn.BatchNorm2d | nn.ReLU)]
    kinds = [type(p) for p in found]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] * (1 + 2 * 17)
    convs = [p for p in found if isinstance(p, nn.Conv2d)]
    assert all(conv.bias is None for conv in convs)
    assert [conv.stride[0] for conv in convs[1::2]] == [stride for _, _, stride in layout()]


@pytest.mark.parametrize(
    ("channels", "width", "expected"),
    [
        (32, 1.0, 32),
        (32, 0.25, 8),
        (32, 0.01, 8),
        (1024, 0.75, 768),
        (64, 0.3, 16),
        (64, 0.32, 24),
    ],
)
def test_widths_are_rounded_to_multiples_of_8(channels, width, expected):
    assert scaled(channels, width) == expected


def test_width_and_dropout_reach_the_network():
    network = MobileNetV1.freeze(Arch({}), SMALL, width=0.25, dropout_rate=0.3)
    assert network.stem[0].out_channels == 8
    assert network.classifier[-1].in_features == 256
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.3]


def test_the_size_of_the_full_space():
    # A block of index 1, 3, ... has 6 operations or skip; at 2, 4, ... each operation comes with
    # or without shortcut; a stage's first block has 6 operations.
    rest = [7, 13, 7, 13, 7, 13]
    stages = [sum(6 * math.prod(rest[:d]) for d in range(blocks)) for blocks in (1, 3, 3, 7, 3)]
    assert MobileNetFull.describe(CIFAR).size == 3**5 * math.prod(stages)


def every_second():
    """The numbers of the blocks with a shortcut to decide."""
    return [i for i, (c_in, c, stride) in enumerate(layout()) if (c_in, 1) == (c, stride)][1::2]


def test_every_second_block_of_equal_width_has_a_shortcut():
    assert list(MobileNetSkip.describe(CIFAR)) == SHORTCUTS
    network = MobileNetSkip.freeze(Arch(dict.fromkeys(SHORTCUTS, (1,))), SMALL, width=0.25)
    blocks = [block for stage in network.stages for block in stage]
    assert [i for i, block in enumerate(blocks) if isinstance(block, Shortcut)] == every_second()


@pytest.mark.parametrize(("label", "number"), list(zip(SHORTCUTS, every_second(), strict=True)))
def test_a_shortcut_adds_the_blocks_input(label, number):
    choices = {one: (int(one == label),) for one in SHORTCUTS}
    network = MobileNetSkip.freeze(Arch(choices), SMALL, width=0.125).eval()
    plain = MobileNetV1.freeze(Arch({}), SMALL, width=0.125).eval()
    values = network.state_dict().values()
    plain.load_state_dict(dict(zip(plain.state_dict(), values, strict=True)))
    x = plain.stem(images(SMALL))
    for i, block in enumerate(block for stage in plain.stages for block in stage):
        x = block(x) + x if i == number else block(x)
    assert torch.equal(network(images(SMALL)), plain.classifier(x))


def test_without_shortcuts_the_space_is_v1():
    none = full_network(MobileNetSkip, dict.fromkeys(SHORTCUTS, (0,)), "cpu")
    assert count(none) == 4_634_826
    assert multiply_adds(none, CIFAR.shape) == 63_684_608


def test_k3e1_everywhere_is_v1_and_skips_leave_blocks_out():
    domains = MobileNetOps.describe(CIFAR)
    assert count(full_network(MobileNetOps, dict.fromkeys(domains, "k3e1"))) == 4_634_826
    skips = {label: "skip" if "skip" in d.candidates else "k3e1" for label, d in domains.items()}
    parts = [(c_in, c) for c_in, c, stride in layout() if c_in != c]
    blocks = sum(9 * c_in + 2 * c_in + c_in * c + 2 * c for c_in, c in parts)
    assert count(full_network(MobileNetOps, skips)) == 864 + 64 + blocks + 10_250


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("expansion", [1, 3])
def test_a_candidates_name_tells_kernel_and_expansion(kernel, expansion):
    labels = MobileNetOps.describe(CIFAR)
    base = dict.fromkeys(labels, "k3e1")
    changed = full_network(MobileNetOps, {**base, "s2_i1": f"k{kernel}e{expansion}"})
    c = 256 * expansion
    expand = 256 * c + 2 * c if expansion > 1 else 0
    block = expand + kernel**2 * c + 2 * c + c * 256 + 2 * 256
    v1_block = 9 * 256 + 2 * 256 + 256**2 + 2 * 256
    assert count(changed) == 4_634_826 - v1_block + block


def test_widths_and_depths_of_the_full_space():
    choices = {f"s{i}_width": w for i, w in enumerate([0.5, 0.75, 1.0, 0.5, 0.75])}
    choices |= {f"s{i}_depth": 1 for i in range(1, 5)} | {f"s{i}_i0": "k5e3" for i in range(5)}
    network = full_network(MobileNetFull, choices)
    widths = [32, 32, 96, 256, 256, 768]
    blocks = sum(
        c_in * 3 * c_in + 2 * 3 * c_in + 25 * 3 * c_in + 2 * 3 * c_in + 3 * c_in * c + 2 * c
        for c_in, c in pairwise(widths)
    )
    assert count(network) == 864 + 64 + blocks + 768 * 10 + 10


def test_a_skipped_blocks_shortcut_is_not_decided():
    domains = MobileNetFull.describe(CIFAR)
    choices = {label: d.candidates[-1] for label, d in domains.items() if d.kind != "input"}
    assert choices["s1_i2"] == "skip"
    assert not set(domains.arch(choices)) & set(SHORTCUTS)
    with pytest.raises(UserError, match="s1_skip2"):
        domains.arch({**choices, "s1_skip2": [1]})


def test_every_depth_trains():
    domains = MobileNetFull.describe(SMALL, width=0.125)
    rng = np.random.default_rng(0)
    for depth in range(1, 8):
        arch = domains.mutate(domains.sample(rng), rng)
        while arch["s3_depth"] != depth:
            arch = domains.mutate(arch, rng)
        check_gradients(MobileNetFull.freeze(arch, SMALL, width=0.125), SMALL)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("width", 0.0),
        ("width", -1.0),
        ("width", float("nan")),
        ("width", float("inf")),
        ("dropout_rate", 1.0),
        ("dropout_rate", -0.1),
        ("dropout_rate", float("nan")),
    ],
)
def test_bad_arguments_are_named(space, argument, value):
    with pytest.raises(ValueError, match=rf"^{argument}={value}: must be [^\n]*$"):
        space.describe(CIFAR, **{argument: value})


def test_a_bad_argument_is_one_line_for_the_user():
    class Task:
        spec = CIFAR

    with pytest.raises(UserError, match="space MobileNetSkip: width=0: must be"):
        Problem.of(Task(), MobileNetSkip, {"width": 0})
