"""The best trials of a tuning as a short table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nasbench.measures import Measure, significant
from nasbench.report.layout import Field, aligned
from nasbench.report.quantities import duration
from nasbench.store.journal import number, table

BEST = 5
_WIDEST = 24  # characters of a value, in a terminal


def best(
    events: Iterable[Mapping[str, Any]], larger_is_better: bool = True
) -> list[dict[str, Any]]:
    """Return the ``trial`` events that have a score, the best first; of equal ones the earlier.

    Args:
        events: of the journal, in the order in which the trials ended.
        larger_is_better: the direction of the scores.
    """
    scored = [dict(event) for event in events if number(event.get("score")) is not None]
    sign = -1 if larger_is_better else 1
    return sorted(scored, key=lambda event: sign * event["score"])


def lines(
    ordered: Sequence[Mapping[str, Any]], measure: Measure | None, width: int | None
) -> list[str]:
    """Return the best trials as aligned text.

    Args:
        ordered: what :func:`best` returned.
        measure: of the scores; ``None`` for an experiment whose trials report what they like.
        width: of the terminal; ``None`` for a pipe, in which nothing is cut.
    """
    shown = ordered[:BEST]
    names = list(dict.fromkeys(name for one in shown for name in table(one.get("parameters"))))
    columns = [
        Field("trial", numeric=True),
        Field("score" if measure is None else f"val {measure.words}", numeric=True),
        Field("time", numeric=True, rank=len(names) + 1),
        # A narrow terminal omits the last parameters; all of the best trial are in its file.
        *(Field(name, numeric=True, least=_WIDEST, rank=n) for n, name in enumerate(names)),
    ]
    rows = [
        (
            str(one.get("number")),
            significant(one["score"])
            if measure is None
            else measure.text(measure.score(one["score"])),
            duration(number(one.get("seconds")) or 0.0),
            *(_value(table(one.get("parameters")).get(name)) for name in names),
        )
        for one in shown
    ]
    return aligned(columns, rows, width)


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value)
