"""The NAS-Bench-201 space against the benchmark's table."""

from __future__ import annotations

import csv
from itertools import cycle

import pytest
import torch
from torch import nn

from nasbench.cost.macs import multiply_adds
from nasbench.errors import UserError
from nasbench.interop.nasbench201 import EDGES, edge_label, parse
from nasbench.space import Arch, DataSpec
from search_spaces.nasbench201 import NasBench201, Reduction
from search_spaces.operations import Zero
from tests.search_spaces.conftest import (
    CIFAR,
    check_gradients,
    count,
    full_network,
    images,
)

SMALL = DataSpec(1, 8, 8, 10)
LABELS = ["edge_1_0", "edge_2_0", "edge_2_1", "edge_3_0", "edge_3_1", "edge_3_2"]
OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
FIRST = (
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+"
    "|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
)
MIXES = [(n1, n3) for n1 in range(7) for n3 in range(7 - n1)]


@pytest.fixture(scope="module")
def table(data_root):
    path = data_root / "nas-bench-201" / "nasbench201.csv"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def mix(n1, n3, filler):
    ops = ["nor_conv_1x1"] * n1 + ["nor_conv_3x3"] * n3
    return dict(zip(LABELS, ops + [filler] * (6 - n1 - n3), strict=True))


def test_parameters_follow_the_formula():
    for (n1, n3), filler in zip(MIXES, cycle(["none", "skip_connect", "avg_pool_3x3"])):
        network = full_network(NasBench201, mix(n1, n3, filler))
        assert count(network) == 73_306 + 28_000 * n1 + 243_040 * n3


@pytest.mark.slow
@pytest.mark.data
def test_parameters_and_flops_are_the_tables_for_all_mixes(table):
    rows = {}
    for row in table:
        mixed = tuple(row["arch_str"].count(f"|nor_conv_{k}x{k}~") for k in (1, 3))
        first = rows.setdefault(mixed, row)
        for column in ("params_c10_M", "flops_c10_M"):  # nothing else in a cell changes them
            assert row[column] == first[column]
    assert sorted(rows) == MIXES
    for row in rows.values():
        network = full_network(NasBench201, parse(row["arch_str"]), "cpu")
        assert count(network) == round(float(row["params_c10_M"]) * 1e6)
        # The benchmark's counter adds the ten additions of the classifier's bias.
        flops = multiply_adds(network, CIFAR.shape) + 10
        assert flops == round(float(row["flops_c10_M"]) * 1e6)


@pytest.mark.data
def test_the_space_holds_what_the_table_holds(table):
    texts = {NasBench201.text(arch) for arch in NasBench201.describe(CIFAR).enumerate()}
    assert texts == {row["arch_str"] for row in table}


def test_all_15625_survive_the_round_trip():
    domains = NasBench201.describe(CIFAR)
    assert domains.size == 15_625
    found = list(domains.enumerate())
    assert all(domains.arch(parse(NasBench201.text(arch))) == arch for arch in found)
    assert len({NasBench201.text(arch) for arch in found}) == 15_625


def test_labels_name_target_and_source():
    domains = NasBench201.describe(CIFAR)
    assert list(domains) == LABELS
    assert {d.options for d in domains.values()} == {OPS}
    assert parse(FIRST + "\n") == {
        "edge_1_0": "avg_pool_3x3",
        "edge_2_0": "nor_conv_1x1",
        "edge_2_1": "skip_connect",
        "edge_3_0": "nor_conv_1x1",
        "edge_3_1": "skip_connect",
        "edge_3_2": "skip_connect",
    }


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|",
        "|none~0|",
        FIRST.replace("~1", "~0"),
        FIRST.replace("+", ""),
        FIRST + "+",
        FIRST + "|none~3|",
        "|none~0" + FIRST,
        FIRST.replace("|skip_connect~1|+", "|skip_connect~1+"),
        FIRST.replace("|nor", " |nor", 1),
        "x" * 10_000,
        "Genotype(normal=[], reduce=[])",
    ],
)
def test_other_texts_are_no_cell(text):
    with pytest.raises(UserError, match=r"not a NAS-Bench-201 cell.*must look like") as error:
        parse(text)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


def test_an_unknown_operation_is_named():
    with pytest.raises(UserError, match=r"'nor_conv_5x5'.*did you mean.*nor_conv_3x3.*allowed"):
        parse(FIRST.replace("nor_conv_1x1", "nor_conv_5x5"))


