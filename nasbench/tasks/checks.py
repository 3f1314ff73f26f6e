"""Targets of the user's own data, and what is wrong with them, said by name before any training.

A reader gives the raw targets of all its parts to :func:`targets`, which returns class indices
counted from 0, labels of 0 and 1, or numbers. Once every part has its examples, :func:`check`
refuses what cannot be trained on, and :func:`copies` finds test examples that are in the training
set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.recordings import natural

FEW = 10
"""Training examples of a class below which a note says so."""
_SHOWN = 8  # names in a message
_WHOLE = 2**53  # integers up to here are exact as floats

Array = NDArray[Any]


@dataclass(frozen=True)
class Targets:
    """What is predicted of the examples of each part.

    Attributes:
        target: ``class``, ``labels`` or ``numbers``.
        outputs: number of classes, labels or numbers.
        parts: of each part int64 ``(n,)`` class indices, or float32 ``(n, outputs)``.
        names: of the classes, labels or numbers, ``()`` if they have none but their index.
        notes: what the user should know, one line each.
    """

    target: str
    outputs: int
    parts: dict[str, Array]
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def targets(
    where: str,
    raw: Mapping[str, Array],
    target: str | None = None,
    names: Sequence[str] = (),
) -> Targets:
    """Return the targets that raw values mean.

    One column of integers or text is a class; several of 0 and 1 are labels that may hold at
    once; fractions, and several columns of other numbers, are numbers to predict.

    Args:
        where: what the user gave, for messages.
        raw: of each part, ``(n,)`` or ``(n, k)`` of numbers, bool or text; the examples of a
            set that is not cut yet are the part ``train``.
        target: ``class``, ``labels`` or ``numbers`` if the user decides.
        names: of the classes in the order of their indices, or of the ``k`` columns.

    Raises:
        UserError: the values do not fit the target.
    """
    parts = {part: _column(where, part, values) for part, values in raw.items()}
    widths = {part: values.shape[1:] for part, values in parts.items()}
    if len(set(widths.values())) > 1:
        raise UserError(f"{where}: targets per example differ between the parts: {widths}")
    found = target or _recognized(parts)
    one_hot = all(values.ndim == 2 and _is_one_hot(values) for values in parts.values())
    if found == "class":
        if not one_hot:
            return classes(where, parts, names)
        classes_of = {part: values.argmax(1) for part, values in parts.items()}
        width = parts["train"].shape[1]
        return Targets("class", width, classes_of, tuple(names))
    made = _numbers(where, parts, found, names)
    if found == "labels" and one_hot and not target:
        note = "every example has exactly one label: --target class makes them classes"
        return replace(made, notes=(note,))
    return made


def _is_one_hot(values: Array) -> bool:
    """Return whether exactly one number of each row is 1 and the others are 0."""
    if values.dtype.kind not in "iuf":
        return False
    return bool(((values == 0) | (values == 1)).all() and (values.sum(1) == 1).all())


def _column(where: str, part: str, values: Array) -> Array:
    """Return targets as ``(n,)`` or ``(n, k)`` of numbers or text, checked for missing ones."""
    values = np.asarray(values)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2):
        raise UserError(
            f"{where}: {part} targets have the shape {values.shape}: must be (n,) or (n, k)"
        )
    if values.dtype.kind == "b":
        return values.astype(np.int64)
    if values.dtype.kind in "SO":
        made = [_text(one) for one in values.ravel().tolist()]
        if None in made:
            row = made.index(None) // (values.size // len(values))
            raise UserError(f"{where}: {part} example {row + 1} has no label")
        return np.asarray(made, dtype=str).reshape(values.shape)
    return values


def _text(one: Any) -> str | None:
    """Return a label of an array of objects or bytes, ``None`` if it is missing."""
    if isinstance(one, bytes):
        return one.decode("utf-8", "replace")
    return None if one is None or one != one else str(one)  # NaN alone differs from itself


def _recognized(parts: Mapping[str, Array]) -> str:
    one = next(iter(parts.values()))
    if one.ndim == 1:
        return "numbers" if one.dtype.kind == "f" and not _are_whole(parts) else "class"
    binary = all(bool(((values == 0) | (values == 1)).all()) for values in parts.values())
    return "labels" if binary and one.dtype.kind in "iuf" else "numbers"


def _are_whole(parts: Mapping[str, Array]) -> bool:
    """Return whether all floats are integers."""
    return all(
        bool((np.isfinite(one) & (np.abs(one) < _WHOLE)).all())
        and bool((one == one.round()).all())
        for one in parts.values()
    )


def classes(where: str, raw: Mapping[str, Array], names: Sequence[str] = ()) -> Targets:
    """Return class indices from 0 for labels of any kind.

    Labels ``0 .. k-1`` stay as they are. Others, such as text, 1 to k, or -1 and 1, are numbered
    in their order, and the class names say which is which.

    Args:
        where: what the user gave, for messages.
        raw: labels of each part ``(n,)``.
        names: of the classes ``0 .. k-1``, if labels are their indices.

    Raises:
        UserError: labels are neither text nor integers, or lie outside the names.
    """
    for part, values in raw.items():
        if values.ndim != 1:
            raise UserError(
                f"{where}: {part} has {values.shape[1]} targets per example, which is no single "
                "class: allowed: --target labels, numbers"
            )
        if values.dtype.kind not in "iufU":
            raise UserError(f"{where}: labels are {values.dtype}: must be integers or text")
    if all(values.dtype.kind in "iuf" for values in raw.values()):
        if not _are_whole({part: one.astype(np.float64) for part, one in raw.items()}):
            each = (value for one in raw.values() for value in one.tolist())
            bad = next(one for one in each if not float(one).is_integer())
            raise UserError(
                f"{where}: label {bad} is no whole number, as a class must be; "
                "numbers are predicted with --target numbers"
            )
        return _whole_classes(
            {part: one.astype(np.int64) for part, one in raw.items()}, where, names
        )
    texts = {part: values.astype(str) for part, values in raw.items()}
    found = {str(one) for values in texts.values() for one in np.unique(values)}
    every = sorted(found, key=natural)
    return _indexed(texts, every, tuple(every), ())


def _whole_classes(raw: Mapping[str, Array], where: str, names: Sequence[str]) -> Targets:
    every = sorted({int(one) for values in raw.values() for one in np.unique(values)})
    if names:
        outside = [one for one in every if not 0 <= one < len(names)]
        if outside:
            raise UserError(
                f"{where}: label {outside[0]}: must be 0 to {len(names) - 1}, "
                f"as there are {len(names)} class names"
            )
        return Targets("class", len(names), dict(raw), tuple(names))
    if every == list(range(len(every))):
        return Targets("class", len(every), dict(raw))
    if every[0] < 0 and every != [-1, 1]:
        raise UserError(
            f"{where}: label {every[0]}: must be 0 or more; leave out examples without a class, "
            "or predict numbers with --target numbers"
        )
    shown = _listed([str(one) for one in every])
    first = every == list(range(1, len(every) + 1))
    note = "labels start at 1" if first else f"labels are {shown}"
    note += f": they are numbered 0 to {len(every) - 1}"
    return _indexed(raw, every, tuple(map(str, every)), (note,))


def _indexed(
    raw: Mapping[str, Array], every: Sequence[Any], names: tuple[str, ...], notes: tuple[str, ...]
) -> Targets:
    """Return labels as their places in ``every``."""
    place = {label: index for index, label in enumerate(every)}
    parts = {}
    for part, values in raw.items():
        found, inverse = np.unique(values, return_inverse=True)
        lookup = np.array([place[one] for one in found.tolist()], np.int64)
        parts[part] = lookup[inverse] if len(values) else np.zeros(0, np.int64)
    return Targets("class", len(every), parts, names, notes)


def _numbers(where: str, raw: Mapping[str, Array], target: str, names: Sequence[str]) -> Targets:
    """Return labels of 0 and 1, or numbers, as float32 ``(n, k)``."""
    parts = {}
    for part, values in raw.items():
        if values.dtype.kind not in "iuf":
            raise UserError(f"{where}: {part} targets are {values.dtype}: must be numbers")
        with np.errstate(over="ignore"):  # what becomes infinite is refused below
            table = values.reshape(len(values), -1).astype(np.float32)
        wrong = ~np.isfinite(table)
        rule = "a finite number of float32"
        if target == "labels":
            wrong, rule = (table != 0) & (table != 1), "0 or 1"
        if wrong.any():
            row, column = (int(one) for one in np.argwhere(wrong)[0])
            name = names[column] if column < len(names) else f"{column + 1}"
            value = values.reshape(len(values), -1)[row, column]
            raise UserError(
                f"{where}: {part} example {row + 1}: target {name} is {value}: must be {rule}"
            )
        parts[part] = table
    outputs = parts["train"].shape[1]
    return Targets(target, outputs, parts, tuple(names) if len(names) == outputs else ())


def check(where: str, given: Targets) -> tuple[str, ...]:
    """Return notes on the targets.

    Args:
        where: what the user gave, for messages.
        given: the targets of all parts; the classes of ``train`` and ``val`` together count.

    Raises:
        UserError: a class has fewer than two training examples, there is one class only, or
            nothing differs between the examples.
    """
    train = np.concatenate([given.parts[one] for one in ("train", "val") if one in given.parts])
    if not len(train):
        raise UserError(f"{where}: there are no training examples")
    if given.target != "class":
        return _check_columns(where, given, train)
    names = given.names or tuple(map(str, range(given.outputs)))
    if given.outputs < 2:
        raise UserError(
            f"{where}: every example is of the class {names[0]}: there must be two classes or more"
        )
    counts = np.bincount(train, minlength=given.outputs)
    if counts.min() < 2:
        lacking = [f"{names[i]} ({counts[i]})" for i in np.flatnonzero(counts < 2)]
        hint = "; numbers are predicted with --target numbers" if len(lacking) > FEW else ""
        raise UserError(
            f"{where}: classes with too few training examples: {_listed(lacking)}: "
            f"each must have at least 2{hint}"
        )
    notes = []
    if few := [f"{names[i]} ({counts[i]})" for i in np.flatnonzero(counts < FEW)]:
        notes.append(f"classes with fewer than {FEW} training examples: {_listed(few)}")
    if "test" in given.parts:
        tested = np.bincount(given.parts["test"], minlength=given.outputs)
        if lacking := [names[i] for i in np.flatnonzero(tested == 0)]:
            notes.append(f"classes without test examples: {_listed(lacking)}")
    return tuple(notes)


def _check_columns(where: str, given: Targets, train: Array) -> tuple[str, ...]:
    names = given.names or tuple(f"{i + 1}" for i in range(given.outputs))
    same = np.flatnonzero((train == train[0]).all(0))
    if len(same) == given.outputs:
        raise UserError(
            f"{where}: target {names[same[0]]} is {train[0, same[0]]:g} for every training "
            "example: there is nothing to learn"
        )
    return tuple(f"target {names[i]} is {train[0, i]:g} for every training example" for i in same)


def digest(example: bytes | memoryview) -> bytes:
    """Return a short hash of one example's bytes, for :func:`copies`."""
    return hashlib.blake2b(example, digest_size=16).digest()


