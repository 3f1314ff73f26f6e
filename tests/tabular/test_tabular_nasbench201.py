"""NAS-Bench-201 from CSV, against the published figures, the file itself and the networks."""

from __future__ import annotations

import csv
import pickle
from pathlib import Path

import numpy as np
import pytest

from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import parameter_count
from nasbench.errors import UserError
from nasbench.interop.nasbench201 import parse
from nasbench.space import DataSpec
from nasbench.tabular.loading import load_table
from nasbench.tabular.nasbench201 import Csv201, completed
from search_spaces.nasbench201 import NasBench201
from tests.tabular.conftest import OPERATIONS, SECONDS, cells, text

CELL = (
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|"
    "+|skip_connect~0|nor_conv_1x1~1|skip_connect~2|"
)


@pytest.fixture(scope="module")
def real(data_root: Path) -> Csv201:
    path = data_root / "nas-bench-201" / "nasbench201.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return Csv201(path)


@pytest.fixture(scope="module")
def rows(data_root: Path) -> list[dict[str, str]]:
    with (data_root / "nas-bench-201" / "nasbench201.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.data
@pytest.mark.parametrize(
    ("dataset", "optimum"), [("cifar10", 94.37), ("cifar100", 73.51), ("imagenet16-120", 47.31)]
)
def test_the_best_architectures_are_the_published_ones(real, dataset, optimum):
    best = max(real.test(arch, dataset) for arch in real.domains.enumerate())
    assert round(100 * best, 2) == optimum


@pytest.mark.data
@pytest.mark.parametrize(("dataset", "column"), [("cifar10", "c10"), ("imagenet16-120", "in16")])
def test_a_search_sees_one_training_and_the_seed_chooses_which(real, rows, dataset, column):
    for row in rows[:200]:
        arch = real.domains.arch(parse(row["arch_str"]))
        trainings = [float(one) / 100 for one in row[f"{column}_valid_seeds"].split(";")]
        seen = {real.validation(arch, dataset, 200, seed) for seed in range(40)}
        assert sorted(seen) == pytest.approx(sorted(set(trainings)))
        short = float(row[f"{column}_valid_ep12"]) / 100
        assert real.validation(arch, dataset, 12, 5) == pytest.approx(short)


@pytest.mark.data
def test_the_same_training_is_seen_of_every_architecture(real, rows):
    whole = [row for row in rows[:500] if row["c10_valid_seeds"].count(";") == 2]
    for seed in range(5):
        numbers = set()
        for row in whole:
            seen = real.validation(real.domains.arch(parse(row["arch_str"])), "cifar10", 200, seed)
            each = row["c10_valid_seeds"].split(";")
            if len(set(each)) == 3:
                numbers.add(each.index(f"{100 * seen:.3f}"))
        assert len(numbers) == 1


@pytest.mark.data
def test_training_times_are_those_of_the_authors_own_interface(real):
    # nats_bench says of this cell on cifar10-valid: train-all-time 1444.2186.
    first = (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|"
        "+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    arch = real.domains.arch(parse(first))
    assert real.seconds(arch, "cifar10", 200) == pytest.approx(1444.22, abs=0.05)
    assert real.seconds(arch, "cifar10", 12) == pytest.approx(1444.22 * 12 / 200, abs=0.01)
    assert real.seconds(arch, "cifar100", 200) == pytest.approx(2 * 1444.22, abs=0.1)
    share = 151_700 / 25_000
    assert real.seconds(arch, "imagenet16-120", 200) == pytest.approx(share * 1444.22, rel=1e-4)


@pytest.mark.data
def test_the_error_of_estimated_times_is_what_the_docstring_says(rows):
    texts = [row["arch_str"] for row in rows]
    times = np.array([float(row["train_time_c10_200ep_s"] or "nan") for row in rows])
    known = np.flatnonzero(np.isfinite(times))
    assert len(known) == 1000
    order = np.random.default_rng(0).permutation(known)
    errors = np.zeros(len(times))
    for fold in range(10):
        hidden = order[fold::10]
        fewer = times.copy()
        fewer[hidden] = np.nan
        estimates = completed(texts, fewer, OPERATIONS)[hidden]
        errors[hidden] = np.abs(estimates / times[hidden] - 1)
    assert errors[known].mean() < 0.016
    assert errors[known].max() < 0.08


@pytest.mark.data
@pytest.mark.parametrize(
    ("dataset", "side", "classes"),
    [("cifar10", 32, 10), ("cifar100", 32, 100), ("imagenet16-120", 16, 120)],
)
def test_sizes_are_those_of_the_networks(real, dataset, side, classes):
    arch, spec = real.domains.arch(parse(CELL)), DataSpec(3, side, side, classes)
    network = NasBench201.freeze(arch, spec)
    sizes = real.sizes(arch, dataset)
    assert sizes["params"] == parameter_count(network)
    # The table counts the classifier's bias, too.
    assert sizes["macs"] == pytest.approx(multiply_adds(network, spec.shape) + classes, abs=10)


@pytest.mark.data
def test_without_a_path_the_file_is_found_in_the_data_folder(data_root, real):
    assert load_table("nas-bench-201", data_root).name == real.name


def test_estimated_times_are_exact_where_each_operation_has_its_price(generated):
    for cell in cells()[900:1100]:
        arch = generated.domains.arch(parse(text(cell)))
        true = sum(SECONDS[op] for op in cell)
        assert generated.seconds(arch, "cifar100", 200) == pytest.approx(true)
    assert generated.note == "14,625 of 15,625 training times are estimated"


def test_a_table_without_times_says_so(tmp_path, lines):
    path = tmp_path / "untimed.csv"
    path.write_text("\n".join([lines[0], *(line[: line.rindex(",") + 1] for line in lines[1:])]))
    table = Csv201(path)
    arch = next(table.domains.enumerate())
    assert (table.timed, table.note) == (False, "")
    assert table.seconds(arch, "cifar10", 200) == 0


def test_a_table_travels_to_other_processes(generated):
    arch = next(generated.domains.enumerate())
    copy = pickle.loads(pickle.dumps(generated))
    assert copy.validation(arch, "cifar10", 200, 3) == generated.validation(
        arch, "cifar10", 200, 3
    )


def test_an_unknown_dataset_is_told(generated):
    with pytest.raises(
        UserError, match="unknown dataset of nas-bench-201 'cifar-10': did you mean"
    ):
        generated.check("cifar-10")


def _without(lines: list[str], column: str) -> list[str]:
    place = lines[0].split(",").index(column)
    cut = (line.split(",") for line in lines)
    return [",".join(fields[:place] + fields[place + 1 :]) for fields in cut]


def _with(lines: list[str], line: int, column: str, value: str) -> list[str]:
    fields = lines[line].split(",")
    fields[lines[0].split(",").index(column)] = value
    return [*lines[:line], ",".join(fields), *lines[line + 1 :]]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lines: _without(lines, "c10_test"), "missing columns: c10_test"),
        (lambda lines: [], "missing columns: arch_str, c10_valid_seeds"),
        (lambda lines: lines[:1], "15,625 of 15,625 architectures are missing"),
        (lambda lines: [*lines[:9], lines[9] + ",1"], "line 10: has 21 fields; expected 20"),
        (lambda lines: _with(lines, 3, "in16_test", "x"), "column in16_test: could not convert"),
        (lambda lines: _with(lines, 3, "c10_test", "nan"), "column c10_test: every field must be"),
        (lambda lines: _with(lines, 3, "c10_valid_seeds", "80;"), "column c10_valid_seeds: could"),
        (
            lambda lines: _with(lines, 3, "c10_test", "101"),
            "column c10_test: 101 must",
        ),
        (lambda lines: ["\udcff\udcfa"], "cannot be read as CSV"),
    ],
)
def test_a_bad_file_is_told_in_one_line(tmp_path, lines, change, told):
    path = tmp_path / "bad.csv"
    path.write_bytes("\n".join(change(lines)).encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError) as refusal:
        load_table(f"nas-bench-201={path}")
    assert str(refusal.value).startswith(str(path))
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_missing_architectures_are_counted_and_the_first_is_named(tmp_path, lines):
    missing = {text((0, 0, 0, 0, 0, 3)), text((4, 3, 2, 1, 0, 0)), text((2, 2, 2, 2, 2, 2))}
    path = tmp_path / "holes.csv"
    path.write_text("\n".join(one for one in lines if one.split(",")[1] not in missing))
    with pytest.raises(UserError) as refusal:
        load_table(f"nas-bench-201={path}")
    assert "3 of 15,625 architectures are missing; the first one is" in str(refusal.value)
    assert str(refusal.value).rpartition(" is ")[2] in missing


