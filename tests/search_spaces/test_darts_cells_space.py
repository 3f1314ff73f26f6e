"""Networks of given cells, beside the DARTS space's and by hand."""

from __future__ import annotations

import pytest
import torch

from nasbench.errors import UserError
from nasbench.interop import foreign, zoo
from nasbench.space import DataSpec
from search_spaces.darts import Darts
from search_spaces.darts_cells import DartsCells

CIFAR, SMALL = DataSpec(3, 32, 32, 10), DataSpec(1, 8, 8, 10)
# Five nodes, both inputs of a node the same state, and an output of loose ends, as in AmoebaNet.
LOOSE = (
    "Genotype(normal=[('avg_pool_3x3', 0), ('max_pool_3x3', 1), ('sep_conv_3x3', 0), "
    "('sep_conv_5x5', 2), ('sep_conv_3x3', 0), ('avg_pool_3x3', 3), ('sep_conv_3x3', 1), "
    "('skip_connect', 1), ('skip_connect', 0), ('avg_pool_3x3', 1)], normal_concat=[4, 5, 6], "
    "reduce=[('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('max_pool_3x3', 0), ('sep_conv_7x7', 2), "
    "('sep_conv_7x7', 0), ('avg_pool_3x3', 1), ('max_pool_3x3', 0), ('max_pool_3x3', 1), "
    "('conv_7x1_1x7', 0), ('sep_conv_3x3', 5)], reduce_concat=[3, 4, 6])"
)


def frozen(text, spec, **arguments):
    domains = DartsCells.describe(spec, genotype=text, **arguments)
    (arch,) = domains.enumerate()
    return DartsCells.freeze(arch, spec, genotype=text, **arguments)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("DARTS_V1", 3_169_414),
        ("DARTS_V2", 3_349_342),
        ("PC_DARTS_cifar", 3_634_678),
        ("GDAS_V1", 3_368_782),
    ],
)
def test_published_cells_have_their_parameters(name, parameters):
    with torch.device("meta"):
        network = frozen(zoo.published(name).genotype, CIFAR, channels=36, layers=20)
    assert sum(p.numel() for p in network.parameters()) == parameters


def test_it_computes_what_the_darts_space_computes():
    arch = Darts.describe(SMALL).arch(foreign.read(zoo.published("GDAS_V1").genotype).arch)
    searched = Darts.freeze(arch, SMALL, channels=4, layers=4).eval()
    given = frozen(Darts.text(arch), SMALL, channels=4, layers=4).eval()
    theirs, ours = searched.state_dict().values(), given.state_dict()
    assert [value.shape for value in ours.values()] == [value.shape for value in theirs]
    given.load_state_dict(dict(zip(ours, theirs, strict=True)))
    x = torch.randn(2, 1, 8, 8)
    assert torch.equal(given(x), searched(x))


def test_loose_ends_make_the_output():
    network = frozen(LOOSE, SMALL, channels=4, layers=4, auxiliary=True)
    shapes = []
    for cell in network.cells:
        cell.register_forward_hook(lambda m, i, out: shapes.append(tuple(out.shape[1:])))
    logits, auxiliary = network(torch.randn(2, 1, 8, 8))
    assert shapes == [(12, 8, 8), (24, 4, 4), (48, 2, 2), (48, 2, 2)]
    assert logits.shape == auxiliary.shape == (2, 10)


def test_the_two_lines_of_a_convolution():
    network = frozen(LOOSE, SMALL, channels=4, layers=4)
    kernels = {
        m.kernel_size: m.stride
        for m in network.cells[1].modules()
        if isinstance(m, torch.nn.Conv2d) and 7 in m.kernel_size and m.groups == 1
    }
    assert kernels == {(1, 7): (1, 2), (7, 1): (2, 1)}


def test_any_number_of_edges():
    text = (
        "Genotype(normal=[('skip_connect', 2, 0), ('skip_connect', 3, 0), ('skip_connect', 3, 1), "
        "('skip_connect', 3, 2)], normal_concat=[2, 3], "
        "reduce=[('max_pool_3x3', 2, 0)], reduce_concat=[2])"
    )
    cell = frozen(text, SMALL, channels=4, layers=4).eval().cells[0]
    a, b = torch.randn(2, 1, 12, 8, 8)
    s0, s1 = cell.preprocess0(a), cell.preprocess1(b)
    expected = torch.cat([s0, s0 + s1 + s0], 1)
    assert torch.allclose(cell(a, b), expected)


def test_its_drawing_shows_what_is_concatenated():
    (arch,) = DartsCells.describe(SMALL, genotype=LOOSE).enumerate()
    normal, reduce = DartsCells.graphs(arch)
    assert [e.source for e in normal.edges if e.target == normal.output] == ["2", "3", "4"]
    assert [e.source for e in reduce.edges if e.target == reduce.output] == ["1", "2", "4"]


def test_an_unknown_operation_is_named():
    with pytest.raises(UserError, match="unknown operation 'sep_conv_9x9'"):
        DartsCells.describe(SMALL, genotype=LOOSE.replace("sep_conv_7x7", "sep_conv_9x9"))
