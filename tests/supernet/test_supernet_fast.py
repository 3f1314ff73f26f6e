"""The fast sums against the plain ones: outputs, both gradients, and BN's running statistics."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nasbench.space import DataSpec, InputChoice, LayerChoice, SearchSpace
from nasbench.supernet.base import is_zero, no_grad_for
from nasbench.supernet.fast import depthwise
from nasbench.supernet.fast.branch_sum import BranchSum
from nasbench.supernet.fast.branches import Branches
from nasbench.supernet.fast.pointwise import FittedBundles
from nasbench.supernet.fast.sums import (
    Candidate,
    FastSums,
    Features,
    Pooling,
    fits,
    normalize,
)
from nasbench.supernet.mixture import Mixture
from search_spaces.darts import Darts
from search_spaces.gait import GaitOps
from search_spaces.mobilenet import MobileNetOps
from search_spaces.nasbench201 import NasBench201

LAST = torch.channels_last
SPACES = {
    "darts": (Darts, {"channels": 4, "layers": 4, "nodes": 2}),
    "nas-bench-201": (NasBench201, {"channels": 4, "cells": 1}),
    "mobilenet-ops": (MobileNetOps, {"width": 0.125}),
    # A choice among heads, whose candidates make no images.
    "gait-ops": (GaitOps, {"width": 0.125, "hidden_size": 8, "dropout_rate": 0.0}),
}


def mixture(name, dtype=torch.float64, size=8, **options):
    torch.manual_seed(0)
    space, arguments = SPACES[name]
    spec = DataSpec(2, size, size, 3)
    made = Mixture(space.supernet(spec, **arguments), space.describe(spec, **arguments), **options)
    with torch.no_grad():
        for alpha in made.alphas:
            alpha.normal_()
    return made.to(dtype).to(memory_format=LAST).train()


def images(dtype=torch.float64, size=8):
    stream = torch.Generator().manual_seed(1)
    return torch.randn(6, 2, size, size, dtype=dtype, generator=stream).contiguous(
        memory_format=LAST
    )


def outcome(net, x, params):
    out = net(x)
    found = torch.autograd.grad(out.square().sum(), params, materialize_grads=True)
    flat = torch.cat([gradient.flatten() for gradient in found])
    statistics = torch.cat([b.double().flatten() for b in net.buffers()])
    return out.detach(), flat, statistics


def relative(ours, theirs):
    return float((ours - theirs).norm() / theirs.norm())


# At odd sizes the reductions round up.
@pytest.mark.parametrize("size", [8, pytest.param(9, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("name", "dtype", "tolerance"),
    [
        *((name, torch.float64, 1e-9) for name in SPACES),
        # Not MobileNet: BN over six values, layer by layer, turns rounding into anything.
        pytest.param("darts", torch.float32, 1e-4, marks=pytest.mark.slow),
        ("nas-bench-201", torch.float32, 1e-4),
    ],
)
def test_fast_and_plain_agree(name, dtype, tolerance, size):
    fast = mixture(name, dtype, size)
    plain = copy.deepcopy(fast)
    for choice in plain.sites:
        choice.relax(plain)
    plain.fast = False
    x = images(dtype, size)
    for which in ("weight_parameters", "arch_parameters"):
        ours = outcome(fast, x, getattr(fast, which))
        theirs = outcome(plain, x, getattr(plain, which))
        assert [relative(a, b) < tolerance for a, b in zip(ours, theirs, strict=True)] == [
            True
        ] * 3
    assert fast._sums._features == {}  # nothing is held after the pass


def test_the_fast_way_is_taken(monkeypatch):
    net, calls = mixture("darts"), []
    monkeypatch.setattr(net._sums, "sum", lambda parts: calls.append(parts))
    with pytest.raises(AttributeError):  # what the sum returned is no tensor
        net(images())
    assert len(calls[0]) == 2 * 7  # both edges of the first node, all but none
    kinds = [len(Candidate(module).branch) for _, module, _ in calls[0][:7]]
    assert kinds == [0, 0, 0, 2, 2, 1, 1]


def test_each_half_of_the_gradients_can_be_left_out():
    net, x = mixture("darts"), images()
    whole = torch.autograd.grad(net(x).square().sum(), [*net.alphas, *net.weight_parameters])
    for kept, left in (
        (net.arch_parameters, net.weight_parameters),
        (net.weight_parameters, net.arch_parameters),
    ):
        with no_grad_for(left):
            found = torch.autograd.grad(net(x).square().sum(), kept)
        same = whole[: len(kept)] if kept[0] is net.alphas[0] else whole[-len(kept) :]
        for ours, theirs in zip(found, same, strict=True):
            torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (1, 2), (2, 1), (3, 1)])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (8, 9)])
def test_depthwise_gradients_are_autograds(kernel, stride, dilation, size):
    torch.manual_seed(0)
    x = torch.randn(3, 4, *size, dtype=torch.float64).contiguous(memory_format=LAST)
    weight = torch.randn(4, 1, kernel, kernel, dtype=torch.float64)
    x.requires_grad_()
    weight.requires_grad_()
    padding = dilation * (kernel // 2)
    out = nn.functional.conv2d(x, weight, None, stride, padding, dilation, 4)
    grad = torch.randn_like(out).contiguous(memory_format=LAST)
    expected = torch.autograd.grad(out, (x, weight), grad)
    with torch.no_grad():
        torch.testing.assert_close(depthwise.forward(x, weight, stride, dilation), out)
        found = depthwise.backward(grad, x, weight, stride, dilation, wanted=True, learns=True)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("momentum", [0.1, 0.0, None])
def test_running_statistics_follow_bns_momentum(momentum):
    fast = mixture("nas-bench-201")
    plain = copy.deepcopy(fast)
    for choice in plain.sites:
        choice.relax(plain)
    plain.fast = False
    for net in (fast, plain):
        for norm in net.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.momentum = momentum
        for _ in range(2):
            net(images())
    for ours, theirs in zip(fast.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_where_the_fast_way_does_not_lead():
    x = images()
    assert fits(x)
    assert not fits(x.contiguous())
    assert not fits(x.flatten(1))
    ours = mixture("darts").eval()
    plain = copy.deepcopy(ours)
    plain.fast = False
    for choice in plain.sites:
        choice.relax(plain)
    assert torch.equal(ours(x), plain(x))  # evaluation is the plain one


class Own(SearchSpace):
    """What a user's own space may hold, for which there are no fast sums or only in part."""

    channels_last = True

    def __init__(self, spec: DataSpec, *, reduction: str = "sum") -> None:
        super().__init__(spec)
        self.stem = nn.Conv2d(spec.channels, 4, 3, padding=1)
        pools = {  # their texts are alike
            "padded": lambda: nn.AvgPool2d(3, 1, 1),
            "inside": lambda: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
        }
        self.pool = LayerChoice(pools, label="pool")
        self.both = LayerChoice({"add": Plus, "times": Times}, label="both")
        strided = {"two": lambda: unit(4, 2, 1), "three": lambda: nn.Conv2d(4, 4, 3, 2, 1)}
        late = {"sep": lambda: nn.Sequential(unit(4, 1, 1), unit(4, 2, 1))}
        even = {"even": lambda: nn.Sequential(unit(4, 1, 1), unit(4, 2, 2))}
        inner = {"sep": lambda: nn.Sequential(unit(4, 1, 1), unit(4, 1, 1))}
        self.smaller = LayerChoice(strided, label="smaller")
        edges = [
            LayerChoice(late | even, label="late"),
            LayerChoice({"three": lambda: nn.Conv2d(4, 4, 3, 2, 1)}, label="three"),
            LayerChoice(inner, label="inner"),
        ]
        self.node = InputChoice(3, 1, label="node", reduction=reduction, edges=edges)
        self.head = nn.Linear(4, spec.classes)

    def forward(self, x):
        x = self.both(self.stem(x), self.pool(self.stem(x)))
        found = self.node([x, x, self.smaller(x)])
        return self.head((found[0] if isinstance(found, list) else found).mean((2, 3)))