def digests(examples: Array) -> list[bytes]:
    """Return the hash of each row of an array, which may be mapped from a file."""
    return [digest(np.ascontiguousarray(one).data) for one in examples]


def copies(train: Iterable[Any], test: Iterable[Any]) -> list[tuple[int, int]]:
    """Return the row of each test example that a training example equals, and that one's row.

    Args:
        train: hashes of the training examples, or other values that copies share.
        test: those of the test examples.
    """
    first: dict[Any, int] = {}
    for row, one in enumerate(train):
        first.setdefault(one, row)
    return [(row, first[one]) for row, one in enumerate(test) if one in first]


def copies_note(
    found: Sequence[tuple[int, int]],
    tests: int,
    train: Sequence[str] = (),
    test: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return a note on test examples that are copies of training examples, if there are any.

    Args:
        found: pairs of :func:`copies`.
        tests: number of test examples.
        train: names of the training examples, if they have any.
        test: names of the test examples likewise.
    """
    if not found:
        return ()
    pairs = [
        f"{test[one] if len(test) else one + 1} = {train[other] if len(train) else other + 1}"
        for one, other in found
    ]
    return (
        f"{len(found):,} of {tests:,} test examples are copies of training examples, so the test "
        f"flatters: {_listed(pairs, 3)}",
    )


def check_groups(where: str, groups: Mapping[str, Array], names: Sequence[str] = ()) -> None:
    """Raise if one group has examples in two parts.

    Args:
        where: what the user gave, for messages.
        groups: of each part, integers or text ``(n,)``.
        names: of the groups, if they are integers from 0.

    Raises:
        UserError: it names the group and both parts.
    """
    seen: dict[Any, str] = {}
    for part, values in groups.items():
        for group in np.unique(values).tolist():
            if group in seen:
                name = names[group] if len(names) else group
                raise UserError(
                    f"{where}: the group {name} is in {seen[group]} and in {part}: "
                    "a split must not part a group"
                )
            seen[group] = part


def _listed(names: Sequence[str], most: int = _SHOWN) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
