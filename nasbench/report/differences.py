"""The difference between two rows: its interval, and what it says in words."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from nasbench.report.quantities import signed
from nasbench.report.rows import Difference, Row
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

    The same search seed means the same data split. So where the rows have at least two search
    seeds in common, those are compared pair by pair; otherwise the rows are taken as
    independent.
    """
    common = sorted(set(ours.seed_numbers) & set(theirs.seed_numbers))
    if len(common) < 2:
        points = ours.mean - theirs.mean
        interval = difference_interval(ours.accuracies, theirs.accuracies)
        seeds = min(len(ours.seed_numbers), len(theirs.seed_numbers))
        return Difference(points, interval, paired=False, seeds=seeds)
    first, second = _of(ours, common), _of(theirs, common)
    pairs = zip(first, second, strict=True)
    points = fmean(mean_of_means([one]) - mean_of_means([other]) for one, other in pairs)
    return Difference(points, paired_interval(first, second), paired=True, seeds=len(common))


def sentence(ours: Row, theirs: Row, found: Difference) -> str:
    """Return in words what ``found``, the difference of the two rows, shows."""
    against = f"{ours.title} against {theirs.title}: {signed(found.points)} points"
    if found.interval is None:
        return f"{against}; {_single(ours, theirs)}: no interval, no difference shown"
    if not found.shown:
        ends = ", ".join(map(signed, found.interval))
        return f"{against} [{ends}], {_how(found)}: no difference shown"
    better, worse = (ours, theirs) if found.points > 0 else (theirs, ours)
    low, high = sorted(map(abs, found.interval))
    return (
        f"{better.title} is better than {worse.title} by {abs(found.points):.2f} points "
        f"[{low:.2f}, {high:.2f}], {_how(found)}"
    )


def few_seeds(rows: Iterable[Row]) -> list[str]:
    """Return what to think of intervals that rest on a few search seeds, where one does.

    The rates are those of 1,500 simulated pairs of equal rows with normal accuracies.
    """
    if not any(row.interval and len(row.seed_numbers) < _FEW for row in rows):
        return []
    return [
        "intervals over few search seeds are too narrow: between equal methods a paired one "
        "leaves zero out in about 1 of 4 cases with 3 seeds, 1 of 6 with 5, 1 of 11 with 10"
    ]


def _of(row: Row, seeds: Iterable[int]) -> Groups:
    accuracies = dict(zip(row.seed_numbers, row.accuracies, strict=True))
    return [accuracies[seed] for seed in seeds]


def _single(ours: Row, theirs: Row) -> str:
    singles = [row for row in (ours, theirs) if is_single(row.accuracies)]
    return "one run each" if len(singles) == 2 else f"a single run of {singles[0].name}"


def _how(found: Difference) -> str:
    if found.paired:
        return f"paired over {found.seeds} search seeds"
    return "not paired, for lack of two common search seeds"
