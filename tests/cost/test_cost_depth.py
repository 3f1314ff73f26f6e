"""Depth of networks that are counted by hand."""

from __future__ import annotations

import torch
from torch import nn

from nasbench.cost.macs import depth
from nasbench.interop.nasbench201 import parse
from nasbench.space import DataSpec
from search_spaces.nasbench201 import NasBench201


class Branches(nn.Module):
    def __init__(self):
        super().__init__()
        self.long = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(4)))
        self.short = nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        return self.head((self.long(x) + self.short(x)).mean((2, 3)))


def test_the_longest_branch_counts():
    network = Branches().train()
    assert depth(network, (3, 4, 4)) == 5
    assert network.training
    assert all(p.grad is None for p in network.parameters())


def test_a_network_without_layers_has_none():
    assert depth(nn.Flatten(), (1, 2, 2)) == 0


def cell(text):
    network = NasBench201.freeze(arch_of(text), DataSpec(3, 8, 8, 10), channels=4, cells=1)
    with torch.no_grad():
        return depth(network, (3, 8, 8))


def arch_of(text):
    return NasBench201.describe(DataSpec(3, 8, 8, 10), channels=4, cells=1).arch(parse(text))


def test_what_only_makes_zeros_is_no_path():
    fixed = 1 + 2 * 2 + 1  # stem, two residual blocks of two, classifier
    skip = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
    behind_none = "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|"
    three = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    assert [cell(text) for text in (skip, behind_none, three)] == [fixed, fixed, fixed + 9]
