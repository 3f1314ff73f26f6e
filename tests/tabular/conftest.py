"""Generated tables with the columns and the schema of the published ones."""

from __future__ import annotations

import copy
import functools
import itertools
import json
import random
from pathlib import Path

import pytest

from nasbench.tabular.base import Table
from nasbench.tabular.loading import load_table
from nasbench.tabular.nasbench201 import Csv201

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
WORTH = (0.0, 6.0, 9.0, 12.0, 2.0)  # percent of accuracy that an operation adds on an edge
SECONDS = (230.0, 160.0, 930.0, 1150.0, 570.0)  # that it takes there in 200 epochs
MEASURED = 1000  # rows with a training time
DEVICES = ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")
HEADER = (
    "index,arch_str,c10_valid,c10_test,c100_valid,c100_test,in16_valid,in16_test,"
    "c10_valid_seeds,c100_valid_seeds,in16_valid_seeds,c10_valid_ep12,c10_test_ep12,"
    "c100_valid_ep12,c100_test_ep12,in16_valid_ep12,in16_test_ep12,"
    "params_c10_M,flops_c10_M,train_time_c10_200ep_s"
)


def cells() -> list[tuple[int, ...]]:
    """Every cell as six operations, in an order that has nothing to do with the space's."""
    every = list(itertools.product(range(5), repeat=6))
    random.Random(7).shuffle(every)
    return every


def text(cell: tuple[int, ...]) -> str:
    a, b, c, d, e, f = (OPERATIONS[op] for op in cell)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def row(index: int, cell: tuple[int, ...]) -> list[str]:
    """One line of the CSV; accuracies fall from data set to data set."""
    noise = random.Random(str(cell))
    mean = 22 + sum(WORTH[op] for op in cell)
    count = 2 + index % 2
    seeds = [[mean - 3 * d + noise.gauss(0, 0.5) for _ in range(count)] for d in range(3)]
    tests = [f"{mean - 3 * d + 1:.4f}" for d in range(3)]
    short = [f"{mean - 3 * d - 5:.4f}" for d in range(3)]
    means = [f"{sum(each) / count:.4f}" for each in seeds]
    ones, threes = cell.count(2), cell.count(3)
    sizes = [f"{0.073306 + 0.028 * ones + 0.24304 * threes:.6f}", f"{7.78305 + ones + threes:.5f}"]
    time = f"{sum(SECONDS[op] for op in cell):.1f}" if index < MEASURED else ""
    accuracies = [one for pair in zip(means, tests, strict=True) for one in pair]
    each = [";".join(f"{value:.3f}" for value in values) for values in seeds]
    brief = [one for value in short for one in (value, value)]
    return [str(index), text(cell), *accuracies, *each, *brief, *sizes, time]


def canonical(digits: str) -> str:
    """The digits with each stage's later zeros at its end."""
    stages = (digits[:2], digits[2:5], digits[5:])
    return "".join(s[0] + s[1:].replace("0", "").ljust(len(s) - 1, "0") for s in stages)


def macro_entries() -> dict[str, dict[str, object]]:
    """An entry for each of the 6,561 strings; equal networks have equal entries."""
    found = {}
    for one in itertools.product("012", repeat=8):
        digits = "".join(one)
        noise = random.Random(canonical(digits))
        accuracies = [80 + sum(map(int, one)) / 2 + noise.gauss(0, 0.2) for _ in range(3)]
        mean = sum(accuracies) / 3
        found[digits] = {
            "test_acc": accuracies,
            "mean_acc": mean,
            "std": (sum((a - mean) ** 2 for a in accuracies) / 3) ** 0.5,
            "params": 100_000 + 1000 * sum(map(int, one)),
            "flops": 1_000_000 + 10_000 * sum(map(int, one)),
        }
    return found


def csv_lines() -> list[str]:
    """The lines of the CSV, the header first."""
    return [HEADER, *(",".join(row(i, cell)) for i, cell in enumerate(cells()))]


def latency_lines() -> list[str]:
    """The lines of HW-NAS-Bench's CSV: column k of cell c is 1 + sum(c) / 10 + k."""
    columns = [f"{p}_{d}_latency" for p in ("c10", "c100", "in16") for d in DEVICES]
    found = [",".join(["index", "arch_str", *columns])]
    for i, cell in enumerate(cells()):
        values = (f"{1 + sum(cell) / 10 + column}" for column in range(len(columns)))
        found.append(",".join([str(i), text(cell), *values]))
    return found


def write_tables(folder: Path) -> Path:
    """Write generated tables into a data folder, and return it."""
    (folder / "nasbench201.csv").write_text("\n".join(csv_lines()) + "\n")
    (folder / "hw_nas_bench_201.csv").write_text("\n".join(latency_lines()) + "\n")
    (folder / "nas-bench-macro_cifar10.json").write_text(json.dumps(macro_entries()))
    return folder


@pytest.fixture(scope="session")
def lines() -> list[str]:
    """The lines of the generated CSV."""
    return csv_lines()


@pytest.fixture(scope="session")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with generated tables."""
    return write_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="session")
def generated(tables: Path) -> Csv201:
    """The generated table of NAS-Bench-201."""
    found = read_once("nas-bench-201", tables)
    assert isinstance(found, Csv201)
    return found


_loaded = functools.cache(load_table)


def read_once(name: str, data_dir: Path | None = None, device: str | None = None) -> Table:
    """A table like that of ``load_table``, whose file is read once: it has 15,625 rows."""
    return copy.copy(_loaded(name, data_dir, device))
