"""Layers that take choices: torch's own under an architecture, its equals with sliced weights."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nasbench.nn as elastic
from nasbench.errors import UserError
from nasbench.nn.elastic import Elastic
from nasbench.nn.sync_batchnorm import SyncBatchNorm2d, synchronize
from nasbench.space import (
    Arch,
    DataSpec,
    SearchSpace,
    ValueChoice,
    divisible,
    maximum,
)
from nasbench.space.expressions import parts, text, values
from nasbench.supernet.inherited_weights import inherit_weights
from nasbench.supernet.single_path import SinglePath

SPEC = DataSpec(1, 8, 8, 2)
Make = Callable[[ValueChoice], nn.Module]


def space_of(make: Make, options=(4, 6, 8)) -> type[SearchSpace]:
    """Return a space of one layer, which is made from the choice ``w``."""

    class One(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.layer = make(ValueChoice(list(options), label="w"))

        def forward(self, *inputs, **given):
            return self.layer(*inputs, **given)

    return One


def paths(make: Make, value: int, options=(4, 6, 8)) -> SinglePath:
    """Return a supernet in float64 that computes the sub-network of ``w=value``."""
    torch.manual_seed(0)
    space = space_of(make, options)
    supernet = SinglePath(space.supernet(SPEC).double(), space.describe(SPEC))
    supernet.arch = Arch({"w": value})
    return supernet


LAYERS = {
    nn.Conv2d: lambda w: elastic.Conv2d(3, w, 3, stride=2, padding=1),
    nn.Linear: lambda w: elastic.Linear(w * 2, 5, bias=False),
    nn.BatchNorm2d: lambda w: elastic.BatchNorm2d(w, momentum=0.3),
    nn.LayerNorm: lambda w: elastic.LayerNorm((2, w)),
    nn.MultiheadAttention: lambda w: elastic.MultiheadAttention(w, w // 2),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_under_an_architecture_it_is_torchs_layer(kind):
    space = space_of(LAYERS[kind])
    alone = space.freeze(Arch({"w": 6}), SPEC)
    assert type(alone.layer) is kind
    supernet = space.supernet(SPEC)
    assert list(alone.state_dict()) == list(supernet.state_dict())
    assert isinstance(supernet.layer, Elastic)
    assert isinstance(supernet.layer, kind)


def test_without_choices_it_is_torchs_layer():
    layer = elastic.Conv2d(3, 4, (3, 1), padding="same", groups=1, dtype=torch.float64)
    assert type(layer) is nn.Conv2d
    assert layer.weight.dtype is torch.float64
    assert layer.kernel_size == (3, 1)


def test_a_convolution_takes_first_channels_and_the_centre():
    supernet = paths(lambda w: elastic.Conv2d(w, w, w + 1, groups=2), 4)
    weight, bias = supernet.network.layer.weight, supernet.network.layer.bias
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    assert weight.shape == (8, 4, 9, 9)
    expected = F.conv2d(x, weight[:4, :2, 2:7, 2:7], bias[:4], groups=2)
    assert torch.allclose(supernet(x), expected, rtol=0, atol=1e-12)


def test_stride_dilation_and_padding_may_be_choices():
    supernet = paths(
        lambda w: elastic.Conv2d(1, 2, 3, stride=(w, 1), dilation=w, padding=(w, 0)), 1, (1, 2)
    )
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    layer = supernet.network.layer
    for value in (1, 2):
        supernet.arch = Arch({"w": value})
        expected = F.conv2d(x, layer.weight, layer.bias, (value, 1), (value, 0), value)
        assert torch.equal(supernet(x), expected)


def test_the_kernel_transform_is_that_of_once_for_all():
    supernet = paths(
        lambda w: elastic.Conv2d(2, 3, w, padding=w // 2, kernel_transform=True), 3, (3, 5, 7)
    )
    layer = supernet.network.layer
    centre = layer.weight[:, :, 2:5, 2:5]
    x = torch.randn(2, 2, 8, 8, dtype=torch.float64)
    expected = F.conv2d(x, centre, layer.bias, padding=1)
    assert torch.allclose(supernet(x), expected, rtol=0, atol=1e-12)  # the identity at first
    with torch.no_grad():
        for matrix in layer.transforms.values():
            matrix.normal_()
    five, three = layer.transforms["5"], layer.transforms["3"]
    middle = torch.einsum("oik,jk->oij", layer.weight[:, :, 1:6, 1:6].flatten(2), five)
    inner = middle.view(3, 2, 5, 5)[:, :, 1:4, 1:4].flatten(2)
    small = torch.einsum("oik,jk->oij", inner, three).view(3, 2, 3, 3)
    expected = F.conv2d(x, small, layer.bias, padding=1)
    assert torch.allclose(supernet(x), expected, rtol=0, atol=1e-9)
    alone = type(supernet.network).freeze(supernet.arch, SPEC).double()
    inherit_weights(alone, supernet.network, supernet.arch)
    assert torch.equal(alone(x), supernet(x))


@pytest.mark.parametrize("grad", [True, False])
def test_attention_with_sliced_weights_is_torchs(grad):
    supernet = paths(
        lambda w: elastic.MultiheadAttention(w, w // 6, batch_first=True), 12, (12, 18)
    )
    full = supernet.network.layer
    alone = nn.MultiheadAttention(12, 2, batch_first=True).double()
    queries, keys, rows = (torch.tensor(range(start, start + 12)) for start in (0, 18, 36))
    with torch.no_grad():
        taken = torch.cat([queries, keys, rows])
        alone.in_proj_weight.copy_(full.in_proj_weight[taken][:, :12])
        alone.in_proj_bias.copy_(full.in_proj_bias.normal_()[taken])
        alone.out_proj.weight.copy_(full.out_proj.weight[:12, :12])
        alone.out_proj.bias.copy_(full.out_proj.bias.normal_()[:12])
    x, y = torch.randn(2, 2, 5, 12, dtype=torch.float64)
    mask = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    for network in (alone, supernet.network):
        network.train(grad)
    with torch.set_grad_enabled(grad):
        for inputs, options in (((x, x, x), {}), ((x, y, y), {"key_padding_mask": mask})):
            ours, shares = supernet.network(*inputs, **options)
            theirs, expected = alone(*inputs, **options)
            assert torch.equal(ours, theirs)
            assert torch.equal(shares, expected)


def test_gradients_of_a_slice_are_zero_elsewhere():
    supernet = paths(lambda w: elastic.Linear(w, w + 1), 4)
    full = supernet.network.layer
    x = torch.randn(3, 4, dtype=torch.float64)
    found = torch.autograd.grad(supernet(x).square().sum(), full.weight)[0]
    small = full.weight[:5, :4].detach().requires_grad_()
    expected = torch.autograd.grad(F.linear(x, small, full.bias[:5]).square().sum(), small)[0]
    assert torch.equal(found[:5, :4], expected)
    assert found.count_nonzero() == expected.numel()


def test_statistics_of_the_first_channels_move():
    supernet = paths(LAYERS[nn.BatchNorm2d], 4).train()
    norm = supernet.network.layer
    x = torch.randn(3, 4, 2, 2, dtype=torch.float64) + 5
    supernet(x)
    assert torch.allclose(norm.running_mean[:4], 0.3 * x.mean(dim=(0, 2, 3)))
    assert norm.running_mean[4:].count_nonzero() == 0
    assert norm.num_batches_tracked == 1


def test_synchronized_statistics_follow():
    supernet = paths(LAYERS[nn.BatchNorm2d], 4).train()
    synchronize(supernet)
    layer = supernet.network.layer.at(lambda choice: supernet.arch[choice.label])
    assert type(layer) is SyncBatchNorm2d
    assert layer.num_features == 4


def test_a_learned_tensor_has_the_first_entries():
    supernet = paths(lambda w: elastic.LearnedTensor(1, 3, w, std=0.1), 6)
    weight = supernet.network.layer.weight
    assert torch.equal(supernet.network(), weight[:, :, :6])
    assert weight.shape == (1, 3, 8)
    assert 0.05 < weight.detach().std() < 0.2


def test_a_supernet_with_slices_is_copied_and_pickled():
    supernet = paths(LAYERS[nn.Linear], 4)
    x = torch.randn(2, 8, dtype=torch.float64)
    y = supernet(x)
    again = copy.deepcopy(supernet)
    with torch.no_grad():
        again.network.layer.weight.zero_()
    assert again(x).count_nonzero() == 0
    assert torch.equal(supernet(x), y)
    layer = pickle.loads(pickle.dumps(elastic.Linear(3, ValueChoice([1, 2], label="v"))))
    assert layer.weight.shape == (2, 3)


def test_expressions_of_choices():
    width, ratio = ValueChoice([8, 12], label="width"), ValueChoice([2, 3.5], label="ratio")
    assert sorted(values(width * ratio)) == [16, 24, 28, 42]
    assert sorted(values((width + 4) // 2)) == [6, 8]
    assert sorted(values(width // (2 * width))) == [0]  # both are the same decision
    assert sorted(values(maximum(width, 10))) == [10, 12]
    assert sorted(values(divisible(width * ratio, 8))) == [16, 24, 32, 40]
    assert (width * ratio).number == 42
    assert text((width + 1) * ratio) == "(width + 1) * ratio"
    assert [text(part) for part in parts((width + 4 + ratio) * 9)] == [
        "width * 9",
        "36",
        "ratio * 9",
    ]


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (
            lambda w: elastic.Conv2d(3, w // 8, 3),
            "Conv2d: out_channels = w // 8 gives 0: must be a whole number from 1",
        ),
        (
            lambda w: elastic.Linear(w * 0.3, 3),
            "Linear: in_features = w * 0.3 gives 1.2: must be a whole number from 1",
        ),
        (
            lambda w: elastic.Conv2d(3, 8, 3, padding=w * -1),
            "Conv2d: padding = w * -1 gives -4: must be a whole number from 0",
        ),
        (lambda w: elastic.Linear(3, 12 // (w // 8)), "12 // (w // 8): divides by 0"),
        (
            lambda w: elastic.Conv2d(w, w, 3, groups=3),
            "Conv2d: groups=3 does not divide in_channels=4, which the choices 'w' allow: every "
            "pair must",
        ),
        (
            lambda w: elastic.MultiheadAttention(24, w + 1),
            "MultiheadAttention: num_heads=5 does not divide embed_dim=24, which the choices 'w' "
            "allow: every pair must",
        ),
        (
            lambda w: nn.Linear(3, w),
            "Linear: out_features is the choice 'w', which this layer cannot slice: allowed: a "
            "number, such as the choice's .number, or a layer of nasbench.nn, which takes the "
            "choice itself",
        ),
        (
            lambda w: nn.Dropout(w * 0.1),
            "Dropout: p is the choice 'w * 0.1', which this layer cannot slice: allowed: a "
            "number, such as the choice's .number, or a layer of nasbench.nn, which takes the "
            "choice itself",
        ),
        (
            lambda w: elastic.Conv2d(3, 3, (w, 3), kernel_transform=True),
            "Conv2d: kernel_transform=True needs square kernels: one choice, not (w, 3)",
        ),
    ],
)
def test_what_cannot_be_sliced_is_one_line(make, line):
    space = space_of(make)
    for construct in (space.describe, space.supernet):
        with pytest.raises(UserError) as raised:
            construct(SPEC)
        assert str(raised.value) == line


def test_other_errors_of_a_space_stay_as_they_are():
    with pytest.raises(TypeError, match="missing 1 required"):
        space_of(lambda w: nn.Linear(3)).supernet(SPEC)
