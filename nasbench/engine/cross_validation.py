"""What the accuracies of several folds say together."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from nasbench.report.student import t_interval
from nasbench.store.folds import Fold


def mean_and_interval(folds: Sequence[Fold]) -> tuple[float, tuple[float, float]]:
    """Return the mean accuracy in [0, 1] and its 95 % t-interval, of at least two folds."""
    values = [fold.val_accuracy for fold in folds]
    return fmean(values), t_interval(values)
