"""What a table shows, in one or two lines of words: who is better, and by how much."""

from __future__ import annotations

from collections.abc import Sequence

from nasbench.report.comparisons import (
    CONTESTS,
    KINDS,
    RANDOM,
    comparable,
    contest,
    difference,
    equal_budget,
    missing_random,
    rival,
    sentence,
)
from nasbench.report.quantities import duration
from nasbench.report.rows import Row
from nasbench.report.statistics import FEWEST_PAIRS

MARK = "*"
"""Marks a difference from random search that is shown."""


def verdict(rows: Sequence[Row]) -> list[str]:
    """Return one or two sentences on the rows of one task and one metric, best first."""
    if all(row.only_chance for row in rows):
        return ["Every network is at chance level: there is nothing to compare."]
    found = _against_random(rows) or _among_themselves(rows)
    return [_sentence(line) for line in (*found, *_of_the_kinds(rows))]


def _against_random(rows: Sequence[Row]) -> list[str]:
    """Return how the rows compare with random search, nothing if none is compared."""
    every = [row for row in rows if row.versus_random is not None]
    compared = [row for row in every if not row.published] or every
    if not compared:
        return []
    shown = [row for row in compared if row.versus_random and row.versus_random.shown]
    better = [row for row in shown if row.versus_random and row.versus_random.first_is_better]
    lead = (better or compared)[0]
    other = rival(lead, rows)
    assert other is not None
    assert lead.versus_random is not None
    said = sentence(lead, other, lead.versus_random)
    worse = len(shown) - len(better)
    if better:
        if len(compared) > 1:
            said += f"; {_others(len(compared) - 1, len(better) - 1, worse)}"
        return [said]
    if lead.versus_random.seeds < FEWEST_PAIRS:
        said += f" ({FEWEST_PAIRS} search seeds are needed to show one)"
    if len(compared) > 1:
        also = f", {worse} {'is' if worse == 1 else 'are'} worse ({MARK})" if worse else ""
        said = f"no row is shown to be better than random search{also}; {said}"
    return [said]


def _others(rows: int, better: int, worse: int) -> str:
    """Return how many of the other rows differ from random search.

    Args:
        rows: number of the other rows.
        better: of them, those shown to be better.
        worse: of them, those shown to be worse.
    """
    counts = [
        f"{number} {how}" for number, how in ((better, "better"), (worse, "worse")) if number
    ]
    if not counts:
        return "no other row is shown to differ from random search"
    return f"among {rows} other{'s' * (rows != 1)}: {', '.join(counts)} ({MARK})"


def _among_themselves(rows: Sequence[Row]) -> list[str]:
    """Return how the best row compares with the next, and which random search is missing."""
    best, *others = rows
    other = next((row for row in others if comparable(best, row)), None)
    missing = missing_random(rows)
    ask = (
        missing
        and f"`{missing[0][1]}`, then `nasbench retrain last`, adds the row to compare with"
    )
    if other is not None:
        said = sentence(best, other, difference(best, other))
        return [said, *([f"no random search to compare with: {ask}"] if ask else [])]
    how_many = "one row, a single run" if best.interval is None else "one row"
    if others:
        how_many = "rows of different data"
    if best.method == RANDOM:
        return [f"{how_many}: nothing to compare random search with yet"]
    return [f"{how_many}: nothing to compare with yet{f'; {ask}' if ask else ''}"]


def _of_the_kinds(rows: Sequence[Row]) -> list[str]:
    """Return how architecture search, tuning and joint search compare, as far as there are any."""
    found = []
    for kinds in CONTESTS:
        pair = contest(rows, kinds)
        if pair is None or RANDOM in (pair[0].method, pair[1].method):
            continue
        one, other = pair
        first, second = (KINDS[kind] for kind in kinds)
        said = f"{first} against {second}: {sentence(one, other, difference(one, other))}"
        if not equal_budget(one, other):
            costs = f"{duration(one.search_seconds)} against {duration(other.search_seconds)}"
            said += f"; not an equal budget ({costs})"
        found.append(said)
    return found


def _sentence(line: str) -> str:
    """Return a line as a sentence; it may begin with a name, which is spelled as it is."""
    begins = line.startswith(("no row", "no random", "one row", "rows of", "joint search"))
    return f"{line[0].upper()}{line[1:]}." if begins else f"{line}."
