"""Student's interval of a mean ("The Probable Error of a Mean", Biometrika, 1908)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the mean of values that vary by chance, as from a normal law.

    Accuracies of folds share their training images, so their mean varies somewhat more than it
    tells (Bengio and Grandvalet, JMLR 2004).

    Args:
        values: at least two.
        level: the interval's coverage, in (0, 1).

    Raises:
        ValueError: there are fewer than two values, or ``level`` is out of range.
    """
    if len(values) < 2:
        raise ValueError("a t-interval needs at least two values")
    middle, error = fmean(values), stdev(values) / math.sqrt(len(values))
    reach = error * t_quantile(level, len(values) - 1)
    return middle - reach, middle + reach


def t_quantile(level: float, freedom: int) -> float:
    """Return the ``t`` between whose two signs Student's law has the probability ``level``.

    Args:
        level: in (0, 1).
        freedom: degrees of freedom, at least 1.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not 0.0 < level < 1.0 or freedom < 1:
        raise ValueError(f"level {level}, freedom {freedom}: must be in (0, 1) and at least 1")
    low, high = 0.0, math.pi / 2
    while low < (middle := (low + high) / 2) < high:
        if _within(middle, freedom) < level:
            low = middle
        else:
            high = middle
    return math.sqrt(freedom) * math.tan(high)


def _within(angle: float, freedom: int) -> float:
    """Return the probability between ``-t`` and ``t``, ``t = sqrt(freedom) * tan(angle)``.

    Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    odd = freedom % 2
    term, total = (math.cos(angle) if odd else 1.0), 0.0
    for j in range(1, freedom // 2 + 1):
        total += term
        term *= (2 * j - 1 + odd) / (2 * j + odd) * math.cos(angle) ** 2
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total