def test_an_architecture_under_another_name_is_missing_when_it_is_asked_for(tmp_path, lines):
    path = tmp_path / "renamed.csv"
    path.write_text("\n".join(_with(lines, 5, "arch_str", "|other~0|")))
    table = Csv201(path)
    arch = table.domains.arch(parse(lines[5].split(",")[1]))
    with pytest.raises(UserError, match="no architecture "):
        table.test(arch, "cifar10")


def test_a_missing_file_says_where_it_was_looked_for(tmp_path, monkeypatch):
    with pytest.raises(UserError) as refusal:
        load_table("nas-bench-201", tmp_path)
    assert str(tmp_path / "nas-bench-201" / "nasbench201.csv") in str(refusal.value)
    assert "--data-dir or $NASBENCH_DATA" in str(refusal.value)
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setattr("nasbench.tabular.package.installed", lambda: False)
    with pytest.raises(UserError, match="elsewhere"):
        load_table("nas-bench-201")
    with pytest.raises(UserError, match=r"nas-bench-201=gone\.csv: no such file"):
        load_table("nas-bench-201=gone.csv")
    with pytest.raises(UserError, match="--table nas-bench-201=: no file given"):
        load_table("nas-bench-201=")


def test_an_unknown_table_is_told():
    with pytest.raises(
        UserError, match="unknown table 'nas-bench-202': did you mean nas-bench-201"
    ):
        load_table("nas-bench-202")


def test_a_users_own_loader_must_return_a_table(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def load(path, data_dir):\n    return 3\n")
    with pytest.raises(UserError, match="returned int, not a nasbench Table"):
        load_table(f"{path}:load")