def test_a_cell_computes_the_sums_of_its_edges():
    choices = {
        "edge_1_0": "nor_conv_3x3",
        "edge_2_0": "skip_connect",
        "edge_2_1": "avg_pool_3x3",
        "edge_3_0": "none",
        "edge_3_1": "nor_conv_1x1",
        "edge_3_2": "skip_connect",
    }
    network = NasBench201.freeze(Arch(choices), SMALL, channels=4, cells=1).eval()
    cell, x = network.stages[0], torch.randn(2, 4, 8, 8)
    conv3, conv1 = (cell.edges[e].candidates[choices[e]] for e in ("edge_1_0", "edge_3_1"))
    assert [type(m) for m in conv3] == [nn.ReLU, nn.Conv2d, nn.BatchNorm2d]
    one = conv3(x)
    two = x + nn.functional.avg_pool2d(one, 3, 1, 1, count_include_pad=False)
    torch.testing.assert_close(cell(x), conv1(one) + two)


def test_none_gives_zeros_and_holds_no_parameters():
    network = NasBench201.freeze(Arch(dict.fromkeys(LABELS, "none")), SMALL, channels=4, cells=2)
    zeros = [m for m in network.modules() if isinstance(m, Zero)]
    assert len(zeros) == 3 * 2 * 6
    assert all(count(zero) == 0 for zero in zeros)
    x = torch.randn(2, 4, 5, 7)
    assert torch.equal(network.stages[0](x), torch.zeros_like(x))
    check_gradients(network, SMALL)


def test_the_block_between_stages_is_the_benchmarks():
    block = Reduction(4, 8).eval()
    x = torch.randn(2, 4, 6, 6)
    layers = list(block.layers)
    assert [type(m) for m in layers] == [nn.ReLU, nn.Conv2d, nn.BatchNorm2d] * 2
    assert [(m.kernel_size, m.stride) for m in (layers[1], layers[4])] == [
        ((3, 3), (2, 2)),
        ((3, 3), (1, 1)),
    ]
    shortcut = nn.functional.conv2d(nn.functional.avg_pool2d(x, 2), block.shortcut[1].weight)
    torch.testing.assert_close(block(x), shortcut + block.layers(x))
    assert block(torch.randn(1, 4, 7, 5)).shape == (1, 8, 4, 3)


def test_stages_double_the_channels_and_halve_the_size():
    arch = Arch(dict.fromkeys(LABELS, "skip_connect"))
    network = NasBench201.freeze(arch, CIFAR, channels=4, cells=2).eval()
    shapes = []
    for part in network.stages:
        part.register_forward_hook(lambda m, i, out: shapes.append(tuple(out.shape[1:])))
    network(images(CIFAR, 1))
    assert shapes == [(4, 32, 32)] * 2 + [(8, 16, 16)] * 3 + [(16, 8, 8)] * 3


@pytest.mark.parametrize("frozen", [True, False])
def test_bn_in_the_cells_has_parameters_in_the_plain_network_only(frozen):
    arguments = {"channels": 4, "cells": 1}
    arch = Arch(dict.fromkeys(LABELS, "nor_conv_1x1"))
    network = (
        NasBench201.freeze(arch, SMALL, **arguments)
        if frozen
        else NasBench201.supernet(SMALL, **arguments)
    )
    cells = [part for part in network.stages if not isinstance(part, Reduction)]
    norms = [m for cell in cells for m in cell.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {norm.affine for norm in norms} == {frozen}
    assert all(norm.track_running_stats for norm in norms)


def test_the_drawing_shows_the_six_edges():
    (graph,) = NasBench201.graphs(Arch(parse(FIRST)))
    assert (graph.inputs, graph.output, graph.nodes) == (("0",), "3", ["0", "1", "2", "3"])
    assert len(graph.edges) == len(EDGES) == 6
    drawn = {edge_label(int(e.target), int(e.source)): e.label for e in graph.edges}
    assert drawn == parse(FIRST)


@pytest.mark.parametrize("argument", ["channels", "cells"])
def test_numbers_below_1_are_refused(argument):
    with pytest.raises(ValueError, match=f"{argument}=0.*must be at least 1"):
        NasBench201.describe(CIFAR, **{argument: 0})
