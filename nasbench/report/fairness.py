"""Whether two rows were given the same: search time and retraining."""

from __future__ import annotations

from nasbench.report.quantities import duration
from nasbench.report.rows import Row
from nasbench.report.variants import differing_keys

_FAIR = (0.8, 1.25)  # the other's search cost as a share of the row's


def equal_budget(row: Row, other: Row) -> bool:
    """Return whether the searches cost about the same; a row that searched nothing fits any."""
    if not (row.searched and other.searched):
        return True
    low, high = (share * row.search_seconds for share in _FAIR)
    return low <= other.search_seconds <= high


def caveats(row: Row, other: Row) -> list[str]:
    """Return why a comparison of ``row`` with ``other`` is not like with like, a line each."""
    found = []
    if not equal_budget(row, other):
        found.append(
            f"{other.name}'s search took {duration(other.search_seconds)}, "
            f"{row.name}'s {duration(row.search_seconds)}: not an equal budget"
        )
    if keys := differing_keys(row.retrain_config, other.retrain_config):
        found.append(
            f"{row.name} and {other.name} were retrained differently ({', '.join(keys)}): "
            "their difference is not the search's alone"
        )
    return found
