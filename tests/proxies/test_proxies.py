"""Every proxy against a plain reference in float64, and what all proxies owe."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nasbench.catalog import resolve
from nasbench.errors import UserError
from nasbench.proxies import zico
from nasbench.proxies.base import WORST, finite, scratch

BATCH, CLASSES = 6, 3


class Small(nn.Module):
    """Two convolutions with BN, one of them with a shortcut, and a linear layer."""

    def __init__(self, classes: int = CLASSES, dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.bn = nn.BatchNorm2d(4)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(4, 4, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4, classes)

    def forward(self, x):
        x = self.bn(self.stem(x))
        x = x + self.bn2(self.conv(self.relu(x)))
        return self.head(self.dropout(torch.relu(x).mean(dim=(2, 3))))

    def layers(self):
        return [self.stem, self.conv, self.head]


@pytest.fixture
def network():
    torch.manual_seed(3)
    return Small().double()


@pytest.fixture
def batch():
    stream = torch.Generator().manual_seed(4)
    images = torch.randn(BATCH, 2, 5, 5, generator=stream, dtype=torch.float64)
    return images, torch.tensor([0, 1, 2, 0, 1, 0])


def score(name, network, batch):
    return resolve("proxy", name)(network, *batch)


def gradients(network, images, labels):
    """Return weight and gradient of every layer, as numpy arrays."""
    made = copy.deepcopy(network).train()
    F.cross_entropy(made(images), labels).backward()
    return [(m.weight.detach().numpy(), m.weight.grad.numpy()) for m in made.layers()]


def test_params_counts_all_of_them(network, batch):
    assert score("params", network, batch) == (2 * 4 * 9 + 4) + 4 * 4 + 2 * 8 + (4 * 3 + 3)


def test_params_leave_out_what_is_for_training_alone(network, batch):
    network.auxiliary, network.training_only = nn.Linear(4, 3), ("auxiliary",)
    assert score("params", network, batch) == 76 + 16 + 16 + 15


def test_macs_counts_products(network, batch):
    assert score("macs", network, batch) == 25 * (2 * 4 * 9 + 4 * 4) + 4 * 3


def test_grad_norm_is_the_sum_of_norms(network, batch):
    expected = sum(math.sqrt((g**2).sum()) for _, g in gradients(network, *batch))
    assert score("grad_norm", network, batch) == pytest.approx(expected, rel=1e-9)


def test_snip_is_the_sum_of_sensitivities(network, batch):
    expected = sum(abs(w * g).sum() for w, g in gradients(network, *batch))
    assert score("snip", network, batch) == pytest.approx(expected, rel=1e-9)


def test_grasp_is_minus_w_h_g(network, batch):
    """H g is the change of the gradient on a tiny step along g."""
    pairs, step = gradients(network, *batch), 1e-6

    def moved(sign):
        made = copy.deepcopy(network)
        for layer, (_, g) in zip(made.layers(), pairs, strict=True):
            layer.weight.data += sign * step * torch.tensor(g)
        return [g for _, g in gradients(made, *batch)]

    change = zip(moved(1), moved(-1), strict=True)
    products = [(ahead - back) / (2 * step) for ahead, back in change]
    expected = -sum((w * h).sum() for (w, _), h in zip(pairs, products, strict=True))
    assert expected != 0
    assert score("grasp", network, batch) == pytest.approx(expected, rel=1e-5)


def test_synflow_sums_all_paths(batch):
    """A path's flow is the product of its weights, and passes every layer once."""
    network = nn.Sequential(nn.Linear(3, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False))
    first, last = (network[i].weight.detach().double().abs().numpy() for i in (0, 2))
    paths = sum(
        last[k, j] * first[j, i] for i, j, k in itertools.product(range(3), *[range(2)] * 2)
    )
    images = torch.randn(4, 3)
    assert score("synflow", network, (images, batch[1][:4])) == pytest.approx(math.log(2 * paths))


def test_synflow_has_no_bn_and_is_differentiated_in_absolute_weights(network, batch):
    made = copy.deepcopy(network)
    made.bn, made.bn2 = nn.Identity(), nn.Identity()
    for parameter in made.parameters():
        parameter.data = parameter.data.abs()
    made(torch.ones_like(batch[0][:1])).sum().backward()
    flow = sum(float((m.weight.detach() * m.weight.grad).sum()) for m in made.layers())
    assert score("synflow", network, batch) == pytest.approx(math.log(flow), rel=1e-9)


def test_synflow_of_a_deep_network_is_a_number():
    deep = nn.Sequential(*(nn.Linear(8, 8) for _ in range(60)))
    for layer in deep:
        layer.weight.data.fill_(50.0)  # the sum is about 400 ** 60, beyond float32
    found = score("synflow", deep, (torch.randn(2, 8), torch.tensor([0, 1])))
    # Biases make up for a vanishing part; each of the 60 layers sees the whole flow.
    assert found == pytest.approx(60 * math.log(400) + math.log(60 * 8), rel=1e-3)


def test_fisher_by_plain_loops(network, batch):
    images, labels = batch
    made = copy.deepcopy(network).train()
    x = made.stem(images)
    x.retain_grad()
    z = made.conv(made.relu(made.bn(x)))
    z.retain_grad()
    out = made.head((made.bn(x) + made.bn2(z)).relu().mean(dim=(2, 3)))
    out.retain_grad()
    F.cross_entropy(out, labels).backward()
    expected = 0.0
    for output, weights in ((x, 18), (z, 4), (out, 4)):
        product = output.detach() * output.grad
        for channel in range(output.shape[1]):
            sums = [float(product[n, channel].sum()) for n in range(BATCH)]
            expected += weights * 0.5 * sum(s * s for s in sums) / BATCH
    assert score("fisher", network, batch) == pytest.approx(expected, rel=1e-9)