class Plus(nn.Module):
    def forward(self, a, b):
        return a + b


class Times(nn.Module):
    def forward(self, a, b):
        return a * b


def unit(c: int, stride: int, dilation: int) -> nn.Module:
    apart = nn.Conv2d(c, c, 3, stride, dilation, dilation, groups=c, bias=False)
    norm = nn.BatchNorm2d(c, affine=False)
    return nn.Sequential(nn.ReLU(), apart, nn.Conv2d(c, c, 1, bias=False), norm)


@pytest.mark.parametrize("reduction", ["sum", "concat", "none"])
def test_a_user_s_own_candidates_are_computed_as_they_are(reduction):
    torch.manual_seed(0)
    spec = DataSpec(2, 8, 8, 3)
    net = Own.supernet(spec, reduction=reduction)
    made = Mixture(net, Own.describe(spec, reduction=reduction)).double().train()
    made = made.to(memory_format=LAST)
    plain = copy.deepcopy(made)
    plain.fast = False
    for choice in plain.sites:
        choice.relax(plain)
    ours, theirs = (
        outcome(one, images(), [*one.arch_parameters, *one.weight_parameters])
        for one in (made, plain)
    )
    for mine, reference in zip(ours, theirs, strict=True):
        assert relative(mine, reference) < 1e-9
    pools = [made.mixing_weights()["pool"], *net.pool.candidates.values()]
    x = net.stem(images())
    torch.testing.assert_close(net.pool(x), pools[0][0] * pools[1](x) + pools[0][1] * pools[2](x))


