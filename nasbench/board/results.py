"""What the page shows of a record: its figures, its classes, and the row that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nasbench.board import drawings
from nasbench.board.files import text
from nasbench.board.runs import metric
from nasbench.measures import named
from nasbench.report import closing
from nasbench.report.chance import record_at_chance
from nasbench.report.leaderboard import Row
from nasbench.store.journal import table
from nasbench.store.records import Record

Link = Callable[[str], dict[str, Any]]

_MEASURED = ("params", "macs", "latency_ms", "test_openings")


def figures(record: Record) -> dict[str, Any]:
    """Return the figures of a record, with the classes that it gets right and wrong."""
    measure = record.measure
    also = {n: v for n, v in record.test_metrics.items() if n != measure.name}
    return {
        **{name: getattr(record, name) for name in _MEASURED},
        "at_chance": record_at_chance(record),
        "uncounted": len(record.uncounted),
        "result": record.result,
        "metric": metric(measure),
        "also": {f"test {named(n).words}": [v, named(n).is_share] for n, v in also.items()},
        "warnings": [text(line) for line in (*closing.warnings(record), *record.notes)],
        "classes": [text(name) for name in record.class_names],
        "confusion": record.confusion,
        "per_class": record.per_class,
    }


def content(record: Record, row: Row, records: Mapping[str, Record], link: Link) -> dict[str, Any]:
    """Return the content of a record's page, ready for JSON.

    Args:
        record: the record.
        row: the row of the leaderboard that holds it.
        records: all records of the folder, by the names of their runs.
        link: returns the key of a run's name, and whether the run's folder is there.
    """
    provenance, of = table(record.provenance), link(record.run)
    drawn = bool(record.arch) and record.kind != "hpo"  # those are hyperparameters
    picture = f"drawings/{of['key']}-record-found.svg"
    return {
        **of,
        "method": text(record.method),
        "kind": record.kind,
        "task": text(record.task),
        "space": text(record.space),
        "given": text(record.given),
        "seeds": [record.search_seed, record.retrain_seed],
        "seconds": [record.search_seconds, record.retrain_seconds],
        "record": figures(record),
        "arch": _texts(record.arch),
        "search_config": _texts(record.search_config),
        "retrain_config": _texts(record.retrain_config),
        "command": text(provenance.get("command")),
        "device": text(provenance.get("device")),
        "started": text(provenance.get("started")),
        "search": link(record.search_run) if record.search_run else None,
        "drawings": [{"epoch": None, "cell": picture, "supernet": None}] if drawn else [],
        "drawn": drawings.word(record.space, whole=False),
        "row": {
            "name": text(row.title),
            "mean": row.mean,
            "interval": row.interval,
            "metric": metric(row.measure),
            "records": [
                {
                    **link(name),
                    "seeds": [one.search_seed, one.retrain_seed],
                    "result": one.result,
                    "arch": one.arch_id,
                    "params": one.params,
                    "macs": one.macs,
                    "latency_ms": one.latency_ms,
                }
                for name in row.run_names
                if (one := records.get(name)) is not None
            ],
        },
    }


def _texts(value: Mapping[str, Any]) -> dict[str, str]:
    return {text(name): text(one) for name, one in value.items() if one is not None}
