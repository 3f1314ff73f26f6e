"""Partial channels against a reference that is written index by index."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.space import DataSpec, InputChoice, LayerChoice, SearchSpace
from nasbench.supernet.base import join_partial
from nasbench.supernet.mixture import Mixture
from search_spaces.darts import Darts

SPEC = DataSpec(1, 8, 8, 3)


def shuffled(images, k):
    """Read the channels as a table of ``k`` rows, column by column."""
    per_row = images.shape[1] // k
    order = [row * per_row + column for column in range(per_row) for row in range(k)]
    return images[:, order]


@pytest.mark.parametrize("k", [2, 3, 6])
def test_the_rest_passes_by_and_is_shuffled(k):
    x, mixed = torch.randn(2, 6, 5, 5), torch.randn(2, 6 // k, 5, 5)
    expected = shuffled(torch.cat([mixed, x[:, 6 // k :]], dim=1), k)
    assert torch.equal(join_partial(x, k, mixed), expected)


def test_every_second_cell_sees_other_channels():
    """What was mixed is no block at the front any more: channels 0 and K hold it."""
    x, mixed = torch.zeros(1, 8, 2, 2), torch.ones(1, 2, 2, 2)
    found = join_partial(x, 4, mixed)[0, :, 0, 0].nonzero().flatten()
    assert found.tolist() == [0, 4]


@pytest.mark.parametrize("size", [4, 5])
def test_where_the_size_is_halved_the_rest_is_pooled(size):
    x = torch.randn(2, 4, size, size)
    half = -(-size // 2)
    mixed = torch.randn(2, 2, half, half)
    rest = torch.empty(2, 2, half, half)
    for row in range(half):
        for column in range(half):
            window = x[:, 2:, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
            rest[:, :, row, column] = window.amax(dim=(2, 3))
    expected = shuffled(torch.cat([mixed, rest], dim=1), 2)
    assert torch.equal(join_partial(x, 2, mixed), expected)


class Node(SearchSpace):
    """One node of two inputs, each through an operation on its channels."""

    def __init__(self, spec, channels=8):
        super().__init__(spec)
        ops = {"conv": lambda c: nn.Conv2d(c, c, 3, padding=1), "skip": lambda c: nn.Identity()}
        self.stem = nn.Conv2d(1, channels, 1)
        self.node = InputChoice(
            2,
            1,
            label="node",
            edges=[
                lambda i=i: LayerChoice(ops, label=f"edge{i}", channels=channels) for i in (0, 1)
            ],
        )
        self.head = nn.Linear(channels, 3)

    def forward(self, x):
        x = self.stem(x)
        return self.head(self.node([x, 2 * x]).mean((2, 3)))


@pytest.mark.parametrize("training", [True, False])
def test_a_node_is_equation_3_over_equation_2(training):
    """Operations by a softmax on 1/K of the channels, edges by a softmax over the inputs."""
    mixture = Mixture(
        Node.partial_supernet(4, SPEC), Node.describe(SPEC), edge_weights=True
    ).double()
    mixture.train(training)
    with torch.no_grad():
        for alpha in mixture.alphas:
            alpha.normal_()
    images = torch.randn(3, 1, 8, 8, dtype=torch.float64)
    stem = mixture.network.stem(images)
    total = 0
    betas = mixture.alpha("node").exp() / mixture.alpha("node").exp().sum()
    for i, state in enumerate((stem, 2 * stem)):
        weights = mixture.alpha(f"edge{i}").exp() / mixture.alpha(f"edge{i}").exp().sum()
        conv = mixture.network.node.edges[str(i)].candidates["conv"]
        assert conv.weight.shape == (2, 2, 3, 3)
        part = state[:, :2]
        mixed = weights[0] * conv(part) + weights[1] * part
        total = total + betas[i] * shuffled(torch.cat([mixed, state[:, 2:]], 1), 4)
    expected = mixture.network.head(total.mean((2, 3)))
    torch.testing.assert_close(mixture(images), expected, rtol=1e-10, atol=1e-12)


def test_edge_weights_multiply_the_operations_when_the_architecture_is_read():
    mixture = Mixture(Node.partial_supernet(4, SPEC), Node.describe(SPEC), edge_weights=True)
    with torch.no_grad():
        mixture.alpha("edge0").copy_(torch.tensor([3.0, 0.0]))  # 0.95 for conv
        mixture.alpha("edge1").copy_(torch.tensor([0.0, 1.0]))  # 0.73 for skip
        mixture.alpha("node").copy_(torch.tensor([0.0, 0.1]))
    assert dict(mixture.discretize()) == {"node": (0,), "edge0": "conv"}
    with torch.no_grad():
        mixture.alpha("node").copy_(torch.tensor([0.0, 1.0]))
    assert dict(mixture.discretize()) == {"node": (1,), "edge1": "skip"}


def test_only_one_kth_of_the_channels_is_built():
    def weights(k):
        supernet = Darts.partial_supernet(k, SPEC, channels=8, layers=3, nodes=2)
        return sum(p.numel() for p in supernet.parameters())

    assert weights(4) < weights(2) < weights(1)


def test_channels_that_are_no_multiple_are_told_with_what_would_do():
    with pytest.raises(UserError) as told:
        Node.partial_supernet(4, SPEC, channels=6)
    assert str(told.value) == (
        "-o partial=4: must divide the 6 channels of the choice 'edge0': allowed: 2, 3, 6"
    )
