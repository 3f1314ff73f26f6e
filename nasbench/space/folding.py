"""Folds repetitions in a sequence of parts."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from nasbench.graph import Arc, Group, Part

LONGEST_PERIOD = 12  # parts that are repeated together


def folded(
    parts: Sequence[Part], arcs: Sequence[Arc], cut: frozenset[int]
) -> tuple[tuple[Group, ...], tuple[Arc, ...], frozenset[int]]:
    """Return parts as groups, with what connects them numbered anew.

    A repetition is folded unless an arc begins or ends in it. The arcs between neighboring cells,
    each of which reads the two before it, do not count.

    Args:
        parts: in their order.
        arcs: between them.
        cut: parts that do not read the part before them.
    """
    keys = [_key(part) for part in parts]
    fixed = _fixed(parts, arcs) | cut
    groups, new, place, count = list[Group](), dict[int, int](), 0, 0
    while place < len(parts):
        period, times = _repetition(keys, place, fixed)
        rounds = [parts[place + period * n : place + period * (n + 1)] for n in range(times)]
        groups.append(Group(tuple(map(_merged, zip(*rounds, strict=True))), times))
        for offset in range(period * times):
            new[place + offset] = count + offset % period
        place, count = place + period * times, count + period
    kept: dict[tuple[int, int], Arc] = {}
    for arc in arcs:
        source, target = new.get(arc.source, -1), new[arc.target]
        if source < target - 1:
            kept.setdefault((source, target), replace(arc, source=source, target=target))
    return tuple(groups), tuple(kept.values()), frozenset(new[number] for number in cut)


def _key(part: Part) -> Hashable:
    """Return what two parts must share to be the same: all but the labels of decisions."""
    boxes = tuple(replace(box, chosen=tuple(map(_value, box.chosen))) for box in part.boxes)
    return boxes, part.skip, _value(part.chosen)


def _value(said: str) -> str:
    return said.rpartition(": ")[2]


def _fixed(parts: Sequence[Part], arcs: Sequence[Arc]) -> frozenset[int]:
    """Return the parts at which arcs begin or end, but for those of neighboring cells."""
    found = set[int]()
    for arc in arcs:
        ends = (arc.source, arc.target)
        near = arc.target - arc.source == 2
        if near and all(parts[arc.target - back].boxes[0].kind == "cell" for back in (0, 1)):
            continue
        found.update(ends)
    return frozenset(found)


def _repetition(keys: Sequence[Hashable], place: int, fixed: frozenset[int]) -> tuple[int, int]:
    """Return the period and the number of rounds that save the most boxes from ``place`` on."""
    best, saved = (1, 1), 0
    for period in range(1, min(LONGEST_PERIOD, (len(keys) - place) // 2) + 1):
        times = 1
        while _round_is(keys, place, period, times):
            times += 1
        while times > 1 and fixed & set(range(place, place + period * times)):
            times -= 1
        if times > 1 and period * (times - 1) > saved:
            best, saved = (period, times), period * (times - 1)
    return best


def _round_is(keys: Sequence[Hashable], place: int, period: int, times: int) -> bool:
    """Return whether round number ``times`` is like the first."""
    start = place + period * times
    following = keys[start : start + period]
    return len(following) == period and list(following) == list(keys[place : place + period])


def _merged(rounds: Sequence[Part]) -> Part:
    """Return one part for several alike, with the decisions of all."""
    boxes = tuple(
        replace(one[0], chosen=tuple(dict.fromkeys(text for box in one for text in box.chosen)))
        for one in zip(*(part.boxes for part in rounds), strict=True)
    )
    chosen = "; ".join(dict.fromkeys(part.chosen for part in rounds if part.chosen))
    return replace(rounds[0], boxes=boxes, chosen=chosen)
