"""AZ-NAS, VKDNW and the aggregation of ranks against their formulas, by hand in float64."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nasbench.catalog import AGGREGATES, resolve
from nasbench.errors import UserError
from nasbench.interop.nasbench201 import parse
from nasbench.proxies import aggregation, az_nas, blocks, vkdnw
from nasbench.proxies.base import WORST, kaiming, scratch
from nasbench.space import Arch, DataSpec
from search_spaces.nasbench201 import NasBench201

BATCH = 5


class Block(nn.Module):
    """A convolution, BN and ReLU, with a shortcut where the shape stays."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(c_out)
        self.shortcut = c_in == c_out

    def forward(self, x):
        out = self.bn(self.conv(F.relu(x)))
        return out + x if self.shortcut else out


class Net(nn.Module):
    """Stem, a residual block, one of stride 2, and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3))
        self.stages = nn.Sequential(Block(3, 3, 1), Block(3, 5, 2))
        self.last = nn.Sequential(nn.BatchNorm2d(5), nn.ReLU())
        self.classifier = nn.Linear(5, 4)

    def forward(self, x):
        return self.classifier(self.last(self.stages(self.stem(x))).mean(dim=(2, 3)))


@pytest.fixture
def network():
    torch.manual_seed(1)
    return Net().double()


@pytest.fixture
def batch():
    return torch.zeros(BATCH, 2, 6, 6, dtype=torch.float64), torch.zeros(BATCH, dtype=torch.long)


def drawn(network, images):
    """Return the copy with new weights, and the noise, as a proxy draws them."""
    with scratch(network) as made:
        kaiming(made)
        return made, torch.randn_like(images)


def entropy(rows):
    """Return the entropy of the normalized eigenvalues of the covariance of ``rows``."""
    values = np.linalg.eigvalsh(np.cov(np.array(rows), rowvar=False, bias=True))
    shares = values / values.sum()
    return -sum(p * math.log(p) for p in shares if p > 0)


def test_the_weights_are_of_he_et_al(network):
    with scratch(network) as made:
        kaiming(made)
        wide = nn.Linear(400, 300)
        kaiming(wide)
    assert wide.weight.std().item() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert not wide.bias.any()
    assert not made.classifier.bias.any()
    assert (made.last[0].weight == 1).all()


def test_expressivity_and_progressivity_by_plain_loops(network, batch):
    made, x = drawn(network, batch[0])
    with torch.no_grad():
        first = made.stem(x)
        second = made.stages[0](first)
        third = made.stages[1](second)
    every = []
    for map_ in (first, second, third):
        n, _, h, w = map_.shape
        cells = itertools.product(range(n), range(h), range(w))
        every.append(entropy([map_[i, :, r, c].numpy() for i, r, c in cells]))
    found = az_nas.scores(network, *batch)
    assert found["expressivity"] == pytest.approx(sum(every), rel=1e-6)
    steps = every[1] - every[0], every[2] - every[1]
    assert found["progressivity"] == pytest.approx(min(steps), rel=1e-6)


def test_trainability_by_plain_loops(network, batch):
    with scratch(network) as made:
        kaiming(made)
        x = torch.randn_like(batch[0]).requires_grad_()
        maps = [made.stem(x)]
        maps.append(made.stages[0](maps[0]))
        maps.append(made.stages[1](maps[1]))
        terms = []
        for before, after in itertools.pairwise(maps):
            signs = (torch.randint(0, 2, after.shape) * 2 - 1).double()
            (back,) = torch.autograd.grad((after * signs).sum(), before, retain_graph=True)
            stride = before.shape[2] // after.shape[2]
            rows, columns = [], []
            for i, r, c in itertools.product(*map(range, (BATCH, *after.shape[2:]))):
                columns.append(signs[i, :, r, c].numpy())
                window = back[i, :, r * stride : (r + 1) * stride, c * stride : (c + 1) * stride]
                rows.append(window.reshape(-1).numpy())
            jacobian = np.mean([np.outer(a, b) for a, b in zip(rows, columns, strict=True)], 0)
            norm = np.linalg.norm(jacobian, 2)
            terms.append(2 - norm - 1 / (norm + 1e-6))
    found = resolve("proxy", "trainability")(network, *batch)
    assert found == pytest.approx(np.mean(terms), rel=1e-9)
    assert found <= 0


def test_the_blocks_of_nas_bench_201_are_its_stem_cells_and_reductions():
    """All three scores from the six maps, reductions by windows of 2 x 2 inputs."""
    cell = parse("|nor_conv_3x3~0|+|avg_pool_3x3~0|none~1|+|nor_conv_1x1~0|none~1|skip_connect~2|")
    spec = DataSpec(3, 8, 8, 10)
    network = NasBench201.freeze(Arch(cell), spec, channels=4, cells=1).double()
    images = torch.zeros(BATCH, 3, 8, 8, dtype=torch.float64)
    with scratch(network) as made:
        kaiming(made)
        x = torch.randn_like(images).requires_grad_()
        maps = list(itertools.accumulate(made.stages, lambda f, b: b(f), initial=made.stem(x)))
        norms = []
        for before, after in itertools.pairwise(maps):
            signs = (torch.randint(0, 2, after.shape) * 2 - 1).double()
            (back,) = torch.autograd.grad(after, before, signs, retain_graph=True)
            stride = before.shape[2] // after.shape[2]
            each = torch.einsum("ncij,ndij->cd", F.pixel_unshuffle(back, stride), signs)
            norms.append(np.linalg.norm(each.numpy() * signs.shape[1] / signs.numel(), 2))
    assert [tuple(one.shape[1:]) for one in maps] == [(4, 8, 8)] * 2 + [(8, 4, 4)] * 2 + [
        (16, 2, 2)
    ] * 2
    every = [entropy(one.detach().movedim(1, 3).flatten(0, 2).numpy()) for one in maps]
    found = az_nas.scores(network, images, torch.zeros(BATCH, dtype=torch.long))
    assert found["expressivity"] == pytest.approx(sum(every), rel=1e-6)
    assert found["progressivity"] == pytest.approx(min(np.diff(every)), rel=1e-5)
    assert found["trainability"] == pytest.approx(
        np.mean([2 - norm - 1 / (norm + 1e-6) for norm in norms]), rel=1e-9
    )


def test_a_singular_covariance_has_an_entropy():
    """In float32 its smallest eigenvalues may be rounded below 0."""
    stream = torch.Generator().manual_seed(0)
    rows = torch.randn(400, 3, generator=stream) @ torch.randn(3, 32, generator=stream)
    assert az_nas._entropy(rows) == pytest.approx(entropy(rows.double().numpy()), abs=1e-4)


def test_a_block_that_does_nothing_is_not_trainable(network, batch):
    class Nothing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Conv2d(3, 3, 1)

        def forward(self, x):
            return x * 1.0

    network.stages[0] = Nothing().double()
    found = az_nas.scores(network, *batch)
    assert found["trainability"] == WORST
    assert found["progressivity"] == pytest.approx(0, abs=0.5)
    network.stages[0].forward = lambda x: x * 0
    found = az_nas.scores(network, *batch)
    assert found == dict.fromkeys(found, WORST) | {"trainability": found["trainability"]}


def test_the_entropy_does_not_change_with_scale_and_rotation():
    """At most the logarithm of the channels, which isotropic features reach."""
    stream = torch.Generator().manual_seed(0)
    rows = torch.randn(50, 4, generator=stream, dtype=torch.float64)
    turned = torch.linalg.qr(torch.randn(4, 4, generator=stream, dtype=torch.float64)).Q
    plain = az_nas._entropy(rows)
    assert az_nas._entropy(7 * rows @ turned + 3) == pytest.approx(plain, rel=1e-6)
    corners = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=3)), dtype=torch.float64)
    assert az_nas._entropy(corners) == pytest.approx(math.log(3), rel=1e-6)


@pytest.mark.parametrize(
    ("have", "want"), [((4, 6), (2, 3)), ((5, 5), (3, 3)), ((8,), (2,)), ((4, 4, 2), (2, 2, 1))]
)
def test_windows_of_a_map(have, want):
    value = torch.arange(2 * 3 * math.prod(have), dtype=torch.float64).reshape(2, 3, *have)
    rows = blocks.Map(value, last=False).folded(want).samples()
    steps = [-(-a // b) for a, b in zip(have, want, strict=True)]
    expected = []
    for image, *place in itertools.product(range(2), *map(range, want)):
        inside = [
            range(p * s, min((p + 1) * s, n)) for p, s, n in zip(place, steps, have, strict=True)
        ]
        cells = itertools.product(range(3), *inside)
        expected.append(sorted(value[(image, *cell)].item() for cell in cells))
    found = [sorted(row.tolist())[-len(e) :] for row, e in zip(rows, expected, strict=True)]
    assert found == expected


def test_blocks_are_cells_and_not_their_parts(network):
    assert blocks.primary_blocks(network) == [network.stem, *network.stages, network.classifier]
    wrapped = nn.Module()
    wrapped.network = network
    assert blocks.primary_blocks(wrapped) == blocks.primary_blocks(network)
    vgg = nn.Sequential(
        nn.Conv2d(1, 2, 1), nn.ReLU(), nn.Sequential(nn.Conv2d(2, 2, 1), nn.ReLU())
    )
    assert blocks.primary_blocks(vgg) == [vgg[0], vgg[2]]


def test_blocks_of_a_transformer():
    """Its blocks map (B, L, C); the convolution that makes patches maps (B, C, H, W)."""

    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(2, 6, 3, 3)
            self.layers = nn.ModuleList(
                nn.TransformerEncoderLayer(6, 2, 8, batch_first=True) for _ in range(3)
            )
            self.head = nn.Linear(6, 4)

        def forward(self, x):
            x = self.patches(x).flatten(2).transpose(1, 2)
            for layer in self.layers:
                x = layer(x)
            return self.head(x.mean(1))

    torch.manual_seed(0)
    network, images = Patches().double(), torch.zeros(3, 2, 6, 6, dtype=torch.float64)
    maps = blocks.recorded(network, lambda: network(images))
    assert [(one.last, one.samples().shape) for one in maps] == [(True, (12, 6))] * 3
    found = az_nas.scores(network, images, torch.zeros(3, dtype=torch.long))
    assert all(math.isfinite(value) for value in found.values())


def jacobian(made, x):
    """Return d logit / d first number of each weight and bias, by central differences."""
    parameters, step = list(made.parameters()), 1e-5
    columns = []
    for parameter in parameters:
        place = (0,) * parameter.dim()
        with torch.no_grad():
            sides = []
            for sign in (1, -1):
                parameter[place] += sign * step
                sides.append(made(x))
                parameter[place] -= sign * step
        columns.append(((sides[0] - sides[1]) / (2 * step)).numpy())
    return np.stack(columns, axis=2)  # (B, logits, parameters)


def test_vkdnw_by_plain_loops(network, batch):
    made, x = drawn(network, batch[0])
    made.eval()
    every = jacobian(made, x)
    with torch.no_grad():
        chances = 0.95 * made(x).softmax(1).numpy() + 0.05 / 4
    fisher = np.zeros((every.shape[2],) * 2)
    for rows, p in zip(every, chances, strict=True):
        fisher += rows.T @ (np.diag(p) - np.outer(p, p)) @ rows / BATCH
    np.testing.assert_allclose(vkdnw.fisher(network, batch[0]).numpy(), fisher, atol=1e-8)
    deciles = np.quantile(np.linalg.eigvalsh(fisher).clip(0), [k / 10 for k in range(1, 10)])
    shares = deciles / deciles.sum()
    expected = -sum(q * math.log(q) for q in shares if q > 0)
    found = vkdnw.scores(network, *batch)
    assert found["score"] == pytest.approx(expected, abs=1e-5)
    assert 0 < found["score"] < math.log(9)
    assert found["single"] == len(every[0][0]) + found["score"]


def test_fisher_of_a_linear_layer_is_that_of_a_logistic_regression(batch):
    """The information of w_00 and b_0 is the mean of p (1 - p) (x_0, 1) (x_0, 1)^T."""
    layer = nn.Linear(3, 2).double()
    x = torch.zeros(BATCH, 3, dtype=torch.float64)
    made, noise = drawn(layer, x)
    p = 0.95 * made(noise).softmax(1)[:, 0] + 0.025
    features = torch.stack((noise[:, 0], torch.ones(BATCH, dtype=torch.float64)), 1)
    expected = (p * (1 - p))[:, None, None] * features[:, :, None] * features[:, None]
    torch.testing.assert_close(vkdnw.fisher(layer, x), expected.mean(0).detach())


def test_vkdnw_takes_the_first_128_parameters(batch):
    layers = [nn.Linear(3, 3) for _ in range(70)]
    deep = nn.Sequential(*layers, nn.Linear(3, 2)).double()
    x = torch.zeros(BATCH, 3, dtype=torch.float64)
    assert vkdnw.fisher(deep, x).shape == (128, 128)
    assert vkdnw.scores(deep, x, batch[1])["single"] == pytest.approx(142, abs=math.log(9))


def test_vkdnw_counts_no_layers_for_training_alone(network, batch):
    before = vkdnw.scores(network, *batch)
    network.auxiliary, network.training_only = nn.Linear(4, 3).double(), ("auxiliary",)
    assert vkdnw.scores(network, *batch) == before


def test_vkdnw_of_one_output_and_of_none(batch):
    x = torch.zeros(BATCH, 3, dtype=torch.float64)
    assert vkdnw.scores(nn.Linear(3, 1).double(), x, batch[1])["score"] > 0
    assert vkdnw.scores(nn.Identity(), x, batch[1])["score"] == WORST


def test_ranks_are_aggregated_by_the_sum_of_their_logarithms():
    scores = {
        "a": np.array([3.0, -np.inf, 1.0, 3.0]),  # ranks 3.5, 1, 2, 3.5
        "b": np.array([0.1, 0.2, 0.3, 0.4]),
    }
    found = aggregation.values("a+b", scores)
    expected = [math.log(a / 4) + math.log(b / 4) for a, b in ((3.5, 1), (1, 2), (2, 3), (3.5, 4))]
    np.testing.assert_allclose(found, expected)
    assert np.array_equal(aggregation.values("a", scores), scores["a"])
    assert np.array_equal(
        aggregation.values("a+b", {"a": scores["a"] * 5, "b": np.exp(scores["b"])}), found
    )


def test_an_aggregate_is_one_term_of_another():
    stream = np.random.default_rng(0)
    names = aggregation.members(["az-nas+x"])
    assert names == ["expressivity", "progressivity", "trainability", "macs", "x"]
    scores = {name: stream.random(20) for name in names}
    alone = aggregation.values("az-nas", scores)
    expected = np.log((alone.argsort().argsort() + 1) / 20) + np.log(
        (scores["x"].argsort().argsort() + 1) / 20
    )
    np.testing.assert_allclose(aggregation.values("az-nas+x", scores), expected)


def test_the_catalog_lists_the_aggregates():
    assert {name: resolve("proxy", name) for name in AGGREGATES} == dict(aggregation.AGGREGATES)
    for name in aggregation.members(AGGREGATES):
        assert callable(resolve("proxy", name))


@pytest.mark.parametrize("name", ["a+", "+a", "a++b"])
def test_a_term_must_be_named(name):
    with pytest.raises(UserError, match=r"must name a proxy on both sides of every plus sign$"):
        aggregation.members([name])
