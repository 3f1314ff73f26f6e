"""Searches on tables: from options to the report."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from nasbench.budget import Budget
from nasbench.errors import UserError
from nasbench.tabular.search import TableSearch, run_table_search
from tests.tabular.conftest import read_once


@pytest.fixture(autouse=True)
def _read_once(monkeypatch):
    monkeypatch.setattr("nasbench.tabular.search.load_table", read_once)


def search(data_dir: Path, **changed: object):
    given = {
        "strategy": "random",
        "options": {},
        "table": "nas-bench-201",
        "dataset": None,
        "seeds": 3,
        "first_seed": 4,
        "budget": "20",
        "limits": {},
        "data_dir": data_dir,
    }
    return run_table_search(**{**given, **changed})


def test_a_report_holds_the_means_at_each_quarter(tables):
    report = search(tables)
    assert [trace.seed for trace in report.traces] == [4, 5, 6]
    points = report.points()
    assert [point.spent for point in points] == [5, 10, 15, 20]
    for point in points:
        last = int(point.spent) - 1
        tests = [trace.test[last] for trace in report.traces]
        assert point.test == pytest.approx(np.mean(tests))
        assert min(tests) <= point.low <= point.test <= point.high <= max(tests)
        seconds = np.mean([trace.seconds[last] for trace in report.traces])
        assert point.seconds == pytest.approx(seconds)
        seen = np.mean([trace.validation[last] for trace in report.traces])
        assert point.validation == pytest.approx(seen)


def test_the_number_of_processes_changes_nothing(tables):
    alone, together = search(tables, seeds=7), search(tables, seeds=7, jobs=2)
    for one, other in zip(alone.traces, together.traces, strict=True):
        assert (one.seed, one.archs) == (other.seed, other.archs)
        assert one.test.tolist() == other.test.tolist()


def test_the_same_seed_gives_the_same_search(tables):
    later = search(tables, seeds=1, first_seed=5).traces[0]
    assert later.archs == search(tables).traces[1].archs


def test_the_text_and_the_plain_values(tables):
    report = search(tables)
    told = report.text().splitlines()
    assert told[0] == "random on nas-bench-201, cifar10: mean over 3 seeds"
    last = report.points()[-1]
    end = f"{100 * last.test:.2f} [{100 * last.low:.2f}, {100 * last.high:.2f}]"
    assert (
        told[5].split() == f"20 {end} {100 * last.validation:.2f} {told[5].split()[-2]} h".split()
    )
    assert told[-1] == "note: 14,625 of 15,625 training times are estimated"
    plain = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert plain["points"][-1]["test"] == pytest.approx(last.test, abs=1e-6)
    assert [one["seed"] for one in plain["chosen"]] == [4, 5, 6]
    assert plain["chosen"][0]["arch"].count("|") == 9
    assert plain["chosen"][0]["trials"] == 20
    assert plain["chosen"][0]["epochs"] == 4000


def test_one_seed_has_no_interval(tables):
    report = search(tables, seeds=1, dataset="cifar100")
    assert "[" not in report.text().splitlines()[-1]
    assert report.to_json()["points"][0]["low"] is None
    assert math.isnan(report.points()[0].low)
    assert "mean over 1 seed" in report.text()


def test_a_budget_in_seconds_and_a_table_without_times(tables):
    report = search(tables, budget="10h")
    seconds = [trace.seconds for trace in report.traces]
    assert all(each[-2] < 36_000 <= each[-1] for each in seconds)
    assert report.text().splitlines()[2].split()[:2] == ["2.5", "h"]
    brief = search(tables, budget="300 epochs")
    assert brief.text().splitlines()[2].split() == ["75", "-", "-", "-"]
    macro = search(tables, table="nas-bench-macro", budget="100 epochs")
    assert [point.spent for point in macro.points()] == [25, 50, 75, 100]
    assert "device-time" not in macro.text()
    assert macro.text().splitlines()[2].split() == ["25", "-", "-"]
    with pytest.raises(UserError, match="nas-bench-macro has no training times: allowed: trials"):
        search(tables, table="nas-bench-macro", budget="10h")


def test_limits_are_kept(tables):
    limits = {"params": 400_000, "latency_ms": 20.5}
    report = search(tables, limits=limits, device="edgegpu")
    table = report.table
    for trace in report.traces:
        for arch in trace.archs:
            costs = table.costs(arch, "cifar10")
            assert costs["params"] <= 400_000
            assert costs["latency_ms"] <= 20.5


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"strategy": "darts"}, "strategy 'darts': a table works with sampled strategies only"),
        ({"strategy": "randm"}, "unknown strategy 'randm': did you mean random"),
        ({"dataset": "cifar"}, "unknown dataset of nas-bench-201 'cifar': did you mean cifar10"),
        ({"table": "nas-bench"}, "unknown table 'nas-bench'"),
        ({"options": {"x": 1}}, "unknown argument -o 'x'"),
        ({"budget": "20 years"}, "--budget '20 years': must look like"),
        (
            {"limits": {"params": 70_000}},
            "--max-params 70000: no architecture of nas-bench-201 is within this limit: "
            "the smallest possible has 73,306 parameters",
        ),
        ({"limits": {"latency_ms": 5}}, "--max-latency 5: needs --device: allowed: edgegpu"),
        (
            {"limits": {"latency_ms": 1.05}, "device": "raspi4"},
            "--max-latency 1.05: no architecture of nas-bench-201 is within this limit: "
            "the smallest possible has 2.00 ms",
        ),
        ({"limits": {"latency_ms": 5}, "device": "tpu"}, "unknown device of nas-bench-201 'tpu'"),
    ],
)
def test_what_does_not_fit_is_told(tables, changed, told):
    with pytest.raises(UserError) as refusal:
        search(tables, **changed)
    assert str(refusal.value).startswith(told)


def test_limits_that_exclude_each_other_are_told(tables):
    table = read_once("nas-bench-201", tables)
    archs = list(table.domains.enumerate())
    larger_is_faster = {
        table.space.text(arch): 10 - table.costs(arch, "cifar10")["params"] / 1e6 for arch in archs
    }
    table.latencies = {"cifar10": larger_is_faster}
    limits = {"params": 1e5, "latency_ms": 9.0}
    told = (
        "--max-params 100000, --max-latency 9: "
        "no architecture of nas-bench-201 is within all limits"
    )
    with pytest.raises(UserError, match=told):
        TableSearch.of(table, None, "random", {}, Budget.parse("5"), limits)
