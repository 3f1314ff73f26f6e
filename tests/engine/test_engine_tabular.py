"""Searches on tables: from options to the report."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nasbench.budget import Budget
from nasbench.engine.simulation import Simulation
from nasbench.engine.strategies_bench import run_race, sampled_strategies
from nasbench.engine.strategies_markdown import _verdict, markdown, sentence
from nasbench.engine.strategies_report import curves, standings, to_json
from nasbench.engine.tabular import run_table_search, text
from nasbench.errors import UserError
from nasbench.tabular.loading import load_table
from tests.tabular.conftest import write_tables

LAZY = '''\
from dataclasses import dataclass

from nasbench.errors import UserError
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy


class Lazy(RandomStrategy):
    """Stops after five."""

    def suggest(self, n, pending=()):
        return super().suggest(n, pending) if len(self.results) < 5 else []


class Short(RandomStrategy):
    """Trains briefly."""

    def full(self, arch):
        from nasbench.strategies.sampled.base import Proposal

        return Proposal(arch, self.setting.lengths[0])


class Refusing(RandomStrategy):
    """Cannot do anything."""

    def __init__(self, domains, options, setting):
        raise UserError("this space is too small")
'''


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with generated tables."""
    return write_tables(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's own strategies."""
    path = tmp_path / "own.py"
    path.write_text(LAZY)
    return path


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
    told = text(report).splitlines()
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
    assert "[" not in text(report).splitlines()[-1]
    assert report.to_json()["points"][0]["low"] is None
    assert math.isnan(report.points()[0].low)
    assert "mean over 1 seed" in text(report)


def test_a_budget_in_seconds_and_a_table_without_times(tables):
    report = search(tables, budget="10h")
    seconds = [trace.seconds for trace in report.traces]
    assert all(each[-2] < 36_000 <= each[-1] for each in seconds)
    assert text(report).splitlines()[2].split()[:2] == ["2.5", "h"]
    brief = search(tables, budget="300 epochs")
    assert text(brief).splitlines()[2].split() == ["75", "-", "-", "-"]
    macro = search(tables, table="nas-bench-macro", budget="100 epochs")
    assert [point.spent for point in macro.points()] == [25, 50, 75, 100]
    assert "device-time" not in text(macro)
    assert text(macro).splitlines()[2].split() == ["25", "-", "-"]
    with pytest.raises(
        UserError, match="nas-bench-macro knows no training times: allowed: trials"
    ):
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
        ({"strategy": "darts"}, "strategy 'darts': a table answers sampled strategies only"),
        ({"strategy": "randm"}, "unknown strategy 'randm': did you mean random"),
        ({"dataset": "cifar"}, "unknown dataset of nas-bench-201 'cifar': did you mean cifar10"),
        ({"table": "nas-bench"}, "unknown table 'nas-bench'"),
        ({"options": {"x": 1}}, "unknown argument -o 'x'"),
        ({"budget": "20 years"}, "--budget '20 years': must look like"),
        (
            {"limits": {"params": 70_000}},
            "--max-params 70000: no architecture of nas-bench-201 keeps it: "
            "the smallest possible has 73,306 parameters",
        ),
        ({"limits": {"latency_ms": 5}}, "--max-latency 5: on which device? allowed: edgegpu"),
        (
            {"limits": {"latency_ms": 1.05}, "device": "raspi4"},
            "--max-latency 1.05: no architecture of nas-bench-201 keeps it: "
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
    table = load_table("nas-bench-201", tables)
    archs = list(table.domains.enumerate())
    larger_is_faster = {
        table.space.text(arch): 10 - table.costs(arch, "cifar10")["params"] / 1e6 for arch in archs
    }
    table.latencies = {"cifar10": larger_is_faster}
    limits = {"params": 1e5, "latency_ms": 9.0}
    told = (
        "--max-params 100000, --max-latency 9: no architecture of nas-bench-201 keeps all of them"
    )
    with pytest.raises(UserError, match=told):
        Simulation.of(table, None, "random", {}, Budget.parse("5"), limits)


def race(data_dir: Path, *strategies: str, **changed: object):
    given = {"dataset": None, "seeds": 4, "budget": "30", "data_dir": data_dir, **changed}
    return run_race(strategies, given.pop("table", "nas-bench-201"), **given)


def test_all_sampled_strategies_are_known():
    names = sampled_strategies()
    assert "random" in names
    assert "evolution" in names
    assert "darts" not in names


def test_a_race_compares_with_random_seed_by_seed(tables):
    told: list[str] = []
    found = race(tables, "evolution", "random", tell=told.append)
    assert [entrant.name for entrant in found.entrants] == ["random", "evolution"]
    assert [line.partition(":")[0] for line in told] == ["random", "evolution"]
    rival, other = standings(found, "trials", np.array([30.0]))
    tests = [np.array([t.test[-1] for t in one.traces]) for one in found.entrants]
    assert rival.mean[0] == pytest.approx(tests[0].mean())
    assert other.ahead[0] == pytest.approx((tests[1] - tests[0]).mean())
    assert other.ahead_low[0] <= other.ahead[0] <= other.ahead_high[0]
    assert np.isnan(rival.ahead).all()


def test_the_report_of_a_race(tables, own):
    names = (f"{own}:Short", f"{own}:Lazy", f"{own}:Refusing", "random")
    found = race(tables, *names)
    assert dict(found.refused) == {"own.py:Refusing": "this space is too small"}
    report = markdown(found, "curves.svg")
    assert "![Curves of the strategies](curves.svg)" in report
    assert "- own.py:Refusing: this space is too small" in report
    assert f", {os.cpu_count()} cores of " in report.partition("## Made by")[2]
    by_time = report.partition("simulated device-time, percent")[2]
    short = next(line for line in by_time.splitlines() if line.startswith("| own.py:Short"))
    # 30 trainings of 12 epochs take as long as 1.8 of 200.
    assert short.count("| -") == 6
    rival = next(line for line in by_time.splitlines() if line.startswith("| random"))
    # In the mean time of one trial, some had not ended theirs.
    assert [cell == " - " for cell in rival.split("|")[2:-1]] == [True] + 6 * [False]
    plain = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert plain["strategies"][2]["trials"] == 5
    assert plain["after_device_seconds"]["own.py:Short"]["mean"][-1] is None
    assert plain["at_trials"] == [1, 2, 5, 10, 15, 20, 30]
    assert [len(curve.x) for curve in curves(found)] == [30, 30, 30]


def test_expected_values_are_held_against_what_was_found(tables):
    found = race(tables, "random", budget="150", seeds=2)
    mean = 100 * np.mean([trace.test[-1] for trace in found.entrants[0].traces])
    section = markdown(found).partition("## Against plain implementations")[2].partition("## ")
    cells = [cell.strip() for cell in section[0].split("|")[-6:]]
    assert cells[:3] == ["random", "150", "93.83"]
    assert cells[4] == f"{93.83 - round(mean, 2):.2f} short"


@pytest.mark.parametrize(
    ("mean", "high", "verdict"),
    [
        (0.9383, 0.94, "reached"),
        (0.93828, 0.94, "reached"),  # to the decimals shown
        (0.9381, 0.94, "0.02 short, within the interval"),
        (0.9381, 0.9382, "0.02 short"),
        (0.9381, math.nan, "0.02 short"),
    ],
)
def test_the_verdict_on_an_expected_value(mean, high, verdict):
    one = SimpleNamespace(mean=np.array([mean]), high=np.array([high]))
    assert _verdict(one, 0, 93.83) == verdict


def test_other_budgets_and_tables(tables):
    found = race(tables, "random", budget="20h", seeds=2)
    assert "## Test accuracy by device-time, percent [95 %]" in markdown(found)
    assert "simulated device-time, percent" not in markdown(found)
    macro = race(tables, "random", "evolution", table="nas-bench-macro", seeds=2, budget="40")
    assert "device-time" not in markdown(macro)
    assert "Note: the table holds no validation accuracies" in markdown(macro)
    lonely = race(tables, "evolution", seeds=1)
    assert "Difference" not in markdown(lonely)


def test_where_all_refuse_there_is_no_race(tables, own):
    with pytest.raises(UserError, match=r"own.py:Refusing: this space is too small"):
        race(tables, f"{own}:Refusing")


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((0.01, 0.005, 0.02), "e is above random after 30 trials by 1.00 points [0.50, 2.00]"),
        ((-0.01, -0.02, -0.005), "e is below random after 30 trials by 1.00 points [0.50, 2.00]"),
        (
            (0.01, -0.001, 0.02),
            "e against random after 30 trials: +1.00 [\N{MINUS SIGN}0.10, +2.00]: "
            "no difference shown",
        ),
        (
            (0.01, math.nan, math.nan),
            "e against random after 30 trials: +1.00 points, without an interval",
        ),
    ],
)
def test_a_difference_in_words(numbers, words):
    mean, low, high = (np.array([value]) for value in numbers)
    one = SimpleNamespace(
        entrant=SimpleNamespace(name="e"), ahead=mean, ahead_low=low, ahead_high=high
    )
    assert sentence(one, "30", "trials") == words
