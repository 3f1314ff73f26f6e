"""HW-NAS-Bench's latencies beside the table."""

from __future__ import annotations

import pytest

from nasbench.errors import UserError
from nasbench.interop.nasbench201 import parse
from nasbench.tabular.loading import load_table
from tests.tabular.conftest import DEVICES

FIRST = (
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
    "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
)


@pytest.mark.data
@pytest.mark.parametrize(
    ("device", "dataset", "ms"),
    [  # of cell 0, as its authors' README prints them
        ("edgegpu", "cifar10", 5.807420537471771),
        ("edgetpu", "imagenet16-120", 0.792962),
        pytest.param("raspi4", "cifar10", 10.481976820010459, marks=pytest.mark.slow),
        pytest.param("pixel3", "cifar10", 3.6058499999999998, marks=pytest.mark.slow),
        pytest.param("fpga", "cifar10", 2.57296, marks=pytest.mark.slow),
        pytest.param("eyeriss", "cifar100", 3.64864, marks=pytest.mark.slow),
    ],
)
def test_the_published_latencies(data_root, device, dataset, ms):
    if not (data_root / "nas-bench-201" / "hw_nas_bench_201.csv").is_file():
        pytest.skip("hw_nas_bench_201.csv is not there")
    table = load_table("nas-bench-201", data_root, device)
    found = table.costs(table.domains.arch(parse(FIRST)), dataset)
    assert found["latency_ms"] == pytest.approx(ms, rel=1e-4)
    assert set(found) == {"params", "macs", "latency_ms"}


@pytest.mark.parametrize(
    "place", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (0, 1, 3, 4, 5))]
)
def test_each_device_has_its_column(tables, place):
    table = load_table("nas-bench-201", tables, DEVICES[place])
    arch = table.domains.arch(parse(FIRST))  # operations 4 2 1 2 1 1 sum to 11
    for number, dataset in enumerate(table.datasets):
        expected = 1 + 11 / 10 + 6 * number + place
        assert table.costs(arch, dataset)["latency_ms"] == pytest.approx(expected)


def test_without_a_device_there_is_no_latency(tables):
    table = load_table("nas-bench-201", tables)
    assert "latency_ms" not in table.costs(next(table.domains.enumerate()), "cifar10")


def test_what_cannot_be_had_is_told(tables, tmp_path):
    with pytest.raises(UserError, match="'raspi': did you mean raspi4"):
        load_table("nas-bench-201", tables, "raspi")
    with pytest.raises(UserError, match="available for nas-bench-201 only"):
        load_table("nas-bench-macro", tables, "raspi4")
    (tmp_path / "nasbench201.csv").write_bytes((tables / "nasbench201.csv").read_bytes())
    with pytest.raises(UserError, match=r"HW-NAS-Bench: found no .*hw_nas_bench_201\.csv"):
        load_table("nas-bench-201", tmp_path, "raspi4")
    (tmp_path / "hw_nas_bench_201.csv").write_text("arch_str,c10_raspi4_latency\n")
    with pytest.raises(UserError, match="missing columns: c100_raspi4_latency, in16_raspi4"):
        load_table("nas-bench-201", tmp_path, "raspi4")
