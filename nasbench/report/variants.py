"""Short descriptions of what sets rows of one method and space apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nasbench.report.rows import Row

_UNSET = "unset"


def with_variants(rows: Sequence[Row]) -> list[Row]:
    """Return the rows, described wherever one task holds several of a method and space."""
    return [replace(row, variant=_variant(row, _siblings(row, rows))) for row in rows]


def differing_keys(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the dotted keys whose values differ between two configurations, sorted."""
    first, second = _flat(one), _flat(other)
    return sorted(
        key for key in first | second if first.get(key, _UNSET) != second.get(key, _UNSET)
    )


def _siblings(row: Row, rows: Sequence[Row]) -> list[Row]:
    return [other for other in rows if other is not row and _identity(other) == _identity(row)]


def _identity(row: Row) -> tuple[str, ...]:
    return (row.task, row.kind, row.method, row.space)


def _variant(row: Row, siblings: Sequence[Row]) -> str:
    """Return for example ``"epochs=20, retrain lr=0.1"``; the stage only where it is unclear."""
    search = _told(row.search_config, [other.search_config for other in siblings])
    retrain = _told(row.retrain_config, [other.retrain_config for other in siblings])
    stages = (("search ", search), ("retrain ", retrain))
    return ", ".join(
        f"{stage if key in search and key in retrain else ''}{key}={value}"
        for stage, told in stages
        for key, value in told.items()
    )


def _told(config: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return ``config``'s values of the keys in which it departs from a sibling."""
    keys = {key for other in others for key in differing_keys(config, other)}
    mine = _flat(config)
    return {key: str(mine.get(key, _UNSET)) for key in sorted(keys)}


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
