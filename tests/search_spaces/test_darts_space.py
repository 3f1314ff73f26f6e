"""The DARTS space against published counts and the paper's construction."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from nasbench.errors import UserError
from nasbench.interop import genotype
from nasbench.interop.genotype import Cell, Genotype
from nasbench.interop.genotype_text import parse
from nasbench.nn.drop_path import DropPath, set_drop_path
from nasbench.space import Arch, DataSpec, Domains
from search_spaces.darts import Darts
from search_spaces.nasbench201 import NasBench201
from search_spaces.operations import FactorizedReduce

CIFAR = DataSpec(3, 32, 32, 10)
SMALL = DataSpec(1, 8, 8, 10)


@cache
def domains(spec=CIFAR):
    """The decisions, which are the same at every depth."""
    return Darts.describe(spec, channels=4, layers=3)


def arch_of(spec=CIFAR, seed=0):
    return domains(spec).sample(np.random.default_rng(seed))


def count(network):
    return sum(p.numel() for p in network.parameters())


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    ["DARTS_V2", "GDAS_V1"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("DARTS_V1", "PC_DARTS_cifar")],
)
def test_evaluation_networks_have_the_published_parameters(published, name):
    cells = published[name]["genotype"]
    found = parse(f"{name} = Genotype(normal={cells['normal']}, reduce={cells['reduce']})")
    arch = domains().arch(genotype.to_choices(found))
    with torch.device("meta"):
        network = Darts.freeze(arch, CIFAR, channels=36, layers=20)
    assert count(network) == round(published[name]["computed_params_M_C36_L20"] * 1e6)


@pytest.mark.parametrize("space", [Darts, NasBench201])
def test_the_decisions_of_a_shallow_network_are_those_of_the_whole_one(space):
    with torch.device("meta"):
        whole = Domains(space._collect(SMALL, {}))
    assert list(space.describe(SMALL).items()) == list(whole.items())


def test_darts_v2_has_3349342_parameters():
    text = (
        "DARTS_V2 = Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
        "('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), ('skip_connect', 0), "
        "('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
        "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
        "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), "
        "('max_pool_3x3', 1)], reduce_concat=range(2, 6))"
    )
    arch = domains().arch(genotype.to_choices(parse(text)))
    with torch.device("meta"):
        assert count(Darts.freeze(arch, CIFAR, channels=36, layers=20)) == 3_349_342


def test_the_supernet_has_the_1_930618_million_parameters_that_its_authors_report():
    with torch.device("meta"):
        assert count(Darts.supernet(CIFAR, channels=16, layers=8)) == 1_930_618


@pytest.mark.parametrize(
    "spec",
    [
        DataSpec(1, 8, 8, 10),
        DataSpec(2, 9, 11, 3),
        DataSpec(3, 28, 28, 10),
        DataSpec(4, 17, 32, 2),
        DataSpec(1, 32, 64, 2),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_any_channels_sizes_and_classes(spec, seed):
    network = Darts.freeze(
        arch_of(spec, seed), spec, channels=4, layers=3, auxiliary=True, stem_multiplier=2
    )
    logits, extra = network(torch.randn(2, *spec.shape))
    assert logits.shape == extra.shape == (2, spec.classes)
    assert network.eval()(torch.randn(2, *spec.shape)).shape == (2, spec.classes)


def test_images_below_8x8_are_refused():
    with pytest.raises(ValueError, match="at least 8x8"):
        Darts(DataSpec(1, 7, 8, 2))


@pytest.mark.parametrize("argument", ["channels", "layers", "stem_multiplier", "nodes"])
def test_numbers_below_1_are_refused(argument):
    with pytest.raises(ValueError, match="at least 1"):
        Darts(SMALL, **{argument: 0})


@pytest.mark.parametrize("layers", [1, 2])
def test_a_search_without_a_normal_cell_is_refused(layers):
    with pytest.raises(ValueError, match=f"layers={layers}: a search of .* at least 3"):
        Darts.describe(SMALL, layers=layers)
    with pytest.raises(ValueError, match=f"layers={layers}: a search of .* at least 3"):
        Darts.supernet(SMALL, layers=layers)
    Darts.freeze(arch_of(), SMALL, layers=3)


def test_reductions_stand_at_a_third_and_two_thirds_and_double_the_channels():
    network = Darts.freeze(arch_of(), CIFAR, channels=4, layers=6)
    shapes = []
    for cell in network.cells:
        cell.register_forward_hook(lambda m, i, out: shapes.append(tuple(out.shape[1:])))
    network(torch.randn(1, 3, 32, 32))
    wide = [(16, 32, 32)] * 2 + [(32, 16, 16)] * 2 + [(64, 8, 8)] * 2
    assert shapes == wide


def test_a_cell_computes_what_its_genotype_says():
    sources = ((0, 1), (0, 2), (1, 3), (2, 4))
    pairs = tuple(("skip_connect", i) for pair in sources for i in pair)
    choices = genotype.to_choices(Genotype(Cell.of(pairs), Cell.of(pairs)))
    arch = domains(SMALL).arch(choices)
    cell = Darts.freeze(arch, SMALL, channels=4, layers=4).eval().cells[0]
    a, b = torch.randn(2, 1, 12, 8, 8)
    s = [cell.preprocess0(a), cell.preprocess1(b)]
    for one, other in sources:
        s.append(s[one] + s[other])
    assert torch.equal(cell(a, b), torch.cat(s[2:], 1))


def test_drop_path_covers_every_operation_but_identities():
    text = str(genotype.from_choices(arch_of()))
    network = Darts.freeze(arch_of(), CIFAR, channels=4, layers=3)
    identities = [m for m in network.modules() if isinstance(m, nn.Identity)]
    drops = [m for m in network.modules() if isinstance(m, DropPath)]
    assert len(identities) + len(drops) == 3 * 8, text
    assert not any(
        isinstance(part, nn.Identity)
        for m in network.modules()
        if isinstance(m, nn.Sequential) and any(isinstance(p, DropPath) for p in m)
        for part in m
    )


def test_drop_path_keeps_the_mean_and_drops_whole_examples():
    drop = DropPath()
    drop.p = 0.3
    out = drop(torch.ones(20_000, 2, 2))
    values = out.flatten(1)
    assert values.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    assert torch.equal(values.min(1).values, values.max(1).values)
    assert out.mean().item() == pytest.approx(1.0, abs=5 * (0.3 / 0.7 / 20_000) ** 0.5)
    assert torch.equal(drop.eval()(torch.ones(3)), torch.ones(3))


def test_set_drop_path_reaches_every_module():
    network = Darts.freeze(arch_of(), CIFAR, channels=4, layers=3)
    set_drop_path(network, 0.25)
    assert {m.p for m in network.modules() if isinstance(m, DropPath)} == {0.25}


@pytest.mark.parametrize(
    ("rendition", "affine", "pool_bn"), [("darts", True, 0), ("nni", False, 1)]
)
def test_renditions(rendition, affine, pool_bn):
    arch = arch_of(seed=1)
    network = Darts.freeze(arch, CIFAR, channels=4, layers=3, rendition=rendition)
    norms = [m for m in network.cells.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {norm.affine for norm in norms} == {affine}
    pools = [m for m in network.modules() if type(m).__name__ == "Pool"]
    assert pools
    assert {len(pool) - 1 for pool in pools} == {pool_bn}


def test_an_unknown_rendition_is_named():
    with pytest.raises(UserError, match="did you mean darts"):
        Darts(SMALL, rendition="dart")


def test_factorized_reduce_at_even_sizes_is_the_authors():
    reduce = FactorizedReduce(8, 4, affine=False).eval()
    x = torch.randn(2, 8, 6, 6)
    r = x.relu()
    one, other = reduce.conv1.weight, reduce.conv2.weight
    strided = [
        nn.functional.conv2d(r, one, stride=2),
        nn.functional.conv2d(r[:, :, 1:, 1:], other, stride=2),
    ]
    torch.testing.assert_close(reduce(x), reduce.bn(torch.cat(strided, 1)))


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "Genotype(normal=[('a', 0)])",
        "Genotype(normal=[('a',)], reduce=[('b', 1)])",
        "Genotype(normal=[('a', 0)], reduce=[('b', 1)])",
        "x = 3",
        "",
        "Genotype(normal=[",
    ],
)
def test_other_texts_are_no_genotype(text):
    with pytest.raises(UserError, match="not a DARTS genotype"):
        parse(text)


def test_genotype_text_round_trip():
    rng = np.random.default_rng(5)
    for _ in range(50):
        arch = domains().sample(rng)
        again = genotype.to_choices(parse(Darts.text(arch)))
        assert domains().arch(again) == arch


def test_the_drawing_shows_both_cells():
    normal, reduce = Darts.graphs(arch_of())
    assert normal.title == "normal cell"
    assert reduce.title == "reduction cell"
    for graph in (normal, reduce):
        assert len([e for e in graph.edges if e.label]) == 8
        assert len([e for e in graph.edges if e.target == graph.output]) == 4


def test_the_auxiliary_head_counts_in_no_result(published):
    from nasbench.cost.params import inference_parameter_count

    cells = published["DARTS_V2"]["genotype"]
    found = parse(f"Genotype(normal={cells['normal']}, reduce={cells['reduce']})")
    arch = domains().arch(genotype.to_choices(found))
    with torch.device("meta"):
        network = Darts.freeze(arch, CIFAR, channels=36, layers=20, auxiliary=True)
    assert count(network) > 3_349_342
    assert inference_parameter_count(network, network.training_only) == 3_349_342


def test_one_layer_has_an_auxiliary_head_of_its_own_width():
    cell = tuple(("skip_connect", i) for _ in range(4) for i in (0, 1))
    both = genotype.to_choices(Genotype(Cell.of(cell), Cell.of(cell)))
    arch = domains(SMALL).arch(both)
    reduce_only = Arch({k: v for k, v in arch.items() if k.startswith("reduce")})
    network = Darts.freeze(reduce_only, SMALL, channels=4, layers=1, auxiliary=True)
    assert [y.shape for y in network(torch.randn(2, 1, 8, 8))] == [(2, 10), (2, 10)]


def test_the_drawing_of_a_supernet_is_thick_where_it_is_sure():
    arch = arch_of()
    edges = {label: domain for label, domain in domains().items() if "/p" in label}
    weights = {
        label: {name: 0.8 if name == "skip_connect" else 0.02 for name in domain.candidates}
        for label, domain in edges.items()
    }
    weights["normal/n2/p0"] |= {"none": 0.9, "skip_connect": 0.01, "dil_conv_3x3": 0.07}
    normal, reduce = Darts.supernet_graphs(weights, arch)
    drawn = [edge for edge in normal.edges if edge.label]
    assert len(drawn) == len([edge for edge in reduce.edges if edge.label]) == 14 * 8
    shares = {(edge.source, edge.target, edge.label): edge for edge in drawn}
    weak = shares["c_{k-2}", "0", "skip_connect"]
    strong = shares["c_{k-1}", "0", "skip_connect"]
    assert (weak.share, strong.share) == (0.01, 0.8)
    assert strong.weight > 4 * weak.weight
    assert sum(not edge.ghost for edge in drawn) == 8
    inputs = [f"c_{{k-{2 - i}}}" if i < 2 else str(i - 2) for i in arch["normal/n4/switch"]]
    assert [e.source for e in drawn if e.target == "2" and not e.ghost] == inputs


@pytest.mark.parametrize("channels", [2, 5, 8])
def test_a_factorized_reduction_of_few_channels_is_that_of_many(channels):
    """Both convolutions see every second pixel; oneDNN cannot compute the gradient of the few."""
    torch.manual_seed(0)
    layer = FactorizedReduce(channels, 4, affine=False).to(memory_format=torch.channels_last)
    x = torch.randn(8, channels, 6, 6).to(memory_format=torch.channels_last).requires_grad_()
    out = layer(x)
    out.square().mul(torch.linspace(0, 1, out.numel()).view_as(out)).sum().backward()
    one, other = (c.weight.detach().double().requires_grad_() for c in (layer.conv1, layer.conv2))
    y = x.detach().double().contiguous().requires_grad_()
    shifted = nn.functional.pad(y[:, :, 1:, 1:], (0, 1, 0, 1))[:, :, :6, :6]
    pairs = ((one, y), (other, shifted))
    parts = [
        torch.einsum("oc,bchw->bohw", w[:, :, 0, 0], z.relu()[:, :, ::2, ::2]) for w, z in pairs
    ]
    truth = nn.functional.batch_norm(torch.cat(parts, 1), None, None, training=True)
    truth.square().mul(torch.linspace(0, 1, out.numel()).view_as(out)).sum().backward()
    torch.testing.assert_close(out.double(), truth, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(x.grad.double(), y.grad, rtol=1e-3, atol=1e-4)
    for ours, theirs in ((layer.conv1.weight, one), (layer.conv2.weight, other)):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-3, atol=1e-4)
