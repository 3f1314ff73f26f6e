"""Comparisons of rows: differences with intervals, and notes in words."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from nasbench.config import SearchConfig
from nasbench.report.identity import RETRAIN, differences
from nasbench.report.quantities import duration
from nasbench.report.rows import Difference, Row, marked
from nasbench.report.statistics import (
    Groups,
    difference_interval,
    is_single,
    mean_of_means,
    paired_interval,
)

_FEW = 10  # search seeds below which the bootstrap's intervals are clearly too narrow


def difference(ours: Row, theirs: Row) -> Difference:
    """Return how the mean of ``ours`` differs from that of ``theirs``.

    Rows of the same search seed share a data split. Rows with at least two search seeds in
    common are therefore compared in pairs, others as independent samples.
    """
    common = sorted(set(ours.seed_numbers) & set(theirs.seed_numbers))
    plain: dict[str, Any] = {
        "at_chance": ours.only_chance and theirs.only_chance,
        "measure": ours.measure,
        "size": max(abs(ours.mean), abs(theirs.mean)),
    }
    if len(common) < 2:
        points = ours.mean - theirs.mean
        interval = difference_interval(ours.results, theirs.results)
        seeds = min(len(ours.seed_numbers), len(theirs.seed_numbers))
        return Difference(points, interval, paired=False, seeds=seeds, **plain)
    first, second = _of(ours, common), _of(theirs, common)
    pairs = zip(first, second, strict=True)
    points = fmean(mean_of_means([one]) - mean_of_means([other]) for one, other in pairs)
    interval = paired_interval(first, second)
    return Difference(points, interval, paired=True, seeds=len(common), **plain)


def sentence(ours: Row, theirs: Row, found: Difference) -> str:
    """Return a sentence that says what the difference between two rows shows.

    Args:
        ours: the first row.
        theirs: the row it is compared with.
        found: their difference.
    """
    signed, digits, unit = found.measure.signed, found.measure.digits, found.measure.points
    against = f"{ours.title} against {theirs.title}: {signed(found.points)} {unit}"
    if found.interval is None:
        singles = [row for row in (ours, theirs) if is_single(row.results)]
        few = "one run each" if len(singles) == 2 else f"a single run of {singles[0].title}"
        return f"{against}; {few}: no interval, no difference shown"
    if not found.shown:
        ends = ", ".join(map(signed, found.interval))
        why = f", {found.why_not}" if found.why_not else ""
        return f"{against} [{ends}], {_how(found)}: no difference shown{why}"
    better, worse = (ours, theirs) if found.first_is_better else (theirs, ours)
    low, high = sorted(map(abs, found.interval))
    return (
        f"{better.title} is better than {worse.title} by {digits(abs(found.points))} {unit} "
        f"[{digits(low)}, {digits(high)}], {_how(found)}"
    )


def few_seeds(rows: Iterable[Row]) -> list[str]:
    """Return a note on intervals over few search seeds, if there are any.

    The rates are those of 1,500 simulated pairs of equal rows with normal accuracies.
    """
    if not any(row.interval and len(row.seed_numbers) < _FEW for row in rows):
        return []
    return [
        "intervals over few search seeds are too narrow: a paired interval between equal "
        "methods excludes zero in about 1 of 4 cases with 3 seeds, 1 of 6 with 5, 1 of 11 with 10"
    ]


def _of(row: Row, seeds: Iterable[int]) -> Groups:
    results = dict(zip(row.seed_numbers, row.results, strict=True))
    return [results[seed] for seed in seeds]


def _how(found: Difference) -> str:
    if found.paired:
        return f"paired over {found.seeds} search seeds"
    return "not paired, for lack of two common search seeds"


def comparable(row: Row, other: Row) -> bool:
    """Return whether two rows are of the same task, data and metric.

    Unknown data equal unknown ones.
    """
    same = row.task == other.task and row.measure == other.measure
    return same and row.identity.data == other.identity.data


_MOST = 4  # options that a note names
_FAIR = (0.8, 1.25)  # the other's search cost as a share of the row's


def equal_budget(row: Row, other: Row) -> bool:
    """Return whether the searches cost about the same; always true if one row has no search."""
    if not (row.searched and other.searched):
        return True
    low, high = (share * row.search_seconds for share in _FAIR)
    return low <= other.search_seconds <= high


def caveats(rows: Sequence[Row], other: Row) -> list[str]:
    """Return the reasons why rows are not comparable with another one, each reason once."""
    found = []
    if unequal := [row for row in rows if not equal_budget(row, other)]:
        costs = ", ".join(f"{row.title} {duration(row.search_seconds)}" for row in unequal)
        found.append(
            f"not an equal budget: {other.title} searched {duration(other.search_seconds)}, "
            f"{costs}"
        )
    ways: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        if differing := _retrained_differently(row, other):
            ways.setdefault(tuple(differing), []).append(row)
    for options, of_them in ways.items():
        named = ", ".join(options[:_MOST])
        more = f" and {len(options) - _MOST} more" if len(options) > _MOST else ""
        found.append(
            f"{titles(of_them)} and {other.title} were retrained differently ({named}{more}): "
            "their difference is not due to the search alone"
        )
    return found


def titles(rows: Iterable[Row]) -> str:
    """Return the rows' titles, with commas."""
    return ", ".join(row.title for row in rows)


