"""NAS-Bench-Macro against its table, and ProxylessNAS's space against the paper's layout."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.cost.macs import multiply_adds
from nasbench.errors import UserError
from nasbench.interop.macro import arch_of, canonical
from nasbench.space import Arch, DataSpec
from search_spaces.layers import InvertedResidual
from search_spaces.mbconv import MacroSpace, Proxyless
from tests.search_spaces.conftest import (
    CIFAR,
    count,
    full_network,
    images,
)

SMALL = DataSpec(1, 8, 8, 10)
ALL = ["".join(digits) for digits in product("012", repeat=8)]


@pytest.mark.parametrize(
    ("digits", "parameters", "macs"),
    [
        ("02012100", 890_666, 47_327_744),
        ("11111221", 2_181_386, 65_012_224),
        ("00011110", 1_118_378, 31_390_208),
    ],
)
def test_parameters_and_multiply_adds_are_the_tables(digits, parameters, macs):
    network = full_network(MacroSpace, arch_of(digits), "cpu")
    assert count(network) == parameters
    assert multiply_adds(network, CIFAR.shape) == macs


def test_eight_layers_of_three_candidates():
    domains = MacroSpace.describe(CIFAR)
    assert domains.size == 6_561
    assert list(domains) == [f"layer{i}" for i in range(8)]
    assert {d.candidates for d in domains.values()} == {("identity", "mb3_k3", "mb6_k5")}


def test_digits_and_architectures_are_one_to_one():
    domains = MacroSpace.describe(CIFAR)
    assert [MacroSpace.text(domains.arch(arch_of(digits))) for digits in ALL] == ALL


def test_3969_networks_are_distinct():
    assert len({canonical(digits) for digits in ALL}) == 3_969
    assert all(canonical(canonical(digits)) == canonical(digits) for digits in ALL[::7])


@pytest.mark.parametrize(
    ("digits", "same"),
    [("02012100", "02012100"), ("00001002", "00010020"), ("11021010", "11021010")],
)
def test_an_identity_moves_to_the_end_of_its_stage(digits, same):
    assert canonical(digits) == same


def test_what_is_the_same_by_its_digits_computes_the_same():
    def network(digits):
        arch = Arch(arch_of(digits))
        return MacroSpace.freeze(arch, SMALL, width=0.25).eval()

    one, other = network("10102201"), network("10120210")
    assert canonical("10102201") == canonical("10120210")
    values = list(one.state_dict().values())
    other.load_state_dict(dict(zip(other.state_dict(), values, strict=True)))
    assert torch.equal(one(images(SMALL)), other(images(SMALL)))


@pytest.mark.parametrize(
    "digits", ["", "0201210", "020121000", "02012103", "0201210x", "²0000000"]
)
@pytest.mark.parametrize("function", [arch_of, canonical])
def test_other_texts_are_no_architecture(function, digits):
    with pytest.raises(UserError, match=r"not a NAS-Bench-Macro architecture.*8 digits") as error:
        function(digits)
    assert "\n" not in str(error.value)


def test_an_identity_of_stride_2_is_a_convolution_without_relu():
    layers = MacroSpace.freeze(Arch(arch_of("00000000")), SMALL, width=0.25).layers
    kinds = [[type(m) for m in layer.modules() if not list(m.children())] for layer in layers]
    halving, nothing = [nn.Conv2d, nn.BatchNorm2d], [nn.Identity]
    assert kinds == [halving, nothing, halving, nothing, nothing, halving, nothing, nothing]


def test_an_inverted_residual_adds_its_input_where_the_shape_allows():
    x = torch.randn(2, 8, 5, 5)
    same = InvertedResidual(8, 8, 5, stride=1, expansion=3).eval()
    assert torch.equal(same(x), x + same.layers(x))
    for c_out, stride in ((16, 1), (8, 2)):
        other = InvertedResidual(8, c_out, 5, stride, expansion=3).eval()
        assert torch.equal(other(x), other.layers(x))
    kinds = [type(m) for m in same.layers.modules() if not list(m.children())]
    assert kinds == 2 * [nn.Conv2d, nn.BatchNorm2d, nn.ReLU] + [nn.Conv2d, nn.BatchNorm2d]


def test_proxyless_has_the_papers_blocks():
    domains = Proxyless.describe(CIFAR)
    assert domains.size == 6**6 * 7**15
    assert list(domains) == [*(f"s{s}_i{i}" for s in range(2, 7) for i in range(4)), "s7_i0"]
    operations = {f"k{k}e{e}" for k in (3, 5, 7) for e in (3, 6)}
    for label, domain in domains.items():
        extra = set() if label.endswith("_i0") else {"skip"}
        assert set(domain.candidates) == operations | extra


def test_proxyless_has_the_parameters_of_its_layout():
    labels = Proxyless.describe(CIFAR)
    choices = {label: "k5e3" if label.endswith("_i0") else "skip" for label in labels}
    choices["s3_i2"] = "k7e6"

    def mbconv(c_in, c_out, k, e):
        c = e * c_in
        expand = c_in * c + 2 * c if e > 1 else 0
        return expand + k * k * c + 2 * c + c * c_out + 2 * c_out

    widths = [16, 24, 40, 80, 96, 192, 320]
    blocks = [mbconv(a, b, 5, 3) for a, b in pairwise(widths)]
    rest = 27 * 32 + 64 + mbconv(32, 16, 3, 1) + 320 * 1280 + 2 * 1280 + 1280 * 10 + 10
    network = full_network(Proxyless, choices)
    assert count(network) == sum(blocks) + mbconv(40, 40, 7, 6) + rest


def test_proxyless_halves_the_size_in_stages_3_4_and_6():
    domains = Proxyless.describe(CIFAR, width=0.125)
    arch = domains.sample(np.random.default_rng(0))
    network = Proxyless.freeze(arch, CIFAR, width=0.125).eval()
    sizes = []
    for block in network.blocks:
        block.register_forward_hook(lambda m, i, out: sizes.append(out.shape[-1]))
    network(images(CIFAR, 1))
    assert sizes == [32] * 4 + [16] * 4 + [8] * 8 + [4] * 5


@pytest.mark.parametrize("space", [MacroSpace, Proxyless])
def test_a_bad_width_is_named(space):
    with pytest.raises(ValueError, match="width=0: must be a finite number above 0"):
        space.describe(CIFAR, width=0)


def test_a_bad_dropout_is_named():
    with pytest.raises(ValueError, match=r"dropout_rate=1: must be in \[0, 1\)"):
        Proxyless.describe(CIFAR, dropout_rate=1)
