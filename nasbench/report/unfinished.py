"""Runs that gave no result."""

from __future__ import annotations

from pathlib import Path

from nasbench.report.leaderboard import Unfinished
from nasbench.store.runs import all_runs


def unfinished(results: Path) -> list[Unfinished]:
    """Return every run under ``results/runs`` that is not done."""
    return [
        Unfinished(
            run=run.name,
            verb=str(run.info.get("verb", "")),
            method=str(run.info.get("name", "")),
            task=str(run.info.get("task", "")),
            status=run.status,
            error=str(run.info.get("error") or ""),
        )
        for run in all_runs(results)
        if run.status != "done"
    ]
