"""What the last lines of a retraining say: the result, what it is worth, and where it errs."""

from __future__ import annotations

import math

from rich.cells import cell_len, set_cell_size

from nasbench.errors import printable
from nasbench.measures import ACCURACY, named
from nasbench.report.chance import constant, record_at_chance
from nasbench.store.records import Record

FEW_STEPS = 200
"""Steps of the optimizer below which a training is said to have taken few."""

LOST = 0.25
"""Share of what the network gains over a constant answer in training, from which on its loss on
the test set is said to be large."""

MOST_CLASSES = 10
"""Classes up to which each one has a line of its own; of more, the worst ones have."""

_WORST = 5
_NAME = 14  # characters of a class's name
_DEVIATIONS = 3.0


def result_lines(record: Record) -> list[str]:
    """Return the result on the test set with what it compares with, and warnings."""
    measure = record.measure
    times = f"{record.test_openings} time{'s' * (record.test_openings != 1)}"
    lines = [
        f"test {measure.words} {measure.text(record.result)} "
        f"on {record.test_examples} sealed examples (opened {times})"
    ]
    known = constant(record)
    if known is not None and not record_at_chance(record):
        lines.append(f"{_constant(record)} gives {measure.text(known)}")
    if record.train_result is not None:
        lines.append(f"on training examples: {measure.text(record.train_result)}")
    lines += [
        f"also {named(name).words} {named(name).text(value)}"
        for name, value in record.test_metrics.items()
        if name != measure.name
    ]
    return [*lines, *record.notes, *warnings(record)]


def warnings(record: Record) -> list[str]:
    """Return what speaks against the result, one line each."""
    found, measure = [], record.measure
    known = constant(record)
    if known is not None and record_at_chance(record):
        better = "above it" if measure == ACCURACY else "better"
        found.append(
            f"at chance level: {_constant(record).lower()} gives {measure.text(known)}, "
            f"and the network is not shown to be {better}"
        )
    if far_apart(record):
        assert record.train_result is not None
        found.append(
            f"far apart: {measure.words} {measure.text(record.train_result)} in training, "
            f"{measure.text(record.result)} on the test set: the network overfits, or the two "
            "sets differ"
        )
    if 0 < record.steps < FEW_STEPS:
        found.append(
            f"few steps: {record.steps}, less than {FEW_STEPS}: more --epochs or a smaller "
            "--batch-size give more"
        )
    return found


def _constant(record: Record) -> str:
    if record.measure == ACCURACY or record.confusion:
        return "Always answering the largest class"
    return "Always giving the same answer"


def far_apart(record: Record) -> bool:
    """Return whether the test result is much worse than that on training examples.

    It is if more than :data:`LOST` of the lead over a constant answer is lost; a share must also
    differ by more than three standard deviations of a share of so many test examples.
    """
    known, train = record.constant, record.train_result
    if known is None or train is None:
        return False
    score = record.measure.score
    lead, lost = score(train) - score(known), score(train) - score(record.result)
    if lead <= 0 or lost <= LOST * lead:
        return False
    if not record.measure.is_share:
        return True
    share = min(max(record.result, 0.0), 1.0)
    spread = math.sqrt(max(share * (1 - share), 0.01) / max(record.test_examples, 1))
    return lost > _DEVIATIONS * spread


def class_lines(record: Record) -> list[str]:
    """Return a table of the classes or labels, at most 80 columns wide.

    All are listed up to :data:`MOST_CLASSES`; of more, the five of the lowest F1.
    """
    figures = record.per_class
    if not figures:
        return []
    names = [_named(record, number) for number in range(len(figures))]
    order = list(range(len(figures)))
    title = "label" if not record.confusion else "class"
    if len(figures) > MOST_CLASSES:
        order = sorted(order, key=lambda one: (figures[one]["f1"], one))[:_WORST]
    width = max(len(title), *(cell_len(names[number]) for number in order))
    rows = [(title.ljust(width), "examples", "precision", "  recall", "      F1", "taken for")]
    if not record.confusion:
        rows[0] = (*rows[0][:-1], "")
    for number in order:
        one = figures[number]
        shares = (f"{one[name]:.2%}" for name in ("precision", "recall", "f1"))
        precision, recall, f1 = shares
        rows.append(
            (
                names[number] + " " * (width - cell_len(names[number])),
                f"{one['examples']:.0f}".rjust(8),
                precision.rjust(9),
                recall.rjust(8),
                f1.rjust(8),
                _taken_for(record, number),
            )
        )
    lines = ["  ".join(row).rstrip() for row in rows]
    if len(figures) > MOST_CLASSES:
        lines.insert(0, f"the {_WORST} of {len(figures)} {title}es of the lowest F1:")
        if not record.confusion:
            lines[0] = lines[0].replace("labeles", "labels")
        if most := _most_frequent(record):
            lines.append(most)
    return lines


def _named(record: Record, number: int) -> str:
    names = record.class_names
    name = names[number] if number < len(names) else str(number)
    shown = printable(name)
    return shown if cell_len(shown) <= _NAME else f"{set_cell_size(shown, _NAME - 3).rstrip()}..."


def _taken_for(record: Record, number: int) -> str:
    """Return which class the examples of a class are most often taken for, with their number."""
    if number >= len(record.confusion):
        return ""
    row = [0 if other == number else n for other, n in enumerate(record.confusion[number])]
    most = max(row, default=0)
    return f"{_named(record, row.index(most))} ({most})" if most else ""


def _most_frequent(record: Record) -> str:
    """Return the most frequent confusion of two classes, ``""`` if there is none."""
    found = [
        (n, own, other)
        for own, row in enumerate(record.confusion)
        for other, n in enumerate(row)
        if n and own != other
    ]
    if not found:
        return ""
    n, own, other = max(found, key=lambda one: (one[0], -one[1], -one[2]))
    return f"most often confused: {_named(record, own)} taken for {_named(record, other)} ({n})"