def jacobian(network, images):
    inputs = images.clone().requires_grad_(True)
    copy.deepcopy(network).train()(inputs).sum().backward()
    return inputs.grad.reshape(len(images), -1).numpy()


def test_jacov_by_eigenvalues(network, batch):
    v = np.linalg.eigvals(np.corrcoef(jacobian(network, batch[0]))).real + 1e-5
    expected = -(np.log(v) + 1 / v).sum()
    assert score("jacov", network, batch) == pytest.approx(expected, rel=1e-6)


def per_class(network, batch, classes):
    rows = jacobian(network, batch[0])
    terms = {}
    for c in {int(label) for label in batch[1]}:
        members = [rows[i] for i in range(BATCH) if batch[1][i] == c]
        pairs = itertools.product(members, repeat=2)
        term = sum(math.log(abs(np.corrcoef(a, b)[0, 1]) + 1e-5) for a, b in pairs)
        terms[c] = term / len(members) if classes > 100 else term
    return list(terms.values())


def test_epe_sums_over_classes(network, batch):
    expected = sum(abs(term) for term in per_class(network, batch, CLASSES))
    assert score("epe", network, batch) == pytest.approx(expected, rel=1e-6)


def test_epe_of_many_classes_compares_them(batch):
    torch.manual_seed(5)
    network = Small(classes=101).double()
    terms = per_class(network, batch, 101)
    expected = sum(abs(a - b) for a, b in itertools.product(terms, repeat=2)) / len(terms)
    assert score("epe", network, batch) == pytest.approx(expected, rel=1e-6)


def test_naswot_counts_equal_relus(network, batch):
    """One ReLU of the network is a module, the other a call."""
    made = copy.deepcopy(network).train()
    with torch.no_grad():
        first = made.bn(made.stem(batch[0]))
        second = first + made.bn2(made.conv(first.relu()))
    codes = [
        [float(value) > 0 for z in (first, second) for value in z[n].flatten()]
        for n in range(BATCH)
    ]
    kernel = [
        [sum(a == b for a, b in zip(one, two, strict=True)) for two in codes] for one in codes
    ]
    expected = math.log(abs(np.linalg.det(np.array(kernel, dtype=float))))
    assert score("naswot", network, batch) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "relu", [nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6()], ids=["plain", "in place", "relu6"]
)
def test_naswot_sees_every_kind_of_relu(relu):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(5, 16), relu, nn.Linear(16, 2))
    plain = nn.Sequential(network[0], nn.ReLU(), network[2])
    batch = torch.randn(4, 5), torch.tensor([0, 1, 0, 1])
    assert score("naswot", network, batch) == score("naswot", plain, batch) > 0


def test_zen_by_its_parts(network, batch):
    """Weights and noise are drawn as in the proxy; all else is done by hand."""
    with scratch(network) as made:
        for layer in made.requires_grad_(False).layers():
            layer.weight.normal_()
    noise = torch.randn((2, *batch[0].shape), generator=torch.Generator().manual_seed(0))
    x, e = noise.double().numpy()

    def features(x):
        """Return the last 4-d output of a module, and the unbiased variances that BN meets."""
        x = F.conv2d(torch.tensor(x), made.stem.weight, padding=1)
        maps, met = [], []
        for weight in (made.conv.weight, None):
            flat = x.transpose(0, 1).flatten(1)
            mean, variance = flat.mean(1), flat.var(1, correction=0)
            met.append(flat.var(1, correction=1))
            shape = (1, -1, 1, 1)
            x = (x - mean.view(shape)) / (variance + 1e-5).sqrt().view(shape)
            maps.append(x)
            if weight is not None:
                x = F.conv2d(x.relu(), weight)
        return maps[-1].numpy(), met

    before, first = features(x)
    after, second = features(x + 0.01 * e)
    change = np.mean([abs(after[n] - before[n]).sum() for n in range(BATCH)])
    expected = math.log(change)
    for one, two in zip(first, second, strict=True):
        running = 0.9 * (0.9 * 1 + 0.1 * one) + 0.1 * two
        expected += math.log(math.sqrt(running.mean()))
    assert score("zen", network, batch) == pytest.approx(expected, rel=1e-5)


def test_zen_depends_on_neither_weights_nor_images(network, batch):
    torch.manual_seed(9)
    other = Small().double()
    images = torch.randn_like(batch[0])
    assert score("zen", network, batch) == score("zen", other, (images, batch[1]))


def test_zico_by_plain_loops(network, batch):
    images, labels = batch
    parts = [gradients(network, images[i : i + 2], labels[i : i + 2]) for i in (0, 2, 4)]
    expected = 0.0
    for layer in range(3):
        sizes = [abs(part[layer][1]).ravel() for part in parts]
        ratios = [np.mean(g) / np.std(g) for g in zip(*sizes, strict=True)]
        expected += math.log(sum(ratios))
    assert zico.score(network, *batch, parts=3) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("parts", [1, 7])
def test_zico_needs_parts(network, batch, parts):
    with pytest.raises(UserError, match=f"zico: {parts} parts of 6 images: must be 2..6"):
        zico.score(network, *batch, parts=parts)


def test_without_relu_there_is_no_pattern(batch):
    network = nn.Sequential(nn.Flatten(), nn.Linear(50, CLASSES)).double()
    assert score("naswot", network, batch) == WORST


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_no_number_is_the_worst(value):
    assert finite(value) == finite(torch.tensor(value)) == WORST