def test_mixed_precision_leaves_the_sums_in_full_precision():
    net = mixture("darts", torch.float32)
    choice = next(c for c in net.sites if isinstance(c, LayerChoice))
    layers = [c for c in choice.candidates.values() if not is_zero(c)]
    state = torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    state = state.to(memory_format=LAST).bfloat16()
    weight = torch.tensor(0.5)

    def total(image):
        image = image.detach().requires_grad_()
        out = FastSums().sum([(weight, layer, image) for layer in layers])
        return out.detach(), *torch.autograd.grad(out.square().sum(), [image, *weights])

    weights = [p for layer in layers for p in layer.parameters()]
    exact = total(state.float())
    with torch.autocast("cpu", torch.bfloat16):
        assert fits(state)
        mixed = total(state)
    assert mixed[1].dtype == torch.bfloat16  # the gradient of what was given
    assert relative(mixed[1].float(), exact[1]) < 2**-8
    for ours, theirs in zip((mixed[0], *mixed[2:]), (exact[0], *exact[2:]), strict=True):
        assert torch.equal(ours, theirs)


def test_a_candidate_of_ones_own_is_called_as_it_is():
    own = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1, bias=True), nn.BatchNorm2d(4))
    assert Candidate(own).branch == ()
    affine = nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4))
    assert Candidate(affine).branch == ()
    known = nn.Sequential(
        nn.ReLU(), nn.Conv2d(4, 4, 1, bias=False), nn.BatchNorm2d(4, affine=False)
    )
    assert len(Candidate(known).branch) == 1


@pytest.mark.parametrize("total", [torch.Tensor.sum, lambda y: y.square().sum()])
def test_a_second_derivative_is_refused_and_not_wrong(total):
    image = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last).requires_grad_()
    weight = torch.ones(1, requires_grad=True)
    output = BranchSum.apply(Branches, [], [None], weight, image)
    with pytest.raises(RuntimeError, match=r"set Mixture\.fast = False"):
        torch.autograd.grad(total(output), image, create_graph=True)


def test_bn_of_a_single_value_is_refused_as_torch_refuses_it():
    one = torch.randn(1, 4, 1, 1)
    words = "Expected more than 1 value per channel"
    with pytest.raises(ValueError, match=words):
        nn.BatchNorm2d(4)(one)
    with pytest.raises(ValueError, match=words):
        normalize([(Features(one), Pooling(nn.AvgPool2d(1), nn.BatchNorm2d(4)))])
    with pytest.raises(ValueError, match=words):
        FittedBundles([one.view(1, 4)], [1], [torch.randn(4, 4, 1, 1)], None, 1e-5)


@pytest.mark.parametrize("shape", [(2, 8), (2, 8, 5), (2, 8, 3, 4), (2, 8, 3, 4, 2)])
def test_a_part_of_the_channels_of_any_examples(shape):
    x = torch.randn(shape)
    assert torch.equal(Features(x).part(4), x[:, :2])


def test_a_zero_operation_says_so_in_any_way_that_python_knows():
    class OfItself(nn.Module):
        is_zero = False

        def __init__(self, zero: bool) -> None:
            super().__init__()
            self.is_zero = zero

    class Asked(nn.Module):
        @property
        def is_zero(self) -> bool:
            return False

    buffered = nn.Identity()
    buffered.register_buffer("is_zero", torch.tensor(True))
    assert is_zero(OfItself(True))
    assert is_zero(nn.Sequential(nn.ReLU(), OfItself(True)))
    assert is_zero(buffered)
    for layer in (OfItself(False), Asked(), nn.Identity(), nn.Sequential(nn.ReLU())):
        assert not is_zero(layer)
