"""What searches held for the best architecture after so many trials, epochs or seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nasbench.budget import Budget, Unit
from nasbench.tabular.simulate import Trace

_Floats = NDArray[np.float64]


def marks(budget: Budget, shares: Sequence[float] | _Floats) -> _Floats:
    """Return the amounts at these shares of the budget, ascending; whole trials and epochs."""
    amounts = budget.amount * np.array(shares)
    if budget.unit != "seconds":
        amounts = np.maximum(1.0, np.rint(amounts))
    return np.unique(amounts)


def spent(trace: Trace, unit: Unit) -> _Floats:
    """Return what a search had spent after each query, shape ``(queries,)``."""
    if unit == "trials":
        return np.arange(1.0, len(trace.archs) + 1)
    found: _Floats = np.asarray(getattr(trace, unit), dtype=np.float64)
    return found


def held(
    traces: Sequence[Trace],
    what: Literal["test", "validation", "seconds"],
    unit: Unit,
    amounts: _Floats,
) -> _Floats:
    """Return what each search had when it had spent these amounts; after its end, its last.

    Args:
        traces: the searches.
        what: accuracy of the incumbent in [0, 1], or the simulated time.
        unit: of the amounts.
        amounts: shape ``(points,)``.

    Returns:
        Shape ``(searches, points)``; NaN before the first result.
    """
    rows = []
    for trace in traces:
        values = np.concatenate(([np.nan], getattr(trace, what)))
        rows.append(values[np.searchsorted(spent(trace, unit), amounts, side="right")])
    return np.stack(rows)
