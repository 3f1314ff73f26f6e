"""The leaderboard as raw numbers: CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from nasbench.errors import one_line
from nasbench.measures import ACCURACY
from nasbench.report.formats.cells import PLAIN, View, columns
from nasbench.report.leaderboard import Leaderboard, Row

_FIELDS = (
    *("task", "kind", "method", "variant", "space", "status", "search_seeds", "runs"),
    *("metric", "unit", "larger_is_better", "mean"),
    *("interval_low", "interval_high", "chance", "at_chance"),
    *("versus_random", "versus_random_low", "versus_random_high", "versus_random_paired"),
    "versus_random_shown",
    *("params", "macs", "latency_ms", "device", "search_seconds", "search_evaluations"),
    *("retrain_seconds", "test_openings", "reopened", "run", "verb", "error"),
    *("rank", "published"),
)


def as_csv(board: Leaderboard, view: View = PLAIN) -> str:
    """Return one line per row; unfinished runs follow with a status and without numbers.

    With columns chosen, a line has the task and the fields of these columns, and runs follow
    only if the view lists them.
    """
    text = io.StringIO()
    names = _chosen(view) or _FIELDS
    writer = csv.DictWriter(text, names, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in board.rows:
        low, high = row.interval or ("", "")
        versus = _versus(row) or dict.fromkeys(("points", "low", "high", "paired", "shown"))
        plain = {name: value for name, value in vars(row).items() if name in _FIELDS}
        numbers = {
            "status": "finished",
            "search_seeds": len(row.results),
            **_metric(row),
            "interval_low": low,
            "interval_high": high,
            "versus_random": versus["points"],
            "versus_random_low": versus["low"],
            "versus_random_high": versus["high"],
            "versus_random_paired": versus["paired"],
            "versus_random_shown": versus["shown"],
        }
        writer.writerow(plain | numbers)
    listed = view.unfinished or not view.columns
    for run in board.unfinished if listed else ():  # an error may have several lines
        texts = {name: one_line(str(value)) for name, value in vars(run).items()}
        writer.writerow(texts)
    return text.getvalue()


def _chosen(view: View) -> tuple[str, ...]:
    """Return the fields of the chosen columns, none if none are chosen."""
    fields = [name for column in columns(ACCURACY, view.columns) for name in column.fields]
    return tuple(dict.fromkeys(["task", *fields])) if view.columns else ()


def as_json(board: Leaderboard, view: View = PLAIN) -> str:
    """Return the whole board, with configurations and every result, as indented JSON."""
    rows = []
    for row in board.rows:
        fields = vars(row) | {
            "label": row.label,
            "versus_random": _versus(row),
            "seeds": row.seeds,
            **_metric(row),
        }
        del fields["measure"]
        fields["identity"] = {
            " ".join(part).strip(): value for part, value in row.identity.parts.items()
        }
        for name, value in fields.items():
            if isinstance(value, float) and not math.isfinite(value):
                fields[name] = None  # JSON has no NaN
        rows.append(fields)
    content = {
        "task": board.task,
        "remarks": list(board.remarks),
        "rows": rows,
        "words": {table.title: list(table.words) for table in board.tables},
        "unfinished": [vars(run) for run in board.unfinished],
        "notes": list(board.notes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def _metric(row: Row) -> dict[str, Any]:
    """Return what the row's results are."""
    measure = row.measure
    return {
        "metric": measure.name,
        "unit": measure.unit,
        "larger_is_better": measure.larger_is_better,
    }


def _versus(row: Row) -> dict[str, Any] | None:
    """Return the comparison with random; its ends are ``None`` if a row is a single run."""
    found = row.versus_random
    if found is None:
        return None
    low, high = found.interval or (None, None)
    ends = {"points": found.points, "low": low, "high": high}
    return {**ends, "paired": found.paired, "seeds": found.seeds, "shown": found.shown}
