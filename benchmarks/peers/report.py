"""The figures of a comparison, and the bars they are held against."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from peers.rounds import Measured

OURS, PLAIN, NNI = "nasbench", "paper, channels-last", "nni"
Rows = Mapping[str, Mapping[str, Any]]

HEADS = (
    *("cores", "seconds, median", "min", "max", "n", "x one core", "x NNI", "x paper, c.-last"),
    *("peak MB", "MB before", "parameters", "loss"),
)


def rows(measured: Mapping[str, Measured], warm_up: int) -> dict[str, dict[str, Any]]:
    """Return the figures of contenders; the warm-up counts for the memory alone."""
    return {name: _row(one, warm_up) for name, one in measured.items()}


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


def compared(by_cores: Mapping[int, Rows]) -> list[dict[str, Any]]:
    """Return a row for each contender and number of cores, with the speed in terms of others.

    Each is compared with the others' best number of cores, and with itself on one core.

    Args:
        by_cores: number of cores to the figures of the contenders.
    """
    names = list(dict.fromkeys(name for found in by_cores.values() for name in found))
    made = []
    for name in names:
        own = {cores: found[name] for cores, found in by_cores.items() if name in found}
        fastest = min((row["median"], cores) for cores, row in own.items())[1]
        for cores, row in own.items():
            times = {
                key: _best(by_cores, other) / row["median"] if _has(by_cores, other) else None
                for key, other in (("times_nni", NNI), ("times_plain", PLAIN))
            }
            alone = own[1]["median"] / row["median"] if 1 in own else None
            made.append(
                {"name": name, "cores": cores, "best": cores == fastest, **row, **times}
                | {"times_one_core": alone}
            )
    return made


def _has(by_cores: Mapping[int, Rows], name: str) -> bool:
    return any(name in found for found in by_cores.values())


def _best(by_cores: Mapping[int, Rows], name: str) -> float:
    """Return a contender's seconds with the number of cores that suits it best."""
    return float(min(found[name]["median"] for found in by_cores.values() if name in found))


def bars(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every bar whose contenders took part: what was asked, seen, and whether reached."""
    best = {row["name"]: row for row in found if row["best"]}
    if OURS not in best:
        return []
    ours, made = best[OURS], []
    for text, key, needed in (
        ("at least 7 times the speed of NNI's best", "times_nni", 7.0),
        ("the aim: at least 10 times the speed of NNI's best", "times_nni", 10.0),
        ("at least 3.5 times the best of `paper, channels-last`", "times_plain", 3.5),
    ):
        if ours[key] is not None:
            made.append(_bar(text, ours[key], needed, ours[key] >= needed))
    every = max((row for row in found if row["name"] == OURS), key=lambda row: row["cores"])
    if every["cores"] > 1 and every["times_one_core"] is not None:
        text = f"at least 1.7 times the speed of one core on {every['cores']}"
        seen = every["times_one_core"]
        made.append(_bar(text, seen, 1.7, seen >= 1.7))
    if NNI in best:
        share = ours["peak_mb"] / best[NNI]["peak_mb"]
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
    title = "the retraining of DARTS_V2" if task["method"] == "retrain" else f"`{task['method']}`"
    lines = [f"# One step of {title}", "", introduction, ""]
    lines += [
        f"C = {task['channels']}, {task['cells']} cells, batch {task['batch']}, "
        f"{report['warm_up']} steps of warm-up.",
        "",
        f"| contender | {' | '.join(HEADS)} |",
        f"|---|{'---:|' * len(HEADS)}",
        *(f"| {_name(row)} | {' | '.join(_cells(row))} |" for row in report["rows"]),
        "",
        *(bar_line(bar) for bar in report["bars"]),
        "",
        f"Made with `{report['command']}` in {report['seconds']:.0f} s on {facts['cores']} cores "
        f"of {facts['cpu']}, {facts['platform']}; Python {facts['python']}, {versions}; "
        f"commit {facts['commit']}{changed}.",
    ]
    return "\n".join(lines) + "\n"


def _name(row: Mapping[str, Any]) -> str:
    return f"**`{row['name']}`**" if row["best"] else f"`{row['name']}`"


def _cells(row: Mapping[str, Any]) -> list[str]:
    times = [row["times_one_core"], row["times_nni"], row["times_plain"]]
    return [
        str(row["cores"]),
        *(f"{row[key]:.3f}" for key in ("median", "min", "max")),
        str(row["n"]),
        *("" if t is None else f"{t:.2f}" for t in times),
        *(f"{row[key]:,.0f}" for key in ("peak_mb", "mb_before", "parameters")),
        f"{row['loss']:.3f}",
    ]
