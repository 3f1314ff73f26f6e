"""Supernets of layers that slice: sub-networks are networks alone, bit for bit."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nasbench.nn as elastic
from nasbench.errors import UserError
from nasbench.nn.elastic import Elastic
from nasbench.space import Arch, DataSpec, LayerChoice, Repeat, SearchSpace, ValueChoice, maximum
from nasbench.supernet.inherited_weights import inherit_weights, sliced_state
from nasbench.supernet.masks import displaced
from nasbench.supernet.mixing_weights import MixingRule, MixingWeights
from nasbench.supernet.mixture import Mixture
from nasbench.supernet.single_path import SinglePath
from search_spaces.gait import Gait
from search_spaces.mobilenet import MobileNetFull
from search_spaces.mobilenet_v3 import MobileNetV3
from search_spaces.vit import VitSmall

SPEC = DataSpec(2, 7, 9, 3)


class Images(SearchSpace):
    """Convolutions of every kind: widths, expansions, kernels, depth, groups, dilation."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.width = ValueChoice([4, 8, 6], label="width")
        self.stem = nn.Sequential(
            elastic.Conv2d(spec.channels, self.width, 3, stride=2, padding=1, bias=False),
            elastic.BatchNorm2d(self.width),
            nn.ReLU(),
        )
        self.blocks = Repeat(self.block, (1, 2), label="depth")
        self.side = ValueChoice([2, 4], label="side")
        self.either = LayerChoice(
            {
                "grouped": lambda: elastic.Conv2d(self.width, self.side, 1, groups=2),
                "dilated": lambda: elastic.Conv2d(
                    self.width,
                    self.side,
                    3,
                    padding="same",
                    dilation=ValueChoice([1, 2], label="dilation"),
                ),
            },
            label="either",
        )
        both = self.width + self.side
        self.join = elastic.Conv2d(both, maximum(self.width, self.side), 1)
        self.head = elastic.Linear(maximum(self.width, self.side) * 20, spec.classes)

    def block(self, index: int) -> nn.Module:
        """Return an inverted bottleneck."""
        expansion = ValueChoice([1, 2, 3], label=f"expansion{index}")
        kernel = ValueChoice([3, 5, 7], label=f"kernel{index}")
        hidden = self.width * expansion
        return nn.Sequential(
            elastic.Conv2d(self.width, hidden, 1, bias=False),
            elastic.BatchNorm2d(hidden),
            nn.Hardswish(),
            elastic.Conv2d(
                hidden,
                hidden,
                kernel,
                padding=kernel // 2,
                groups=hidden,
                kernel_transform=index == 0,
            ),
            nn.Sigmoid(),  # not 0 in channels that are masked
            elastic.Conv2d(hidden, self.width, 1),
            elastic.BatchNorm2d(self.width, momentum=None),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        x = self.blocks(self.stem(x))
        x = self.join(torch.cat([x, self.either(x)], dim=1))
        logits: torch.Tensor = self.head(x.flatten(1))
        return logits


class Tokens(SearchSpace):
    """A transformer: embedding, heads, MLP ratio and depth."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.width = ValueChoice([12, 24, 36], label="width")
        self.patches = elastic.Conv2d(spec.channels, self.width, 3, stride=3)
        self.positions = elastic.LearnedTensor(1, 6, self.width, std=0.5)
        self.blocks = Repeat(lambda i: Block(self.width, i), (1, 2), label="depth")
        self.norm = elastic.LayerNorm(self.width)
        self.head = elastic.Linear(self.width, spec.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions()
        logits: torch.Tensor = self.head(self.norm(self.blocks(x)).mean(dim=1))
        return logits


class Block(nn.Module):
    """Attention and an MLP, with pre-normalization."""

    def __init__(self, width: ValueChoice, index: int) -> None:
        super().__init__()
        heads = ValueChoice([1, 2, 3], label=f"heads{index}")
        hidden = width * ValueChoice([1, 2], label=f"ratio{index}")
        self.norms = nn.ModuleList(elastic.LayerNorm(width) for _ in range(2))
        self.attention = elastic.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(
            elastic.Linear(width, hidden), nn.GELU(), elastic.Linear(hidden, width)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, tokens, width)`` to the same shape."""
        y = self.norms[0](x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        done: torch.Tensor = x + self.mlp(self.norms[1](x))
        return done


SPACES = [Images, Tokens]
BUILT_IN = [  # without dropout, which would draw for more values than a network alone has
    (MobileNetFull, {"width": 0.25}),
    (MobileNetV3, {"width": 0.5, "halvings": 1}),
    (Gait, {"width": 0.125, "hidden_size": 16, "dropout_rate": 0.0}),
    (VitSmall, {"patch": 1, "channels": 48, "layers": 2}),
]


def randomized(space: type[SearchSpace], **arguments: object) -> SearchSpace:
    """Return a supernet in float64 whose every weight and statistic is random and positive."""
    torch.manual_seed(0)
    network = space.supernet(SPEC, **arguments).double()
    with torch.no_grad():
        for tensor in [*network.parameters(), *network.buffers()]:
            if tensor.is_floating_point():
                tensor.uniform_(0.1, 1.0)
    return network


def images(number: int) -> torch.Tensor:
    """Return the same images in float64 for the same number."""
    stream = torch.Generator().manual_seed(number)
    return torch.randn(4, *SPEC.shape, generator=stream, dtype=torch.float64)


def check_slices(space: type[SearchSpace], count: int, **arguments: object) -> None:
    """Check random sub-networks against networks alone with the sliced weights, bit for bit.

    Outputs in both modes, gradients of the images, and BN statistics after a training step.
    """
    paths = SinglePath(randomized(space, **arguments), space.describe(SPEC, **arguments))
    stream, seen = np.random.default_rng(1), set()
    for number in range(count):
        paths.arch = paths.domains.sample(stream)
        seen.add(paths.arch)
        alone = space.freeze(paths.arch, SPEC, **arguments).double()
        inherit_weights(alone, paths.network, paths.arch)
        assert not any(isinstance(module, Elastic) for module in alone.modules())
        x = images(number).requires_grad_()
        with torch.no_grad():
            assert torch.equal(alone.eval()(x), paths.eval()(x)), paths.arch
        ours, theirs = alone.train()(x), paths.train()(x)
        assert torch.equal(ours, theirs), paths.arch
        assert ours.std() > 1e-6
        gradients = [torch.autograd.grad(y.square().sum(), x)[0] for y in (ours, theirs)]
        assert torch.equal(*gradients), paths.arch
        after = sliced_state(paths.network, paths.arch)
        for name, statistic in alone.named_buffers():
            assert torch.equal(statistic, after[name]), (name, paths.arch)
    assert len(seen) > min(count, paths.domains.size) // 2


@pytest.mark.parametrize("space", SPACES)
def test_a_slice_is_the_network_alone(space):
    check_slices(space, 15)


@pytest.mark.parametrize(("space", "arguments"), BUILT_IN)
def test_a_slice_of_a_built_in_space_is_the_network_alone(space, arguments):
    check_slices(space, 3, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize(("space", "arguments"), BUILT_IN)
def test_many_slices_of_a_built_in_space_are_networks_alone(space, arguments):
    check_slices(space, 60, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("space", SPACES)
def test_a_thousand_slices_are_networks_alone(space):
    check_slices(space, 1000)


class Fixed(MixingRule):
    """Gives one option of each decision the weight 1 and the others 0; all are computed."""

    def __init__(self, mixture: Mixture, arch: Arch, hard: bool) -> None:
        self.domains, self.arch, self.hard = mixture.domains, arch, hard

    def sample(self, label: str, alpha: torch.Tensor) -> MixingWeights:
        """Return the weights; with ``hard``, only the option of weight 1 is computed."""
        domain = self.domains[label]
        value = self.arch.get(label, domain.options[0])
        place = domain.candidates.index(value)
        weights = F.one_hot(torch.tensor(place), len(domain.candidates)).to(alpha)
        return MixingWeights(weights + 0.0 * alpha, (place,) if self.hard else None)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("hard", [False, True])
def test_a_mixture_of_one_option_is_its_slice(space, hard):
    network = randomized(space)
    if isinstance(network, Images):  # concatenated channels are at other places in a mixture
        network.join.weight.data[:] = network.join.weight.data[:, :1]
    paths = SinglePath(copy.deepcopy(network), space.describe(SPEC)).train()
    mixture = Mixture(network, paths.domains).train()
    mixture.fast = False
    stream = np.random.default_rng(2)
    for number in range(10):
        paths.arch = paths.domains.sample(stream)
        mixture.rule = Fixed(mixture, paths.arch, hard)
        x = images(number)
        torch.testing.assert_close(mixture(x), paths(x), rtol=1e-9, atol=1e-9)


def test_where_a_mixture_has_features_that_its_networks_have_elsewhere():
    assert displaced(randomized(Images)) == "Conv2d: in_channels = width + side"
    assert displaced(randomized(Masked)) == ""


class Masked(SearchSpace):
    """A convolution whose width and kernel are choices, and one whose stride is no size."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        width = ValueChoice([2, 3, 5], label="width")
        kernel = ValueChoice([1, 3], label="kernel")
        self.first = elastic.Conv2d(spec.channels, width, kernel, padding=kernel // 2)
        self.second = elastic.Conv2d(width, 2 * width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, C, H, W)`` to features of both widths."""
        return self.second(self.first(x))


def test_masks_and_kernels_are_those_of_the_papers():
    """FBNetV2: the output times the sum of the widths' masks; kernels in a sum of outputs."""
    torch.manual_seed(0)
    network = Masked.supernet(SPEC).double()
    mixture = Mixture(network, Masked.describe(SPEC)).double().train()
    with torch.no_grad():
        for alpha in mixture.alphas:
            alpha.normal_()
    width, kernel = (mixture.alpha(label).softmax(0) for label in ("width", "kernel"))
    x, one, two = images(0), network.first, network.second
    small = F.conv2d(x, one.weight[:, :, 1:2, 1:2], one.bias)
    large = F.conv2d(x, one.weight, one.bias, padding=1)
    masks = torch.tensor([[1.0, 1, 0, 0, 0], [1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]).double()
    y = (kernel[0] * small + kernel[1] * large) * (width @ masks).view(-1, 1, 1)
    z = F.conv2d(y, two.weight, two.bias)
    z = z * (width @ masks.repeat_interleave(2, dim=1)).view(-1, 1, 1)
    torch.testing.assert_close(mixture(x), z, rtol=1e-10, atol=1e-10)
    found = torch.autograd.grad(mixture(x).square().sum(), list(mixture.alphas))
    expected = torch.autograd.grad(z.square().sum(), list(mixture.alphas))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


class Strided(SearchSpace):
    """A stride that changes the size of the output."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__(spec)
        self.layer = elastic.Conv2d(spec.channels, 3, 3, ValueChoice([1, 2], label="stride"))
        self.rate = ValueChoice([0.0, 0.5], label="rate")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map ``(B, C, H, W)`` to features, scaled by the rate."""
        return self.layer(x) * self.rate.value


def test_sizes_without_a_mixture_are_refused_and_single_paths_have_them():
    network = Strided.supernet(SPEC).double()
    paths = SinglePath(network, Strided.describe(SPEC))
    paths.arch = Arch({"stride": 2, "rate": 0.5})
    expected = F.conv2d(images(0), network.layer.weight, network.layer.bias, 2) * 0.5
    assert torch.equal(paths(images(0)), expected)
    mixture = Mixture(network, paths.domains)
    with pytest.raises(UserError, match=r"the choices 'stride' lead to outputs of Conv2d") as told:
        mixture(images(0))
    assert "\n" not in str(told.value)
    with pytest.raises(UserError, match="the choice 'rate' is read as a plain value in forward"):
        mixture.value(network.rate)
