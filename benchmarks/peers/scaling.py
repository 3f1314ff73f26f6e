"""How time and memory of a step grow with the supernet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nasbench.optional import require
from peers import report
from peers.rounds import compare
from peers.turns import Task

NAMES = (report.OURS, report.PLAIN)
AXES = {
    "channels": (4, 8, 16, 24),
    "cells": (2, 4, 6, 8, 10),
    "batch": (8, 16, 32, 48),
    "candidates": (2, 4, 6, 8),
}
PANELS = (("median", "seconds per step"), ("peak_mb", "peak memory, MB"))


def measure(task: Task, warm_up: int) -> list[dict[str, Any]]:
    """Return a row for each size and contender; what does not vary is as in ``task``."""
    made = []
    for axis, sizes in AXES.items():
        for size in sizes:
            sized = replace(task, **{axis: size})  # type: ignore[arg-type]
            found = report.rows(compare(dict.fromkeys(NAMES, sized), task.steps), warm_up)
            made += [{"axis": axis, "size": size, "name": n, **row} for n, row in found.items()]
    return made


def text(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| varied | size | contender | seconds | peak MB |", "|---|---:|---|---:|---:|"]
    lines += [
        f"| {r['axis']} | {r['size']} | `{r['name']}` | {r['median']:.3f} | {r['peak_mb']:,.0f} |"
        for r in rows
    ]
    return "\n".join(lines) + "\n"


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write a picture: time above, memory below, one column for each varied size.

    Raises:
        UserError: matplotlib is missing.
    """
    matplotlib = require("matplotlib", "drawing the scaling")
    figures = require("matplotlib.figure", "drawing the scaling")
    with matplotlib.rc_context({"svg.hashsalt": "supernet", "svg.fonttype": "none"}):
        figure = figures.Figure(figsize=(3 * len(AXES), 6), layout="constrained")
        panels = figure.subplots(len(PANELS), len(AXES), sharey="row", squeeze=False)
        for line, (key, label) in zip(panels, PANELS, strict=True):
            line[0].set_ylabel(label)
            for panel, axis in zip(line, AXES, strict=True):
                _curves(panel, [row for row in rows if row["axis"] == axis], key)
                panel.set_xlabel(axis)
                panel.set_ylim(bottom=0)
        panels[0][0].legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


def _curves(panel: Any, rows: Sequence[dict[str, Any]], key: str) -> None:
    for name in NAMES:
        own = [row for row in rows if row["name"] == name]
        panel.plot([r["size"] for r in own], [r[key] for r in own], marker="o", label=name)
