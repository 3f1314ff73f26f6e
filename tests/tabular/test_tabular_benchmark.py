"""Benchmarks of strategies on tables: comparisons and their report."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.tabular.benchmark import run_benchmark, sampled_strategies
from nasbench.tabular.benchmark_report import _verdict, curves, markdown, sentence, to_json
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

        return Proposal(arch, self.context.lengths[0])


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


def bench(data_dir: Path, *strategies: str, **changed: object):
    given = {"dataset": None, "seeds": 4, "budget": "30", "data_dir": data_dir, **changed}
    return run_benchmark(strategies, given.pop("table", "nas-bench-201"), **given)


def test_all_sampled_strategies_are_known():
    names = sampled_strategies()
    assert "random" in names
    assert "evolution" in names
    assert "darts" not in names


def test_a_benchmark_compares_with_random_seed_by_seed(tables):
    told: list[str] = []
    found = bench(tables, "evolution", "random", progress=told.append)
    assert [entry.name for entry in found.entries] == ["random", "evolution"]
    assert [line.partition(":")[0] for line in told] == ["random", "evolution"]
    rival, other = found.scores("trials", np.array([30.0]))
    tests = [np.array([t.test[-1] for t in one.traces]) for one in found.entries]
    assert rival.mean[0] == pytest.approx(tests[0].mean())
    assert other.ahead[0] == pytest.approx((tests[1] - tests[0]).mean())
    assert other.ahead_low[0] <= other.ahead[0] <= other.ahead_high[0]
    assert np.isnan(rival.ahead).all()


def test_the_report_of_a_bench(tables, own):
    names = (f"{own}:Short", f"{own}:Lazy", f"{own}:Refusing", "random")
    found = bench(tables, *names)
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
    found = bench(tables, "random", budget="150", seeds=2)
    mean = 100 * np.mean([trace.test[-1] for trace in found.entries[0].traces])
    section = (
        markdown(found).partition("## Comparison with plain implementations")[2].partition("## ")
    )
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
    found = bench(tables, "random", budget="20h", seeds=2)
    assert "## Test accuracy by device-time, percent [95 %]" in markdown(found)
    assert "simulated device-time, percent" not in markdown(found)
    macro = bench(tables, "random", "evolution", table="nas-bench-macro", seeds=2, budget="40")
    assert "device-time" not in markdown(macro)
    assert "Note: the table has no validation accuracies" in markdown(macro)
    lonely = bench(tables, "evolution", seeds=1)
    assert "Difference" not in markdown(lonely)


def test_where_all_refuse_there_is_no_bench(tables, own):
    with pytest.raises(UserError, match=r"own.py:Refusing: this space is too small"):
        bench(tables, f"{own}:Refusing")


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
        entry=SimpleNamespace(name="e"), ahead=mean, ahead_low=low, ahead_high=high
    )
    assert sentence(one, "30", "trials", seeds=5) == words
    if "is above" in words:
        assert sentence(one, "30", "trials", seeds=4) == (
            "e against random after 30 trials: +1.00 [+0.50, +2.00]: no difference shown, "
            "4 seeds are too few"
        )
