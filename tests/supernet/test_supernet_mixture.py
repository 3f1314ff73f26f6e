"""The mixture against a plain reference, op by op, and the rule that reads it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.space import (
    DataSpec,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    ValueChoice,
)
from nasbench.supernet.mixture import Mixture
from search_spaces.darts import Darts

SPEC = DataSpec(1, 8, 8, 3)


def mixture_of(space, spec=SPEC, **arguments):
    mixture = Mixture(space.supernet(spec, **arguments), space.describe(spec, **arguments))
    with torch.no_grad():
        for alpha in mixture.alphas:
            alpha.normal_()
    return mixture


def reference_op(name, op, x, stride):
    """An operation of the supernet written from the paper with plain functions (BN: batch)."""

    def norm(t):
        mean, var = t.mean((0, 2, 3), keepdim=True), t.var((0, 2, 3), False, keepdim=True)
        return (t - mean) / (var + 1e-5).sqrt()

    convs = [m for m in op.modules() if isinstance(m, nn.Conv2d)]
    conv = nn.functional.conv2d
    if name == "none":
        return torch.zeros_like(x[:, :, ::stride, ::stride])
    if name == "max_pool_3x3":
        return norm(nn.functional.max_pool2d(x, 3, stride, 1))
    if name == "avg_pool_3x3":
        ones = nn.functional.avg_pool2d(torch.ones_like(x), 3, stride, 1)
        return norm(nn.functional.avg_pool2d(x, 3, stride, 1) / ones)
    if name == "skip_connect" and stride == 1:
        return x
    if name == "skip_connect":
        x = x.relu()
        halves = [
            conv(x, convs[0].weight, stride=2),
            conv(x[:, :, 1:, 1:], convs[1].weight, stride=2),
        ]
        return norm(torch.cat(halves, 1))
    kernel, groups = int(name[-1]), x.shape[1]
    if name.startswith("dil"):
        y = conv(x.relu(), convs[0].weight, None, stride, kernel - 1, 2, groups)
        return norm(conv(y, convs[1].weight))
    for first, second, step in ((0, 1, stride), (2, 3, 1)):
        y = conv(x.relu(), convs[first].weight, None, step, kernel // 2, 1, groups)
        x = norm(conv(y, convs[second].weight))
    return x


def reference_cell(cell, alphas, kind, s0, s1):
    states = [cell.preprocess0(s0), cell.preprocess1(s1)]
    for node in range(2, 2 + len(cell.nodes)):
        total = 0
        for source in range(node):
            stride = 2 if kind == "reduce" and source < 2 else 1
            choice = cell.nodes[node - 2].edges[str(source)]
            weights = alphas[choice.label].exp() / alphas[choice.label].exp().sum()
            for weight, (name, op) in zip(weights, choice.candidates.items(), strict=True):
                total = total + weight * reference_op(name, op, states[source], stride)
        states.append(total)
    return torch.cat(states[2:], 1)


def test_the_darts_supernet_agrees_with_the_paper_op_by_op():
    mixture = mixture_of(Darts, DataSpec(2, 8, 8, 3), channels=4, layers=4, nodes=3).double()
    alphas = dict(zip(mixture.labels, mixture.alphas, strict=True))
    x = torch.randn(3, 2, 8, 8, dtype=torch.float64)
    network = mixture.network
    s0 = s1 = network.stem(x)
    for layer, cell in enumerate(network.cells):
        kind = "reduce" if layer in (4 // 3, 2 * 4 // 3) else "normal"
        s0, s1 = s1, reference_cell(cell, alphas, kind, s0, s1)
    expected = network.classifier(s1.mean((2, 3)))
    found = mixture(x)
    assert torch.allclose(found, expected, rtol=1e-9, atol=1e-11)
    # And both gradients: of the weights and of the architecture.
    for params in (mixture.weight_parameters, mixture.arch_parameters):
        kwargs = {"retain_graph": True, "materialize_grads": True}
        ours = torch.autograd.grad(found.square().sum(), params, **kwargs)
        theirs = torch.autograd.grad(expected.square().sum(), params, **kwargs)
        for a, b in zip(ours, theirs, strict=True):
            assert torch.allclose(a, b, rtol=1e-7, atol=1e-9)


def test_cells_of_one_kind_share_their_architecture_parameters():
    mixture = mixture_of(Darts, channels=4, layers=4)
    assert len(mixture.arch_parameters) == 28
    assert {tuple(alpha.shape) for alpha in mixture.alphas} == {(8,)}


def test_nodes_take_the_two_strongest_edges_without_none():
    mixture = mixture_of(Darts, channels=4, layers=3)
    names = list(mixture.domains["normal/n4/p0"].candidates)
    with torch.no_grad():
        for alpha in mixture.alphas:
            alpha.zero_()
        alphas = dict(zip(mixture.labels, mixture.alphas, strict=True))
        alphas["normal/n4/p0"][names.index("none")] = 9.0  # strong, but nothing: leaves 0 weak
        alphas["normal/n4/p1"][names.index("dil_conv_5x5")] = 1.0
        alphas["normal/n4/p2"][names.index("skip_connect")] = 0.5
        alphas["normal/n4/p3"][names.index("max_pool_3x3")] = 2.0
    arch = mixture.discretize()
    assert arch["normal/n4/switch"] == (1, 3)
    assert arch["normal/n4/p1"] == "dil_conv_5x5"
    assert arch["normal/n4/p3"] == "max_pool_3x3"
    assert "normal/n4/p0" not in arch
    assert not any(value == "none" for value in arch.values())


class Mixed(SearchSpace):
    """Every primitive that has a mixture."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.repeat = Repeat(lambda i: nn.Linear(4, 4, bias=False), (0, 2), label="depth")
        self.pick = InputChoice(3, 2, label="pick")
        self.mean = InputChoice(2, 1, label="mean", reduction="mean")
        self.none = InputChoice(2, 1, label="none", reduction="none")

    def forward(self, x):
        y = self.repeat(x)
        z = self.pick([x, y, x + y])
        (w,) = self.none([self.mean([y, z]), z])
        return w


