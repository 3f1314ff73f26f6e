"""Student's interval of a mean ("The Probable Error of a Mean", Biometrika, 1908)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def t_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the interval of the mean of values that vary by chance, as from a normal law.

    Accuracies of folds share their training images, so their mean varies somewhat more than it
    tells (Bengio and Grandvalet, JMLR 2004).

    Args:
        values: at least two.
        level: the interval's coverage, in (0, 1).

    Raises:
        ValueError: there are fewer than two values.
    """
    from scipy import stats  # a second of imports, for the end of a run

    if len(values) < 2:
        raise ValueError("a t-interval needs at least two values")
    middle, error = float(np.mean(values)), float(stats.sem(values))
    reach = error * float(stats.t.ppf((1 + level) / 2, len(values) - 1))
    return middle - reach, middle + reach
