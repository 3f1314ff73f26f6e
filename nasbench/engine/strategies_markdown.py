"""A race of strategies as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nasbench import provenance
from nasbench.engine.strategies_bench import RIVAL, Race
from nasbench.engine.strategies_report import Standing, checkpoints, random_times, standings
from nasbench.engine.tabular import with_interval
from nasbench.report.quantities import duration, signed
from nasbench.tabular.reference import EXPECTED

Cell = Callable[[Standing, int], str]


def markdown(race: Race, picture: str | None = None) -> str:
    """Return the report.

    Args:
        race: what was run.
        picture: the file name of the curves' picture, to be shown.
    """
    parts = [f"# Strategies on {race.table.name}, {race.dataset}", _protocol(race)]
    if picture:
        parts.append(f"![Curves of the strategies]({picture})")
    parts += [*tables(race), _origin(race)]
    return "\n\n".join(parts) + "\n"


def tables(race: Race) -> list[str]:
    """Return the report's sections."""
    unit = race.budget.unit
    amounts, times = checkpoints(race), random_times(race)
    heads = [duration(x) if unit == "seconds" else f"{x:.0f}" for x in amounts]
    found = standings(race, unit, amounts)
    title = "device-time" if unit == "seconds" else unit
    parts = [f"## Test accuracy by {title}, percent [95 %]", _table(found, heads, title, _mean)]
    if race.rival and len(race.entrants) > 1:
        others = [one for one in found if one.entrant is not race.rival]
        parts.append(f"## Difference from random by {title}, points [95 %]")
        parts.append(_table(others, heads, title, _ahead))
        parts.append("\n".join(f"- {sentence(one, heads[-1], title)}" for one in others))
    if len(times):
        parts.append("## Test accuracy by simulated device-time, percent [95 %]")
        parts.append(
            f"The columns are the times that random takes for {', '.join(heads)} {unit}. A dash: "
            "not every search had a result yet, or the budget was spent before."
        )
        by_time = standings(race, "seconds", times)
        parts.append(_table(by_time, [duration(x) for x in times], "device-time", _mean))
    parts += _expected(race)
    if race.refused:
        lines = [f"- {name}: {why}" for name, why in race.refused.items()]
        parts.append("\n".join(["## Cannot search this table", "", *lines]))
    return parts


def sentence(standing: Standing, spent: str, unit: str) -> str:
    """Return in words how a strategy ended against random."""
    name, when = standing.entrant.name, f"after {spent} {unit}"
    mean, low, high = (
        100 * float(values[-1])
        for values in (standing.ahead, standing.ahead_low, standing.ahead_high)
    )
    if np.isnan(low):
        return f"{name} against {RIVAL} {when}: {signed(mean)} points, without an interval"
    if low <= 0 <= high:
        ends = f"{signed(low)}, {signed(high)}"
        return f"{name} against {RIVAL} {when}: {signed(mean)} [{ends}]: no difference shown"
    word, small, large = ("above", low, high) if mean > 0 else ("below", -high, -low)
    return f"{name} is {word} {RIVAL} {when} by {abs(mean):.2f} points [{small:.2f}, {large:.2f}]"


def _protocol(race: Race) -> str:
    lines = [
        f"{len(race.seeds)} seeds for each strategy with its default options; budget of a search: "
        f"{race.budget}.",
        "A search sees the validation accuracy of one training, which its seed chooses. Shown is "
        "the mean test accuracy of what it holds for the best, read when it has ended.",
        "Intervals: bootstrap over the seeds, 10,000 resamples; differences are paired by seed.",
    ]
    if race.table.timed:
        lines.append(
            "Device-time is simulated: what the trainings would have taken, evaluation left out."
        )
    if race.table.note:
        lines.append(f"Note: {race.table.note}.")
    return "\n".join(f"- {line}" for line in lines)


def _origin(race: Race) -> str:
    """Return where the report comes from."""
    facts = provenance.collect()
    commit = f", commit {facts['commit'][:8]}" if facts["commit"] else ""
    times = ", ".join(f"{one.name} {one.wall_seconds:.0f} s" for one in race.entrants)
    return (
        f"## Made by\n\n`{facts['command']}`, nasbench {facts['nasbench']}{commit}, Python "
        f"{facts['python']}, {facts['cores']} cores of {facts['cpu']}. All searches of a strategy "
        f"took: {times}."
    )


def _table(rows: Sequence[Standing], heads: Sequence[str], unit: str, cell: Cell) -> str:
    lines = [[f"strategy / {unit}", *heads], ["---", *["---:"] * len(heads)]]
    lines += [[one.entrant.name, *(cell(one, i) for i in range(len(heads)))] for one in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mean(one: Standing, i: int) -> str:
    return with_interval(one.mean[i], one.low[i], one.high[i])


def _ahead(one: Standing, i: int) -> str:
    if np.isnan(one.ahead[i]):
        return "-"
    mean, low, high = (signed(100 * v[i]) for v in (one.ahead, one.ahead_low, one.ahead_high))
    return mean if np.isnan(one.ahead_low[i]) else f"{mean} [{low}, {high}]"


def _expected(race: Race) -> list[str]:
    """Return the comparison with what plain implementations reach, where that is known."""
    expected = EXPECTED.get((race.table.name, race.dataset), {})
    if race.budget.unit != "trials":
        return []
    lines = []
    for name, values in expected.items():
        within = {trials: v for trials, v in values.items() if trials <= race.budget.amount}
        amounts = np.array([float(trials) for trials in within])
        for one in standings(race, "trials", amounts):
            if one.entrant.name == name:
                lines += [
                    f"| {name} | {amounts[i]:.0f} | {value:.2f} | {_mean(one, i)} | "
                    f"{_verdict(one, i, value)} |"
                    for i, value in enumerate(within.values())
                ]
    if not lines:
        return []
    head = ["| strategy | trials | expected | found | |", "| --- | ---: | ---: | ---: | --- |"]
    return ["## Against plain implementations, 100 seeds", "\n".join([*head, *lines])]


def _verdict(one: Standing, i: int, expected: float) -> str:
    """Return whether the expected value was reached, to the two decimals that are shown."""
    short = expected - round(100 * float(one.mean[i]), 2)
    if short < 0.005:
        return "reached"
    inside = 100 * one.high[i] >= expected
    return f"{short:.2f} short" + (", within the interval" if inside else "")
