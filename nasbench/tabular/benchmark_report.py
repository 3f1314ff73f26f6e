"""The report of a benchmark of strategies: Markdown, JSON and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nasbench import provenance
from nasbench.report.plots import Curve
from nasbench.report.quantities import duration, signed
from nasbench.report.statistics import FEWEST_PAIRS
from nasbench.tabular.benchmark import BASELINE, SHARES, Benchmark, Scores
from nasbench.tabular.search import with_interval
from nasbench.tabular.simulate import Floats, amounts_at

EXPECTED: Mapping[tuple[str, str], Mapping[str, Mapping[int, float]]] = {
    ("nas-bench-201", "cifar10"): {
        "random": {150: 93.83, 300: 93.94},
        "evolution": {150: 94.20, 300: 94.27},
        "local-search": {150: 94.25, 300: 94.34},
        "bananas": {150: 94.26},
    }
}
"""Test accuracy of plain implementations in percent, the mean over 100 seeds.

Maps table and data set to strategy to trials to accuracy. A search sees the validation accuracy of
one training of 200 epochs. Regularized evolution has a population of 20 and samples of 10.
"""

_CURVE = 120  # points of a curve, at most

Cell = Callable[[Scores, int], str]


def markdown(benchmark: Benchmark, picture: str | None = None) -> str:
    """Return the report.

    Args:
        benchmark: the searches.
        picture: file name of the picture of the curves, to be included.
    """
    table = benchmark.table
    lines = [
        f"{len(benchmark.seeds)} seeds for each strategy with its default options; budget of a "
        f"search: {benchmark.budget}.",
        "A search sees the validation accuracy of one training, which its seed chooses. The "
        "tables show the mean test accuracy of its incumbent, read after the search has ended.",
        "Intervals: bootstrap over the seeds, 10,000 resamples; differences are paired by seed.",
    ]
    if table.timed:
        lines.append(
            "Device-time is simulated: the time that the trainings would have taken, without "
            "evaluation."
        )
    if table.note:
        lines.append(f"Note: {table.note}.")
    parts = [
        f"# Strategies on {table.name}, {benchmark.dataset}",
        "\n".join(f"- {line}" for line in lines),
    ]
    if picture:
        parts.append(f"![Curves of the strategies]({picture})")
    facts = provenance.collect()
    commit = f", commit {facts['commit'][:8]}" if facts["commit"] else ""
    times = ", ".join(f"{one.name} {one.wall_seconds:.0f} s" for one in benchmark.entries)
    origin = (
        f"## Made by\n\n`{facts['command']}`, nasbench {facts['nasbench']}{commit}, Python "
        f"{facts['python']}, {facts['cores']} cores of {facts['cpu']}. Wall-clock time of all "
        f"searches of a strategy: {times}."
    )
    return "\n\n".join([*parts, *tables(benchmark), origin]) + "\n"


def tables(benchmark: Benchmark) -> list[str]:
    """Return the sections of the report."""
    unit = benchmark.budget.unit
    amounts, times = benchmark.amounts(), benchmark.baseline_seconds()
    heads = [duration(x) if unit == "seconds" else f"{x:.0f}" for x in amounts]
    found = benchmark.scores(unit, amounts)
    title = "device-time" if unit == "seconds" else unit
    parts = [f"## Test accuracy by {title}, percent [95 %]", _table(found, heads, title, _mean)]
    if benchmark.baseline and len(benchmark.entries) > 1:
        others = [one for one in found if one.entry is not benchmark.baseline]
        parts.append(f"## Difference from random by {title}, points [95 %]")
        parts.append(_table(others, heads, title, _ahead))
        seeds = len(benchmark.seeds)
        parts.append("\n".join(f"- {sentence(one, heads[-1], title, seeds)}" for one in others))
    if len(times):
        parts.append("## Test accuracy by simulated device-time, percent [95 %]")
        parts.append(
            f"The columns are the times that random takes for {', '.join(heads)} {unit}. A dash: "
            "some search had no result yet, or the budget was already spent."
        )
        by_time = benchmark.scores("seconds", times)
        parts.append(_table(by_time, [duration(x) for x in times], "device-time", _mean))
    parts += _expected(benchmark)
    if benchmark.refused:
        lines = [f"- {name}: {why}" for name, why in benchmark.refused.items()]
        parts.append("\n".join(["## Cannot search this table", "", *lines]))
    return parts


def sentence(scores: Scores, spent: str, unit: str, seeds: int) -> str:
    """Return the final comparison of a strategy with random as a sentence.

    Args:
        scores: of the strategy.
        spent: the amount spent at the end, as text.
        unit: of the amount.
        seeds: the number of searches of each strategy.
    """
    name, when = scores.entry.name, f"after {spent} {unit}"
    mean, low, high = (
        100 * float(values[-1]) for values in (scores.ahead, scores.ahead_low, scores.ahead_high)
    )
    if np.isnan(low):
        return f"{name} against {BASELINE} {when}: {signed(mean)} points, without an interval"
    few = seeds < FEWEST_PAIRS
    if low <= 0 <= high or few:
        interval = f"[{signed(low)}, {signed(high)}]"
        why = f", {seeds} seeds are too few" if few else ""
        return (
            f"{name} against {BASELINE} {when}: {signed(mean)} {interval}: "
            f"no difference shown{why}"
        )
    word, small, large = ("above", low, high) if mean > 0 else ("below", -high, -low)
    return (
        f"{name} is {word} {BASELINE} {when} by {abs(mean):.2f} points [{small:.2f}, {large:.2f}]"
    )


def _table(rows: Sequence[Scores], heads: Sequence[str], unit: str, cell: Cell) -> str:
    lines = [[f"strategy / {unit}", *heads], ["---", *["---:"] * len(heads)]]
    lines += [[one.entry.name, *(cell(one, i) for i in range(len(heads)))] for one in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mean(one: Scores, i: int) -> str:
    return with_interval(one.mean[i], one.low[i], one.high[i])


def _ahead(one: Scores, i: int) -> str:
    if np.isnan(one.ahead[i]):
        return "-"
    mean, low, high = (signed(100 * v[i]) for v in (one.ahead, one.ahead_low, one.ahead_high))
    return mean if np.isnan(one.ahead_low[i]) else f"{mean} [{low}, {high}]"


def _expected(benchmark: Benchmark) -> list[str]:
    """Return the comparison with plain implementations, if their accuracies are known."""
    if benchmark.budget.unit != "trials":
        return []
    lines = []
    for name, values in EXPECTED.get((benchmark.table.name, benchmark.dataset), {}).items():
        within = {trials: v for trials, v in values.items() if trials <= benchmark.budget.amount}
        amounts = np.array([float(trials) for trials in within])
        for one in benchmark.scores("trials", amounts):
            if one.entry.name == name:
                lines += [
                    f"| {name} | {amounts[i]:.0f} | {value:.2f} | {_mean(one, i)} | "
                    f"{_verdict(one, i, value)} |"
                    for i, value in enumerate(within.values())
                ]
    if not lines:
        return []
    head = ["| strategy | trials | expected | found | |", "| --- | ---: | ---: | ---: | --- |"]
    return ["## Comparison with plain implementations, 100 seeds", "\n".join([*head, *lines])]


def _verdict(one: Scores, i: int, expected: float) -> str:
    """Return whether the expected value was reached, to the two decimals that are shown."""
    short = expected - round(100 * float(one.mean[i]), 2)
    if short < 0.005:
        return "reached"
    inside = 100 * one.high[i] >= expected
    return f"{short:.2f} short" + (", within the interval" if inside else "")


def curves(benchmark: Benchmark) -> list[Curve]:
    """Return test accuracy in percent against the amount spent, from 1/30 of the budget on."""
    grid = amounts_at(benchmark.budget, np.geomspace(SHARES[0], 1.0, _CURVE))
    return [
        Curve(one.entry.name, grid, 100 * one.mean, 100 * one.low, 100 * one.high)
        for one in benchmark.scores(benchmark.budget.unit, grid)
    ]


def to_json(benchmark: Benchmark) -> dict[str, Any]:
    """Return the benchmark as plain values; accuracies in [0, 1]."""
    unit, times = benchmark.budget.unit, benchmark.baseline_seconds()
    by_budget = benchmark.scores(unit, benchmark.amounts())
    by_time = benchmark.scores("seconds", times) if len(times) else []
    return {
        "table": benchmark.table.name,
        "dataset": benchmark.dataset,
        "budget": str(benchmark.budget),
        "seeds": list(benchmark.seeds),
        "note": benchmark.table.note,
        f"at_{unit}": benchmark.amounts().tolist(),
        "at_device_seconds": times.tolist(),
        "strategies": [
            {
                "name": one.name,
                "options": dict(one.search.options),
                "wall_seconds": round(one.wall_seconds, 2),
                "trials": float(np.mean([len(trace.archs) for trace in one.traces])),
                "device_seconds": float(np.mean([trace.seconds[-1] for trace in one.traces])),
                "test": [round(float(trace.test[-1]), 6) for trace in one.traces],
                "validation": [round(float(trace.validation[-1]), 6) for trace in one.traces],
            }
            for one in benchmark.entries
        ],
        f"after_{unit}": {one.entry.name: _plain(one) for one in by_budget},
        "after_device_seconds": {one.entry.name: _plain(one) for one in by_time},
        "refused": dict(benchmark.refused),
        "provenance": provenance.collect(),
    }


def _plain(scores: Scores) -> dict[str, list[float | None]]:
    def numbers(values: Floats) -> list[float | None]:
        return [None if np.isnan(value) else round(float(value), 6) for value in values]

    names = ("mean", "low", "high", "ahead", "ahead_low", "ahead_high")
    return {name: numbers(getattr(scores, name)) for name in names}
