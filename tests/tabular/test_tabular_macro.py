"""NAS-Bench-Macro from JSON, on a generated table of its schema."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from nasbench.errors import UserError
from nasbench.interop.macro import arch_of
from nasbench.tabular.loading import load_table
from tests.tabular.conftest import canonical, macro_entries


@pytest.fixture(scope="module")
def entries() -> dict[str, dict[str, object]]:
    return macro_entries()


def _write(path: Path, entries: object) -> str:
    path.write_text(json.dumps(entries))
    return f"nas-bench-macro={path}"


@pytest.mark.parametrize("digits", ["02012100", "11111221", "00000000", "22222222"])
def test_it_answers_what_stands_there(tables, entries, digits):
    table = load_table("nas-bench-macro", tables)
    arch, entry = table.domains.arch(arch_of(digits)), entries[digits]
    seen = {table.validation(arch, "cifar10", 50, seed) for seed in range(30)}
    assert seen == {accuracy / 100 for accuracy in entry["test_acc"]}
    assert table.test(arch, "cifar10") == entry["mean_acc"] / 100
    for seed in range(10):  # a search is judged by the trainings that it did not see
        others = [accuracy / 100 for accuracy in entry["test_acc"]]
        others.remove(table.validation(arch, "cifar10", 50, seed))
        assert table.outcome(arch, "cifar10", seed) == pytest.approx(sum(others) / 2, abs=1e-12)
    costs = {"params": entry["params"], "macs": entry["flops"]}
    assert table.costs(arch, "cifar10") == costs
    assert not table.timed
    assert table.seconds(arch, "cifar10", 50) == 0
    assert "no validation accuracies" in table.note


def test_equal_networks_are_found_by_their_canonical_digits(tmp_path, entries):
    few = {digits: entry for digits, entry in entries.items() if digits == canonical(digits)}
    assert len(few) == 3969
    table = load_table(_write(tmp_path / "few.json", few))
    arch = table.domains.arch(arch_of("10021001"))
    assert table.test(arch, "cifar10") == few["10021010"]["mean_acc"] / 100


def test_it_travels_to_other_processes(tables):
    table = load_table("nas-bench-macro", tables)
    arch = next(table.domains.enumerate())
    assert pickle.loads(pickle.dumps(table)).test(arch, "cifar10") == table.test(arch, "cifar10")


def test_missing_architectures_are_counted_and_the_first_is_named(tmp_path, entries):
    # A stage of 11x has no other name, so two canonical entries are two architectures.
    gone = {"11111111", "22222222"}
    few = {digits: entry for digits, entry in entries.items() if digits not in gone}
    with pytest.raises(UserError) as refusal:
        load_table(_write(tmp_path / "holes.json", few))
    assert "2 of 6,561 architectures are missing; the first one is 11111111" in str(refusal.value)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (3, "12121212: missing flops, mean_acc, params, test_acc"),
        ({"test_acc": [90.0], "mean_acc": 90.0, "params": 1}, "12121212: missing flops"),
        ({"test_acc": [], "mean_acc": 90.0, "params": 1, "flops": 1}, "test_acc must be a list"),
        (
            {"test_acc": [101], "mean_acc": 90.0, "params": 1, "flops": 1},
            "101 must be a perc",
        ),
        (
            {"test_acc": [90.0], "mean_acc": "x", "params": 1, "flops": 1},
            "'x' must be a perc",
        ),
        ({"test_acc": [90.0], "mean_acc": 90.0, "params": 0, "flops": 1}, "params 0 must be"),
    ],
)
def test_a_bad_entry_is_told(tmp_path, entries, entry, told):
    with pytest.raises(UserError) as refusal:
        load_table(_write(tmp_path / "bad.json", {**entries, "12121212": entry}))
    assert told in str(refusal.value)


@pytest.mark.parametrize(("content", "told"), [("[1]", "must be an object"), ("{", "not JSON")])
def test_a_bad_file_is_told(tmp_path, content, told):
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(UserError, match=told):
        load_table(f"nas-bench-macro={path}")
