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
from nasbench.report.panels import draw_panels
from nasbench.tabular.benchmark import _Searches, ranks, run_benchmarks, sampled_strategies
from nasbench.tabular.benchmark_report import _verdict, curves, page, sentence, summary, to_json
from nasbench.tabular.parallel import Kept
from tests.tabular.conftest import read_once

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


@pytest.fixture(autouse=True)
def _read_once(monkeypatch):
    monkeypatch.setattr("nasbench.tabular.benchmark.load_table", read_once)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A user's own strategies."""
    path = tmp_path / "own.py"
    path.write_text(LAZY)
    return path


def benches(data_dir: Path, *strategies: str, **changed: object):
    given = {"datasets": ["cifar10"], "seeds": 4, "budget": "30", "data_dir": data_dir, **changed}
    return run_benchmarks(strategies, given.pop("table", "nas-bench-201"), **given)


def bench(data_dir: Path, *strategies: str, **changed: object):
    (found,) = benches(data_dir, *strategies, **changed)
    return found


def markdown(benchmark):
    return page([benchmark], {})


def test_all_sampled_strategies_are_known():
    names = sampled_strategies()
    assert "random" in names
    assert "evolution" in names
    assert "darts" not in names


def test_a_benchmark_compares_with_random_seed_by_seed(tables):
    told: list[str] = []
    found = bench(tables, "evolution", "random", progress=told.append)
    assert [entry.name for entry in found.entries] == ["random", "evolution"]
    assert [line.partition(":")[0] for line in told] == ["cifar10, random", "cifar10, evolution"]
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
    report = page([found], {"regret": "curves.svg"})
    assert "![Regret of the strategies](curves.svg)" in report
    assert "- own.py:Refusing: this space is too small" in report
    assert f", {os.cpu_count()} cores of " in report.partition("## Made by")[2]
    by_time = report.partition("simulated device-time, percent")[2]
    short = next(line for line in by_time.splitlines() if line.startswith("| own.py:Short"))
    # 30 trainings of 12 epochs take as long as 1.8 of 200.
    assert short.count("| -") == 6
    rival = next(line for line in by_time.splitlines() if line.startswith("| random"))
    # In the mean time of one trial, some had not ended theirs.
    assert [cell == " - " for cell in rival.split("|")[2:-1]] == [True] + 6 * [False]
    plain = json.loads(json.dumps(to_json([found]), allow_nan=False))["datasets"]["cifar10"]
    assert plain["strategies"][2]["trials"] == 5
    assert plain["after_device_seconds"]["own.py:Short"]["mean"][-1] is None
    assert plain["at_trials"] == [1, 2, 5, 10, 15, 20, 30]
    assert [len(curve.x) for curve in curves(found)] == [30, 30, 30]


def test_a_strategy_with_other_options_is_another_one(tables, tmp_path):
    one, other = "evolution -o population=4 -o sample=2", "evolution -o population=8 -o sample=4"
    found = bench(tables, "random", "evolution", one, other, seeds=2)
    assert [entry.name for entry in found.entries] == [
        "random",
        "evolution population=4 sample=2",
        "evolution population=8 sample=4",
        "evolution",
    ]
    populations = [entry.search.options.get("population") for entry in found.entries]
    assert populations == [None, 4, 8, 20]
    drawn = draw_panels({"cifar10": curves(found)}, tmp_path / "r.svg", xlabel="x", ylabel="y")
    assert ">evolution population=4<" in drawn.read_text()  # broken, and no warning
    with pytest.raises(UserError, match=r"-o sample=9: must be in \[1, population=4\]"):
        bench(tables, "evolution -o population=4 -o sample=9")
    with pytest.raises(UserError, match="unknown argument -o 'populaton'"):
        bench(tables, "evolution -o populaton=4")


