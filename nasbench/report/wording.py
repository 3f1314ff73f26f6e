"""What distinguishes the rows of one method and space, in few words: ``20 epochs``."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from nasbench.errors import shortened
from nasbench.report.identity import (
    ARCHITECTURE,
    RETRAIN,
    SEARCH,
    UNKNOWN,
    Identity,
    differences,
    is_fingerprint,
)

Part = tuple[str, str]
ELSEWHERE = (SEARCH, "task")
"""The task of the search, where it is another than that of the row."""

FEW = 2
"""Options up to which rows name every one in which they differ; of more, as many as are needed."""

_LONGEST = 60  # characters of a value
_DIGITS = 8  # of a fingerprint
_FIRST = (
    *("architecture", "task", "data", "epochs", "layers", "channels", "width", "budget"),
    *("limit_train", "optimizer", "schedule", "lr", "batch_size", "size", "warmup", "precision"),
    *("cutout", "drop_path", "weight_decay", "label_smoothing", "val_fraction", "revision"),
)
"""The options that say most, by their last names, in this order; then all others by name."""

_COUNTED = {
    **{name: name[:-1] for name in ("epochs", "layers", "channels", "nodes", "cells", "folds")},
    **{"limit_train": "training example", "trials": "trial", "blocks": "block", "heads": "head"},
}
_CALLED = {
    **{"batch_size": "batch", "val_fraction": "held out", "drop_path": "drop-path"},
    **{"label_smoothing": "smoothing", "final_lr": "final lr"},
}
_ALONE = ("optimizer", "schedule", "precision", "architecture")
_ORDER = ("", SEARCH, RETRAIN)
_STAGES = {SEARCH: "search", RETRAIN: "retraining"}


@dataclass(frozen=True)
class Named:
    """A row as far as its name goes.

    Attributes:
        identity: everything that its records have in common.
        base: the name without what distinguishes it from others of this name.
        mark: what else the name says, such as whether the row was published.
        given: the name of an architecture that the user chose, ``""`` without one.
    """

    identity: Identity
    base: str
    mark: bool
    given: str


def variants(rows: Sequence[Named]) -> list[str]:
    """Return the words that tell each row from those of the same task and name.

    Rows that read alike nevertheless get a number as a last resort.
    """
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        groups[row.identity.task, row.base].append(place)
    found = [""] * len(rows)
    for places in groups.values():
        group = [rows[place] for place in places]
        for place, words in zip(places, _of_group(group), strict=True):
            found[place] = words
    return found


def named_apart(identities: Sequence[Identity]) -> list[Part]:
    """Return the options by which rows of one name are told apart, the telling ones first."""
    parts = _differing(identities)
    if len(parts) <= FEW:
        return parts
    chosen: list[Part] = []
    for part in parts:
        more = [*chosen, part]
        if len(_kinds(identities, more)) > len(_kinds(identities, chosen)):
            chosen = more
    for part in reversed(chosen):  # what a later one tells as well
        fewer = [one for one in chosen if one != part]
        if len(_kinds(identities, fewer)) == len(_kinds(identities, chosen)):
            chosen = fewer
    return chosen


def unnamed(identities: Sequence[Identity]) -> list[str]:
    """Return the names of further options in which rows of one name differ."""
    named = named_apart(identities)
    return [called(part) for part in _differing(identities) if part not in named]


def called(part: Part) -> str:
    """Return an option's name in words, such as ``batch`` or ``retraining epochs``."""
    name = part[1].rpartition(".")[2]
    return _CALLED.get(name, name.replace("_", " "))


def _of_group(group: Sequence[Named]) -> list[str]:
    parts = named_apart([row.identity for row in group])
    found = []
    for row in group:
        own = list(parts)
        if _searched_elsewhere(row.identity):
            own = list(dict.fromkeys([*own, ELSEWHERE]))
        found.append(", ".join(_said(row, part, own, group) for part in own))
    keys = [(words, row.mark) for words, row in zip(found, group, strict=True)]
    often, seen = Counter(keys), Counter[tuple[str, bool]]()
    for place, key in enumerate(keys):
        if often[key] > 1:
            seen[key] += 1
            found[place] = ", ".join(filter(None, (found[place], f"number {seen[key]}")))
    return found


def _searched_elsewhere(identity: Identity) -> bool:
    """Return whether the search had another task; one of a place is recorded by its last name."""
    place = str(identity.parts.get(ELSEWHERE, identity.task))
    return identity.task not in (place, PurePath(place).name)


def _said(row: Named, part: Part, parts: Sequence[Part], group: Sequence[Named]) -> str:
    """Return one option of a row in words, with its stage if both stages have it."""
    value = row.identity.parts.get(part)
    if part == ARCHITECTURE and row.given:
        same = {one.identity.parts.get(part) for one in group if one.given == row.given}
        named = shortened(row.given, _LONGEST)
        return named if len(same) == 1 else f"{named}, {value}"
    stage, name = part
    if part == ELSEWHERE:
        return f"searched on {value}"
    last = [one[1].rpartition(".")[2] for one in parts if one[0] == stage]
    short = name.rpartition(".")[2]
    words = _words(
        name if last.count(short) > 1 else short, value, known=part in row.identity.parts
    )
    twice = any(called(one) == called(part) and one[0] != stage for one in parts)
    return f"{_STAGES[stage]} {words}" if twice and stage in _STAGES else words


def _words(name: str, value: Any, known: bool) -> str:
    """Return an option with its value, such as ``20 epochs``, ``lr 0.1`` or ``no auxiliary``."""
    words = _CALLED.get(name, name.replace("_", " ").replace(".", " "))
    if name.startswith("code of "):
        words = f"code of the {name.removeprefix('code of ')}"
    if not known:
        return f"{words} unset"
    if is_fingerprint(name):
        each = [UNKNOWN] if value == UNKNOWN else [t[:_DIGITS] for t in str(value).split("+")]
        return f"{words} {'+'.join(each)}"
    if value is None or value is False:
        return f"all {_COUNTED[name]}s" if name == "limit_train" else f"no {words}"
    if value is True:
        return words
    if name in _COUNTED and isinstance(value, int):
        return f"{value:,} {_COUNTED[name]}{'s' * (value != 1)}"
    text = f"{value:g}" if isinstance(value, float) else shortened(str(value), _LONGEST)
    return text if name in _ALONE and isinstance(value, str) else f"{words} {text}"


def _differing(identities: Sequence[Identity]) -> list[Part]:
    """Return the parts in which some of the rows differ, the telling ones first."""
    first, *others = identities
    found = {part for other in others for part in differences(first, other)}
    return sorted(found, key=_prominence)


def _prominence(part: Part) -> tuple[int, str, int]:
    stage, name = part
    last = name.rpartition(".")[2]
    return (_FIRST.index(last) if last in _FIRST else len(_FIRST)), name, _ORDER.index(stage)


def _kinds(identities: Sequence[Identity], parts: Sequence[Part]) -> set[tuple[str | None, ...]]:
    return {tuple(one.texts.get(part) for part in parts) for one in identities}
