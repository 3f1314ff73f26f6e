"""The figures of a comparison, and the bars they are held against."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from peers.rounds import Measured

OURS, PLAIN, NNI = "nasbench", "paper, channels-last", "nni"
Rows = Mapping[str, Mapping[str, Any]]

HEADS = ("seconds, median", "min", "max", "n", "x NNI", "x paper, c.-last")
HEADS += ("peak MB", "MB before", "parameters", "loss")


def rows(measured: Mapping[str, Measured], warm_up: int) -> dict[str, dict[str, Any]]:
    """Return the figures of every contender; the warm-up counts for the memory alone."""
    found = {name: _row(one, warm_up) for name, one in measured.items()}
    for row in found.values():
        for key, other in (("times_nni", NNI), ("times_plain", PLAIN)):
            row[key] = found[other]["median"] / row["median"] if other in found else None
    return found


def _row(one: Measured, warm_up: int) -> dict[str, Any]:
    seconds = [step.seconds for step in one.steps[warm_up:]]
    return {
        "median": statistics.median(seconds),
        "min": min(seconds),
        "max": max(seconds),
        "n": len(seconds),
        "seconds": seconds,
        "peak_mb": one.steps[-1].peak_mb,
        "mb_before": one.ready.mb,
        "parameters": one.ready.parameters,
        "loss": one.steps[-1].loss,
    }


def bars(found: Rows) -> list[dict[str, Any]]:
    """Return every bar whose contenders took part: what was asked, seen, and whether reached."""
    if OURS not in found:
        return []
    ours, made = found[OURS], []
    for text, key, needed in (
        ("at least 5 times NNI's speed", "times_nni", 5.0),
        ("the aim: at least 8 times NNI's speed", "times_nni", 8.0),
        ("at least 2 times the speed of `paper, channels-last`", "times_plain", 2.0),
    ):
        if ours[key] is not None:
            made.append(_bar(text, ours[key], needed, ours[key] >= needed))
    if NNI in found:
        share = ours["peak_mb"] / found[NNI]["peak_mb"]
        made.append(_bar("at most 0.5 times NNI's peak memory", share, 0.5, share <= 0.5))
    return made


def _bar(text: str, seen: float, needed: float, reached: bool) -> dict[str, Any]:
    return {"bar": text, "needed": needed, "seen": seen, "reached": reached}


def bar_line(bar: Mapping[str, Any]) -> str:
    """Return one bar as text."""
    off = abs(bar["seen"] - bar["needed"])
    share = f"{off:.2f}, {off / bar['needed']:.0%} of it"
    verdict = "reached" if bar["reached"] else f"missed by {share}"
    return f"- {bar['bar']}: {bar['seen']:.2f}, {verdict}"


def markdown(report: Mapping[str, Any], introduction: str) -> str:
    """Return the report as text."""
    facts, task = report["provenance"], report["task"]
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    changed = ", with changes" if facts["dirty"] else ""
    lines = ["# One step of first-order DARTS", "", introduction, ""]
    lines += [
        f"C = {task['channels']}, {task['cells']} cells, batch {task['batch']}, "
        f"{report['warm_up']} steps of warm-up, threads: {report['threads']}.",
        "",
        f"| contender | {' | '.join(HEADS)} |",
        f"|---|{'---:|' * len(HEADS)}",
        *(f"| `{name}` | {' | '.join(_cells(row))} |" for name, row in report["rows"].items()),
        "",
        *(bar_line(bar) for bar in report["bars"]),
        "",
        f"Made with `{report['command']}` in {report['seconds']:.0f} s on {facts['cores']} cores "
        f"of {facts['cpu']}, {facts['platform']}; Python {facts['python']}, {versions}; "
        f"commit {facts['commit']}{changed}.",
    ]
    return "\n".join(lines) + "\n"


def _cells(row: Mapping[str, Any]) -> list[str]:
    times = [row["times_nni"], row["times_plain"]]
    return [
        *(f"{row[key]:.3f}" for key in ("median", "min", "max")),
        str(row["n"]),
        *("" if t is None else f"{t:.2f}" for t in times),
        *(f"{row[key]:,.0f}" for key in ("peak_mb", "mb_before", "parameters")),
        f"{row['loss']:.3f}",
    ]
