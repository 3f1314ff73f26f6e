"""Loads tables by name, and adds measured latencies (HW-NAS-Bench: Li et al., ICLR 2021)."""

from __future__ import annotations

from pathlib import Path

from nasbench import catalog
from nasbench.errors import UserError, unknown
from nasbench.tabular.base import Table
from nasbench.tabular.files import check_complete, locate, numbers, read_columns
from nasbench.tabular.nasbench201 import NAME, PREFIXES

LATENCY_FILES = ("nas-bench-201/hw_nas_bench_201.csv", "hw_nas_bench_201.csv")
DEVICES = ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")


def load_table(name: str, data_dir: Path | None = None, device: str | None = None) -> Table:
    """Return a table.

    Args:
        name: its name in the catalog, ``file.py:function`` or ``module:function``; followed by
            ``=PATH`` if the table is not in a data folder.
        data_dir: where to look for it; see :mod:`nasbench.data.locate`.
        device: add the latencies that were measured on this device.

    Raises:
        UserError: the table is unknown or missing, or it cannot be used.
    """
    known, equals, path = name.partition("=")
    if equals and not path:
        raise UserError(f"--table {name}: no file given: must look like {known}=PATH")
    load = catalog.resolve_function("table", known, "a path", "a data folder")
    table = load(Path(path).expanduser() if path else None, data_dir)
    if not isinstance(table, Table):
        raise UserError(f"table {known!r}: returned {type(table).__name__}, not a nasbench Table")
    if device is not None:
        add_latencies(table, device, data_dir)
    return table


def add_latencies(table: Table, device: str, data_dir: Path | None = None) -> None:
    """Add the latencies on ``device`` to ``table``.

    Args:
        table: NAS-Bench-201.
        device: one of ``DEVICES``.
        data_dir: folder with the CSV file of HW-NAS-Bench; see :mod:`nasbench.data.locate`.

    Raises:
        UserError: the device is unknown, the table is another one, or the file cannot be used.
    """
    if device not in DEVICES:
        raise unknown(f"device of {table.name}", device, DEVICES)
    if table.name != NAME:
        raise UserError(f"device {device!r}: latencies are available for {NAME} only")
    path = locate("HW-NAS-Bench", LATENCY_FILES, data_dir=data_dir)
    wanted = {dataset: f"{prefix}_{device}_latency" for dataset, prefix in PREFIXES.items()}
    columns = read_columns(path, ["arch_str", *wanted.values()])
    texts = columns["arch_str"]
    check_complete(path, table.space, table.domains, set(texts))
    table.latencies = {
        dataset: dict(zip(texts, numbers(path, columns, name).tolist(), strict=True))
        for dataset, name in wanted.items()
    }
