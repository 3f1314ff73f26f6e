"""Measured latencies of the NAS-Bench-201 cells (HW-NAS-Bench: Li et al., ICLR 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nasbench.errors import UserError, unknown
from nasbench.tabular.base import Table
from nasbench.tabular.files import check_complete, locate, numbers, read_columns

TABLE = "nas-bench-201"  # whose architectures were measured
FILES = ("nas-bench-201/hw_nas_bench_201.csv", "hw_nas_bench_201.csv")
PREFIXES = {"cifar10": "c10", "cifar100": "c100", "imagenet16-120": "in16"}
DEVICES = ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")


def add_latencies(table: Table, device: str, data_dir: Path | None = None) -> None:
    """Let ``table`` tell the latencies on ``device``.

    Args:
        table: of NAS-Bench-201.
        device: one of ``DEVICES``.
        data_dir: where the CSV of HW-NAS-Bench lies; see :mod:`nasbench.data.locate`.

    Raises:
        UserError: the device is unknown, the table is another one, or the file cannot be used.
    """
    if device not in DEVICES:
        raise unknown(f"device of {table.name}", device, DEVICES)
    if table.name != TABLE:
        raise UserError(f"device {device!r}: its latencies are known for {TABLE} only")
    path = locate("HW-NAS-Bench", FILES, data_dir=data_dir)
    wanted = {dataset: f"{prefix}_{device}_latency" for dataset, prefix in PREFIXES.items()}
    columns = read_columns(path, ["arch_str", *wanted.values()])
    texts = columns["arch_str"]
    check_complete(path, table.space, table.domains, set(texts))
    table.latencies = {
        dataset: _by_text(texts, numbers(path, columns, name).tolist())
        for dataset, name in wanted.items()
    }


def _by_text(texts: list[str], values: list[float]) -> Mapping[str, float]:
    return dict(zip(texts, values, strict=True))
