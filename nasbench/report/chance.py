"""What always giving one answer reaches, and who is not shown to be above it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nasbench.measures import ACCURACY
from nasbench.store.records import Record

_OF_ANSWERS = ("balanced_accuracy", "macro_f1")
"""Metrics that see the answered class alone, and not how sure the network is."""
_REACH = 1.96  # standard deviations: 97.5 % of a normal distribution lie below


def largest_share(classes: Sequence[float]) -> float:
    """Return the share of the largest class, in [0, 1].

    Args:
        classes: the number of images of each class; at least one image in all.
    """
    return max(classes) / sum(classes)


def constant(record: Record) -> float | None:
    """Return the leading metric of the best answer that does not depend on the example.

    Of the accuracy it is the share of the test set's largest class. ``None`` if it is unknown.
    """
    if record.measure == ACCURACY and record.test_classes:
        return largest_share(record.test_classes)
    return record.constant


def record_at_chance(record: Record) -> bool:
    """Return whether a record's result is not shown to be better than a constant answer's.

    An accuracy has to exceed that of the largest class; another metric of the answers' classes
    has to come with a balanced accuracy above that of answers that do not depend on the example;
    see :func:`at_chance` and :func:`independent`. For other metrics, such as the area under the
    ROC curve, and other targets the constant answer's metric has to be exceeded. Nothing is said
    if none of these is known.
    """
    if record.measure == ACCURACY:
        accuracy = record.test_accuracy
        return accuracy is not None and at_chance(accuracy, record.test_classes)
    if record.confusion and record.measure.name in _OF_ANSWERS:
        return independent(record.confusion)
    if record.constant is None:
        return False
    return record.measure.score(record.result) <= record.measure.score(record.constant)


def independent(confusion: Sequence[Sequence[int]]) -> bool:
    """Return whether a network's answers are not shown to depend on the true class.

    Answers drawn with fixed shares ``q`` have a balanced accuracy of ``1 / k`` for ``k`` classes,
    with the variance ``sum(q * (1 - q) / n) / k**2`` for ``n`` examples of each class. The
    network's has to exceed all but 2.5 %.

    Args:
        confusion: counts, a row for each true class and a column for each answer; classes
            without examples count for nothing.
    """
    rows = [(own, row) for own, row in enumerate(confusion) if sum(row)]
    total = sum(sum(row) for _, row in rows)
    if not total:
        return False
    found = sum(row[own] / sum(row) for own, row in rows) / len(rows)
    shares = [sum(row[own] for _, row in rows) / total for own, _ in rows]
    expected = sum(shares) / len(rows)
    variance = sum(
        share * (1 - share) / sum(row) for share, (_, row) in zip(shares, rows, strict=True)
    )
    return found <= expected + _REACH * math.sqrt(variance) / len(rows)


def at_chance(accuracy: float, classes: Sequence[float]) -> bool:
    """Return whether an accuracy is not shown to be above that of the largest class.

    An answer that is right with that class's share is right on a binomial number of images, and
    the accuracy has to exceed all but 2.5 % of these.

    Args:
        accuracy: of one network, in [0, 1].
        classes: the number of images of each class; nothing is said if it is unknown, that is,
            empty.
    """
    images = sum(classes)
    if images == 0:
        return False
    share = largest_share(classes)
    return accuracy <= share + _REACH * math.sqrt(share * (1 - share) / images)