def test_expected_values_are_held_against_what_was_found(tables):
    found = bench(tables, "random", budget="150", seeds=2)
    mean = 100 * np.mean([trace.test[-1] for trace in found.entries[0].traces])
    section = (
        markdown(found).partition("### Comparison with plain implementations")[2].partition("## ")
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
    assert "### Test accuracy by device-time, percent [95 %]" in markdown(found)
    assert "simulated device-time, percent" not in markdown(found)
    macro = bench(tables, "random", "evolution", table="nas-bench-macro", seeds=2, budget="40")
    assert "device-time" not in markdown(macro)
    assert "Note: the table has no validation accuracies" in markdown(macro)
    lonely = bench(tables, "evolution", seeds=1)
    assert "Difference" not in markdown(lonely)


def test_an_interrupted_benchmark_goes_on_where_it_was(tables, own, tmp_path):
    kept, names = tmp_path / "kept.jsonl", ("random", "evolution", f"{own}:Lazy")
    given = {"datasets": ["cifar10", "cifar100"], "budget": "12", "kept": kept}
    whole = benches(tables, *names, **given)
    lines = kept.read_text().splitlines()
    assert len(lines) == 2 * 3 * 4
    kept.write_text("\n".join(lines[:7]) + "\n" + lines[7][:90])  # the last line is torn
    told: list[str] = []
    again = benches(tables, *names, **given, progress=told.append)
    assert told[0] == f"7 of 24 searches are in {kept}"
    for one, other in zip(whole, again, strict=True):
        for mine, theirs in zip(one.entries, other.entries, strict=True):
            for what in ("test", "validation", "epochs", "seconds"):
                for a, b in zip(mine.traces, theirs.traces, strict=True):
                    np.testing.assert_array_equal(getattr(a, what), getattr(b, what))
    told.clear()
    own.write_text(LAZY.replace("< 5", "< 6"))  # other code: its searches are run again
    benches(tables, *names, **given, progress=told.append)
    assert told[0] == f"16 of 24 searches are in {kept}"


@pytest.mark.parametrize("what", ["validation", "trainings", "seconds"])
def test_a_table_that_was_corrected_has_other_searches(tables, monkeypatch, what):
    """What a search sees counts, not only what it is judged by."""

    def contents() -> dict[str, str]:
        return _Searches(table, 1, Kept(None), print)._content

    table = read_once("nas-bench-201", tables)
    before, corrected = contents(), next(table.domains.enumerate())
    assert contents() == before
    real = getattr(type(table), what)

    def changed(self, arch, dataset, *more):
        value = real(self, arch, dataset, *more)
        if arch != corrected or dataset != "cifar10":
            return value
        return tuple(one / 2 for one in value) if what == "trainings" else value / 2

    monkeypatch.setattr(type(table), what, changed)
    different = {dataset for dataset, digest in contents().items() if digest != before[dataset]}
    assert different == {"cifar10"}


def test_results_and_ranks_over_data_sets(tables, own):
    datasets = ["cifar10", "imagenet16-120"]
    found = benches(tables, "random", "evolution", "grid", datasets=datasets, seeds=5)
    ranking = ranks(found)
    assert ranking is not None
    ends = {
        name: [
            trace.test[-1] for one in found for entry in one.entries if entry.name == name
            for trace in entry.traces
        ]
        for name in ("random", "evolution", "grid")
    }  # fmt: skip
    first = sum(  # equal results share the mean of their ranks
        0.5 + sum((ends[other][i] > value) + 0.5 * (ends[other][i] == value) for other in ends)
        for i, value in enumerate(ends["grid"])
    )
    assert ranking.blocks == 10
    assert dict(zip(ranking.names, ranking.ranks, strict=True))["grid"] == pytest.approx(
        first / 10
    )
    said = summary(found)
    assert said.splitlines()[2].split() == ["strategy", *datasets, "mean", "rank"]
    assert ranking.sentence() in " ".join(said.split())
    assert all(len(line) <= 80 for line in said.splitlines())
    report = page(found, {"ranks": "ranks.svg"})
    assert "![Critical differences](ranks.svg)" in report
    assert [line for line in report.splitlines() if line.startswith("## ")][-3:] == [
        "## cifar10", "## imagenet16-120", "## Made by"
    ]  # fmt: skip
    best = max(found[0].table.test(arch, "cifar10") for arch in found[0].table.domains.enumerate())
    regret = curves(found[0])[0].mean[-1]
    (random,) = (one for one in found[0].entries if one.name == "random")
    mean = np.mean([trace.test[-1] for trace in random.traces])
    assert regret == pytest.approx(100 * (best - mean))


def test_a_mistake_in_ones_own_strategy_is_one_line(tables, tmp_path):
    (tmp_path / "bad.py").write_text(
        LAZY.replace("super().suggest(n, pending) if len(self.results) < 5 else []", "1 / 0")
    )
    with pytest.raises(UserError) as error:
        bench(tables, "random", f"{tmp_path / 'bad.py'}:Lazy")
    assert str(error.value) == "strategy bad.py:Lazy: ZeroDivisionError: division by zero " + (
        "(bad.py line 11)"
    )


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
