"""The leaderboard as raw numbers: CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from nasbench.report.leaderboard import Leaderboard, Row, Unfinished

_FIELDS = (
    *("task", "method", "variant", "space", "status", "search_seeds", "runs"),
    *("accuracy_percent", "interval_low", "interval_high"),
    *("versus_random", "versus_random_low", "versus_random_high"),
    *("params", "macs", "latency_ms", "device", "search_seconds", "search_evaluations"),
    *("retrain_seconds", "test_openings", "reopened", "run", "verb", "error"),
)


def as_csv(board: Leaderboard) -> str:
    """Return one line per row; unfinished runs follow with a status and without numbers."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _FIELDS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(_flat(row) for row in board.rows)
    writer.writerows(vars(run) for run in board.unfinished)
    return text.getvalue()


def as_json(board: Leaderboard) -> str:
    """Return the whole board, with configurations and every accuracy, as indented JSON."""
    content = {
        "task": board.task,
        "rows": [_nested(row) for row in board.rows],
        "unfinished": [_unfinished(run) for run in board.unfinished],
        "notes": list(board.notes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def _flat(row: Row) -> dict[str, Any]:
    low, high = row.interval or ("", "")
    versus = row.versus_random
    numbers = {
        "status": "finished",
        "search_seeds": len(row.accuracies),
        "accuracy_percent": row.mean,
        "interval_low": low,
        "interval_high": high,
        "versus_random": versus.points if versus else "",
        "versus_random_low": versus.low if versus else "",
        "versus_random_high": versus.high if versus else "",
    }
    plain = {name: value for name, value in vars(row).items() if name in _FIELDS}
    return plain | numbers


def _nested(row: Row) -> dict[str, Any]:
    """Return a row for JSON; what is not finite becomes null, which JSON can hold."""
    versus = row.versus_random
    content = vars(row) | {"versus_random": vars(versus) if versus else None, "seeds": row.seeds}
    return {name: _finite(value) for name, value in content.items()}


def _unfinished(run: Unfinished) -> dict[str, Any]:
    return dict(vars(run))


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
