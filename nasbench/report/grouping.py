"""Records grouped into the leaderboard's rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Any, TypeVar

from nasbench.report.rows import Points, Row
from nasbench.report.statistics import bootstrap_interval, mean_of_means
from nasbench.store.records import Record

_Key = TypeVar("_Key", bound=Hashable)


def make_rows(records: Iterable[Record]) -> list[Row]:
    """Group records by task, kind, method, space and configurations, one row per group."""
    return [_row(group) for group in _grouped(records, _row_key).values()]


def _row(records: Sequence[Record]) -> Row:
    first = records[0]
    seeds = _grouped(records, lambda record: record.search_seed)
    numbers = tuple(sorted(seeds))
    accuracies = tuple(_accuracies(seeds[number]) for number in numbers)
    return Row(
        task=first.task,
        kind=first.kind,
        method=first.method,
        space=first.space,
        search_config=first.search_config,
        retrain_config=_recipe(first),
        seed_numbers=numbers,
        accuracies=accuracies,
        curves=tuple(_course(seeds[number]) for number in numbers),
        runs=len(records),
        mean=mean_of_means(accuracies),
        interval=bootstrap_interval(accuracies),
        params=round(median(record.params for record in records)),
        macs=round(median(record.macs for record in records)),
        latency_ms=median(record.latency_ms for record in records),
        device=_devices(records),
        search_seconds=_per_seed(seeds.values(), lambda record: record.search_seconds),
        search_evaluations=_per_seed(seeds.values(), lambda record: record.search_evaluations),
        retrain_seconds=fmean(record.retrain_seconds for record in records),
        test_openings=sum(record.test_openings for record in records),
        reopened=any(record.test_openings > 1 for record in records),
    )


def _accuracies(records: Sequence[Record]) -> tuple[float, ...]:
    """Return one search seed's accuracies in percent, repeated runs of a seed averaged.

    A retraining run twice with one seed is no second draw: it would narrow the interval.
    """
    cells = _grouped(records, lambda record: (record.retrain_seed, record.arch_id))
    return tuple(
        100 * fmean(record.test_accuracy for record in cells[key]) for key in sorted(cells)
    )


def _per_seed(seeds: Iterable[Sequence[Record]], quantity: Callable[[Record], float]) -> float:
    return fmean(fmean(map(quantity, records)) for records in seeds)


def _devices(records: Sequence[Record]) -> str:
    names = {str(record.provenance.get("device") or "") for record in records}
    return " + ".join(sorted(names - {""}))


def _course(records: Sequence[Record]) -> Points:
    """Return one search seed's curve up to the search's end, of the first record that has one."""
    for record in records:
        if record.curve:
            points = [(float(seconds), float(best)) for seconds, best in record.curve]
            end = max(points[-1][0], record.search_seconds)
            return (*points, (end, points[-1][1]))
    return ()


def _recipe(record: Record) -> Mapping[str, Any]:
    """Return what shaped the retraining; what a tuner chose is its result, not the recipe."""
    if record.kind != "hpo":
        return record.retrain_config
    return _without(record.retrain_config, record.arch)


def _without(config: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    return {
        name: _without(value, names) if isinstance(value, Mapping) else value
        for name, value in config.items()
        if name not in names
    }


def _row_key(record: Record) -> tuple[str, ...]:
    configs = (record.search_config, _recipe(record))
    texts = (json.dumps(config, sort_keys=True, default=str) for config in configs)
    return (record.task, record.kind, record.method, record.space, *texts)


def _grouped(records: Iterable[Record], key: Callable[[Record], _Key]) -> dict[_Key, list[Record]]:
    groups: dict[_Key, list[Record]] = defaultdict(list)
    for record in records:
        groups[key(record)].append(record)
    return groups
