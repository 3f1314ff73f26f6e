"""The report of a benchmark of strategies: Markdown, JSON and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np

from nasbench import provenance
from nasbench.report.plots import Curve
from nasbench.report.quantities import duration, signed
from nasbench.report.statistics import FEWEST_PAIRS
from nasbench.tabular.base import Table
from nasbench.tabular.benchmark import BASELINE, SHARES, Benchmark, Scores, ranks
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


def page(benchmarks: Sequence[Benchmark], pictures: Mapping[str, str]) -> str:
    """Return the report.

    Args:
        benchmarks: of the same strategies, one for each data set.
        pictures: file names of the pictures ``regret`` and ``ranks``, those that were drawn.
    """
    first = benchmarks[0]
    table, found = first.table, ranks(benchmarks)
    result = f"the {table.result}"
    lines = [
        f"{len(first.seeds)} seeds for each strategy, with its default options but for those in "
        f"its name; budget of a search: {first.budget}.",
        f"A search sees the {table.seen} of one training, which its seed chooses. The "
        f"tables show {result} of its incumbent, read after the search has ended, in percent.",
        "Intervals: bootstrap over the seeds, 10,000 resamples, 95 %; differences are paired by "
        "seed.",
    ]
    if table.timed:
        lines.append(
            "Device-time is simulated: the time that the trainings would have taken, without "
            "evaluation."
        )
    if table.note:
        lines.append(f"Note: {table.note}.")
    parts = [f"# Strategies on {table.name}", "\n".join(f"- {line}" for line in lines)]
    parts += ["## Results at the end of the budget", results_table(benchmarks)]
    if found is not None:
        parts.append(f"Ranks: {found.sentence()}.")
    if "regret" in pictures:
        parts += [
            "## Regret",
            f"![Regret of the strategies]({pictures['regret']})",
            f"Regret: how far {result} of the incumbent is below the largest mean of any "
            "architecture in the table, in points; mean over the seeds with its interval.",
        ]
    if found is not None and "ranks" in pictures:
        parts += [
            "## Mean ranks",
            f"![Critical differences]({pictures['ranks']})",
            f"Ranks of {found.blocks} blocks, each a data set with a seed; Friedman's test: "
            f"p = {found.p_value:.2g}. Strategies joined by a bar do not differ by Nemenyi's test "
            "at 5 % (Demšar, 2006). The seeds of a data set are no independent data sets: the "
            "ranks speak for these data sets.",
        ]
    for one in benchmarks:
        parts += [f"## {one.dataset}", *tables(one)]
    return "\n\n".join([*parts, made_by(_times(benchmarks))]) + "\n"


def made_by(more: str) -> str:
    """Return the section on how a page was made.

    Args:
        more: its last sentence.
    """
    facts = provenance.collect()
    commit = f", commit {facts['commit'][:8]}" if facts["commit"] else ""
    return (
        f"## Made by\n\n`{facts['command']}`, nasbench {facts['nasbench']}{commit}, Python "
        f"{facts['python']}, {facts['cores']} cores of {facts['cpu']}. {more}"
    )


def _times(benchmarks: Sequence[Benchmark]) -> str:
    spent: dict[str, float] = {}
    for one in benchmarks:
        for entry in one.entries:
            spent[entry.name] = spent.get(entry.name, 0.0) + entry.cpu_seconds
    times = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in spent.items())
    return f"CPU time of all searches of a strategy: {times}."


def results_table(benchmarks: Sequence[Benchmark], *, wide: bool = True) -> str:
    """Return the result of each strategy on each data set at the end of the budget.

    Args:
        benchmarks: one for each data set.
        wide: as Markdown with intervals; otherwise as aligned text with half their widths.
    """
    rows: dict[str, dict[str, str]] = {}
    for one in benchmarks:
        for scores in one.scores(one.budget.unit, one.amounts()[-1:]):
            mean, low, high = (float(v[-1]) for v in (scores.mean, scores.low, scores.high))
            half = "" if np.isnan(low) else f" ±{50 * (high - low):.2f}"
            text = with_interval(mean, low, high) if wide else f"{100 * mean:.2f}{half}"
            rows.setdefault(scores.entry.name, {})[one.dataset] = text
    found = ranks(benchmarks)
    places = dict(zip(found.names, found.ranks, strict=True)) if found else {}
    order = sorted(rows, key=lambda name: places.get(name, np.inf))
    lines = [["strategy", *(one.dataset for one in benchmarks), "mean rank"]]
    for name in order:
        cells = [rows[name].get(one.dataset, "-") for one in benchmarks]
        lines.append([name, *cells, f"{places[name]:.2f}" if name in places else "-"])
    return markdown_table(lines) if wide else aligned(lines)


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    """Return a table whose first line is its head and whose first column is text."""
    rule = ["---", *["---:"] * (len(lines[0]) - 1)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Return a table in columns of plain text, the first one flush left."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def wrapped(text: str) -> str:
    """Return a sentence in lines of at most 80 characters, broken between words."""
    return fill(text, 80, break_long_words=False, break_on_hyphens=False)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def summary(benchmarks: Sequence[Benchmark]) -> str:
    """Return what a command prints: the results, and what they show in words."""
    first, found = benchmarks[0], ranks(benchmarks)
    seeds = f"{len(first.seeds)} seed{'s' if len(first.seeds) > 1 else ''}"
    half = ", ± half the 95 % interval" if len(first.seeds) > 1 else ""
    parts = [
        wrapped(f"{first.table.name}: {first.table.result}, %, after {first.budget}"),
        f"mean over {seeds}{half}",
        results_table(benchmarks, wide=False),
    ]
    if found is not None:
        parts.append(wrapped(found.sentence()))
    refused = {name: why for one in benchmarks for name, why in one.refused.items()}
    parts += [wrapped(f"{name} cannot search this table: {why}") for name, why in refused.items()]
    return "\n".join(parts) + "\n"


def tables(benchmark: Benchmark) -> list[str]:
    """Return the sections of a data set."""
    unit = benchmark.budget.unit
    amounts, times = benchmark.amounts(), benchmark.baseline_seconds()
    heads = [duration(x) if unit == "seconds" else f"{x:.0f}" for x in amounts]
    found = benchmark.scores(unit, amounts)
    title = "device-time" if unit == "seconds" else unit
    result = _capital(benchmark.table.result)
    parts = [f"### {result} by {title}, percent [95 %]", _table(found, heads, title, _mean)]
    if benchmark.baseline and len(benchmark.entries) > 1:
        others = [one for one in found if one.entry is not benchmark.baseline]
        parts.append(f"### Difference from random by {title}, points [95 %]")
        parts.append(_table(others, heads, title, _ahead))
        seeds = len(benchmark.seeds)
        parts.append("\n".join(f"- {sentence(one, heads[-1], title, seeds)}" for one in others))
    if len(times):
        parts.append(f"### {result} by simulated device-time, percent [95 %]")
        parts.append(
            f"The columns are the times that random takes for {', '.join(heads)} {unit}. A dash: "
            "some search had no result yet, or the budget was already spent."
        )
        by_time = benchmark.scores("seconds", times)
        parts.append(_table(by_time, [duration(x) for x in times], "device-time", _mean))
    parts += _expected(benchmark)
    if benchmark.refused:
        lines = [f"- {name}: {why}" for name, why in benchmark.refused.items()]
        parts.append("\n".join(["### Cannot search this table", "", *lines]))
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
    lines = [[one.entry.name, *(cell(one, i) for i in range(len(heads)))] for one in rows]
    return markdown_table([[f"strategy / {unit}", *heads], *lines])


def _mean(one: Scores, i: int) -> str:
    return with_interval(one.mean[i], one.low[i], one.high[i])


def _ahead(one: Scores, i: int) -> str:
    if np.isnan(one.ahead[i]):
        return "-"
    mean, low, high = (signed(100 * v[i]) for v in (one.ahead, one.ahead_low, one.ahead_high))
    return mean if np.isnan(one.ahead_low[i]) else f"{mean} [{low}, {high}]"


def _expected(benchmark: Benchmark) -> list[str]:
    """Return the comparison with plain implementations, if their accuracies are known."""
    if benchmark.budget.unit != "trials" or benchmark.table.result != Table.result:
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
    return ["### Comparison with plain implementations, 100 seeds", "\n".join([*head, *lines])]


def _verdict(one: Scores, i: int, expected: float) -> str:
    """Return whether the expected value was reached, to the two decimals that are shown."""
    short = expected - round(100 * float(one.mean[i]), 2)
    if short < 0.005:
        return "reached"
    inside = 100 * one.high[i] >= expected
    return f"{short:.2f} short" + (", within the interval" if inside else "")


def curves(benchmark: Benchmark) -> list[Curve]:
    """Return regret in points against the amount spent, from 1/30 of the budget on."""
    grid = amounts_at(benchmark.budget, np.geomspace(SHARES[0], 1.0, _CURVE))
    found = benchmark.scores(benchmark.budget.unit, grid)
    heights = [[100 * (benchmark.best - one) for one in (s.mean, s.high, s.low)] for s in found]
    return [Curve(one.entry.name, grid, *each) for one, each in zip(found, heights, strict=True)]


def to_json(benchmarks: Sequence[Benchmark]) -> dict[str, Any]:
    """Return the benchmarks as plain values; accuracies in [0, 1]."""
    first, found = benchmarks[0], ranks(benchmarks)
    return {
        "table": first.table.name,
        "result": first.table.result,
        "budget": str(first.budget),
        "seeds": list(first.seeds),
        "note": first.table.note,
        "ranks": None if found is None else found.to_json(),
        "datasets": {one.dataset: _one_to_json(one) for one in benchmarks},
        "provenance": provenance.collect(),
    }


def _one_to_json(benchmark: Benchmark) -> dict[str, Any]:
    unit, times = benchmark.budget.unit, benchmark.baseline_seconds()
    by_budget = benchmark.scores(unit, benchmark.amounts())
    by_time = benchmark.scores("seconds", times) if len(times) else []
    return {
        "best": round(benchmark.best, 6),
        f"at_{unit}": benchmark.amounts().tolist(),
        "at_device_seconds": times.tolist(),
        "strategies": [
            {
                "name": one.name,
                "options": dict(one.search.options),
                "cpu_seconds": round(one.cpu_seconds, 2),
                "trials": float(np.mean([len(trace.test) for trace in one.traces])),
                "device_seconds": float(np.mean([trace.seconds[-1] for trace in one.traces])),
                "result": [round(float(trace.test[-1]), 6) for trace in one.traces],
                "validation": [round(float(trace.validation[-1]), 6) for trace in one.traces],
            }
            for one in benchmark.entries
        ],
        f"after_{unit}": {one.entry.name: _plain(one) for one in by_budget},
        "after_device_seconds": {one.entry.name: _plain(one) for one in by_time},
        "refused": dict(benchmark.refused),
    }


def _plain(scores: Scores) -> dict[str, list[float | None]]:
    def numbers(values: Floats) -> list[float | None]:
        return [None if np.isnan(value) else round(float(value), 6) for value in values]

    names = ("mean", "low", "high", "ahead", "ahead_low", "ahead_high")
    return {name: numbers(getattr(scores, name)) for name in names}