def _retrained_differently(row: Row, other: Row) -> list[str]:
    """Return the options of the retraining in which two rows differ."""
    parts = differences(row.identity, other.identity)
    return [name for stage, name in parts if stage == RETRAIN]


RANDOM = "random"
"""The method's name of random search on the leaderboard."""


def with_differences(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with their difference from random search, if it ran on their task."""
    pairs = [(row, rival(row, rows)) for row in rows]
    return [
        replace(row, versus_random=difference(row, other)) if other else row
        for row, other in pairs
    ]


def rival(row: Row, rows: Sequence[Row]) -> Row | None:
    """Return the random-search row to compare ``row`` with, or ``None`` if there is none.

    A rival of the same kind on the same space comes first, then one of the same kind, then one
    of the other kind; among those one that searched the same ranges, then one of the user's own,
    then one retrained the same way, then the one whose search cost is nearest.
    """
    if row.method == RANDOM:
        return None
    candidates = [one for one in rows if one.method == RANDOM and comparable(row, one)]
    if row.published:  # what we published does not change with the user's runs
        candidates = [one for one in candidates if one.published]
    return min(
        candidates,
        key=lambda one: (
            one.kind != row.kind,
            one.identity.space != row.identity.space,
            _ranges(one) != _ranges(row),
            one.published != row.published,
            bool(_retrained_differently(row, one)),
            abs(_log_cost(one) - _log_cost(row)),
        ),
        default=None,
    )


def _ranges(row: Row) -> Any:
    """Return what a tuning or a joint search searched, in NNI's format; ``None`` without one."""
    return row.search_config.get("space_content") or row.search_config.get("tuned") or None


def _data_of(row: Row) -> str:
    """Return the flags by which another search has the data and the metric of a row's search."""
    asked = {"task": row.task, **row.search_config}
    named = (name for name in ("task", "metric") if isinstance(asked.get(name), str))
    return " ".join(f"--{name} {shlex.quote(asked[name])}" for name in named)


def missing_random(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Return which rows of random search one task lacks, each with the command that makes it.

    Args:
        rows: of one task and metric.
    """
    found = []
    for kind in sorted({row.kind for row in rows} - {"plain"}, reverse=True):
        of_kind = [row for row in rows if row.kind == kind]
        if any(row.method == RANDOM for row in of_kind):
            continue
        what, asked = "random-search", _data_of(of_kind[0])
        space, *_ = of_kind[0].space.split(" or ")  # a tuning may have found several networks
        named = (
            ""
            if kind == "nas" and space == SearchConfig().space
            else f" --space {shlex.quote(space)}"
        )
        command = f"nasbench search random {asked}{named}"
        if kind == "joint":
            what = "random joint-search"
            command = f"{command} --tune {_tuned_by(of_kind[0])}"
        elif kind == "hpo":
            what = "random HPO"
            command = f"nasbench hpo {shlex.quote(space)} {asked} --tuner random"
        found.append((what, command))
    return found


def _tuned_by(row: Row) -> str:
    """Return what ``--tune`` names in a row's search."""
    ranges = row.search_config.get("tuned")
    return ",".join(ranges) if isinstance(ranges, Mapping) else "lr"


def random_notes(task: str, rows: Sequence[Row]) -> list[str]:
    """Return notes that compare one task's rows with random search, each said once.

    The first ones say how to produce random-search rows that are missing.
    """
    found = [
        f"no {what} row for task {task}: run `{command}` and retrain its checkpoint"
        for what, command in missing_random(rows)
    ]
    against: dict[int, tuple[Row, list[Row]]] = {}
    for row in rows:
        if (other := rival(row, rows)) is not None and row.versus_random is not None:
            against.setdefault(id(other), (other, []))[1].append(row)
    for other, compared in against.values():
        said = [
            *_differences(compared, other),
            *_substitutes(compared, other),
            *caveats(compared, other),
        ]
        found += [f"task {task}: {note}" for note in said]
    return found


def _differences(rows: Sequence[Row], other: Row) -> list[str]:
    """Return which rows differ from random search, and in one line each, of which this is open."""
    found: list[str] = []
    still_open: dict[str, list[Row]] = {}
    for row in rows:
        versus = row.versus_random
        assert versus is not None
        if versus.shown:
            found.append(sentence(row, other, versus))
            continue
        why = "a single run has no interval" if versus.interval is None else _how(versus)
        if versus.why_not:
            why = f"{why}; {versus.why_not}"
        still_open.setdefault(why, []).append(row)
    found += [
        f"no difference from {other.title} is shown for {titles(of_them)}: {why}"
        for why, of_them in still_open.items()
    ]
    return found


def _substitutes(rows: Sequence[Row], other: Row) -> list[str]:
    """Return which rows are compared with random search of another kind or space."""
    lacking: dict[str, list[Row]] = {}
    for row in rows:
        name = f"{marked(row.kind, RANDOM)} row on {row.space}"
        if row.kind != other.kind or row.identity.space != other.identity.space:
            lacking.setdefault(name, []).append(row)
        elif _ranges(row) != _ranges(other):
            lacking.setdefault(f"{name} with the same ranges", []).append(row)
    return [
        f"no {which}: {titles(of_them)} {'is' if len(of_them) == 1 else 'are'} "
        f"compared with {other.title}"
        for which, of_them in lacking.items()
    ]


def _log_cost(row: Row) -> float:
    return math.log(max(row.search_seconds, 1e-3))


KINDS = {"nas": "NAS", "hpo": "HPO", "joint": "joint search"}
CONTESTS = (("nas", "hpo"), ("joint", "nas"), ("joint", "hpo"))
"""The kinds of search that are held against each other."""


def contest(rows: Sequence[Row], kinds: tuple[str, str] = CONTESTS[0]) -> tuple[Row, Row] | None:
    """Return the rows of two kinds of search to compare, such as NAS and HPO, or ``None``.

    Random search and rows without a search are used only if a kind has no other row. A pair
    of equal budget comes first; then the better row of the first kind, then that of the other.

    Args:
        rows: of one task.
        kinds: one of :data:`CONTESTS`.
    """
    ones, others = (_entrants(rows, kind) for kind in kinds)
    pairs = [(one, other) for one in ones for other in others if comparable(one, other)]
    return max(
        pairs, key=lambda pair: (equal_budget(*pair), pair[0].score, pair[1].score), default=None
    )


def kinds_notes(task: str, rows: Sequence[Row]) -> list[str]:
    """Return notes that compare NAS, HPO and joint search on one task."""
    found = []
    for kinds in CONTESTS:
        pair = contest(rows, kinds)
        if pair is None:
            continue
        lines = [sentence(*pair, difference(*pair)), *caveats([pair[0]], pair[1])]
        one, other = (len(_entrants(rows, kind)) for kind in kinds)
        first, second = (KINDS[kind] for kind in kinds)
        words = pair[0].measure.words
        if max(one, other) > 1:
            lines.append(
                f"the best of {one} {first} and the best of {other} {second}, chosen by test "
                f"{words}: this selection favours the kind with more rows"
            )
        found += [f"task {task}, {first} against {second}: {line}" for line in lines]
    return found


def _entrants(rows: Sequence[Row], kind: str) -> list[Row]:
    of_kind = [row for row in rows if row.kind == kind]
    return [row for row in of_kind if row.method != RANDOM and row.searched] or of_kind
