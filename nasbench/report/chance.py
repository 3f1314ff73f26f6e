"""The accuracy of always answering the largest class, and who is not shown to be above it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from nasbench.store.records import Record

_REACH = 1.96  # standard deviations: 97.5 % of a normal distribution lie below


def largest_share(classes: Sequence[float]) -> float:
    """Return the share of the largest class, in [0, 1].

    Args:
        classes: the number of images of each class; at least one image in all.
    """
    return max(classes) / sum(classes)


def record_at_chance(record: Record) -> bool:
    """Return whether a record's accuracy is not shown to be above that of the largest class.

    Of other metrics nothing is said.
    """
    accuracy = record.test_accuracy
    return accuracy is not None and at_chance(accuracy, record.test_classes)


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