def test_inputs_and_depths_are_weighted():
    mixture = mixture_of(Mixed).double()
    a = {k: v.softmax(0) for k, v in zip(mixture.labels, mixture.alphas, strict=True)}
    x = torch.randn(5, 4, dtype=torch.float64)
    one = mixture.network.repeat.blocks[0](x)
    two = mixture.network.repeat.blocks[1](one)
    y = a["depth"][0] * x + a["depth"][1] * one + a["depth"][2] * two
    z = 2 * (a["pick"][0] * x + a["pick"][1] * y + a["pick"][2] * (x + y))
    m = a["mean"][0] * y + a["mean"][1] * z
    assert torch.allclose(mixture(x), a["none"][0] * m + a["none"][1] * z)


def test_inputs_with_weights_of_their_own_take_the_strongest():
    mixture = mixture_of(Mixed)
    arch = mixture.discretize()
    a = dict(zip(mixture.labels, mixture.alphas, strict=True))
    assert arch["depth"] == int(a["depth"].argmax())
    assert set(arch["pick"]) == set(a["pick"].topk(2).indices.tolist())


def plain(choice: ValueChoice) -> ValueChoice:
    """Return the choice after its value was read."""
    assert choice.number == 2
    return choice


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: plain(ValueChoice([1, 2], label="width")), "'width' is a ValueChoice"),
        (lambda: InputChoice(3, 2, label="cat", reduction="concat"), "'cat' combines 2 inputs"),
    ],
)
def test_what_has_no_mixture_is_refused(make, words):
    class Bad(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.choice = make()

    with pytest.raises(UserError, match=r"'random' accepts? all") as caught:
        mixture_of(Bad)
    assert words in str(caught.value)


def test_a_label_may_be_named_like_a_method():
    class Named(SearchSpace):
        def __init__(self, spec: DataSpec) -> None:
            super().__init__(spec)
            self.choice = LayerChoice({"a": nn.ReLU, "b": nn.Identity}, label="values")

        def forward(self, x):
            return self.choice(x)

    mixture = mixture_of(Named)
    assert mixture(torch.ones(2)).shape == (2,)
    assert mixture.discretize()["values"] in ("a", "b")


def test_the_state_dict_holds_the_architecture_parameters():
    mixture = mixture_of(Mixed)
    other = mixture_of(Mixed)
    other.load_state_dict(mixture.state_dict())
    for a, b in zip(mixture.alphas, other.alphas, strict=True):
        assert torch.equal(a, b)
