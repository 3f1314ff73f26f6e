"""``nasbench trust``."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.cli.options import RunsIn, with_options
from nasbench.cli.output import note, tell
from nasbench.measures import Measure
from nasbench.ranking.options import RankingOptions


class Form(StrEnum):
    """Output formats."""

    TABLE = "table"
    JSON = "json"


Run = Annotated[
    str,
    typer.Argument(
        help="A one-shot search: its folder, its name or a unique part of it, or 'last'."
    ),
]
AsFormat = Annotated[Form, typer.Option("--format", help="table or json.")]

NAMES = {
    "supernet": "supernet",
    "parameters": "parameters",
    "multiply-adds": "multiply-adds",
    "depth": "depth",
    "two seeds": "one training by another",
}
COLUMNS = {
    "tau": "tau",
    "rho": "rho",
    "best_tau": "tau, best tenth",
    "best_rho": "rho, best tenth",
}


def command() -> Callable[..., None]:
    """Return the command with a flag for each option of :class:`RankingOptions`."""
    return with_options(RankingOptions, ())(_trust)


def _trust(
    given: dict[str, Any],
    run: Run,
    format: AsFormat = Form.TABLE,
    results: RunsIn = Path("results"),
) -> None:
    """Measure whether a supernet ranks architectures as stand-alone training does."""
    from nasbench.api import progress
    from nasbench.ranking.run import run_ranking
    from nasbench.store.runs import find
    from nasbench.training.stopping import Stopped, StopSignal

    options = RankingOptions.from_layers(given)
    folder = find(results, run, "RUN", ("search",), ("done",)).path
    try:
        with progress.shown(quiet=format is Form.JSON) as callback:
            report = run_ranking(folder, options, callback, StopSignal())
    except Stopped as stopped:
        again = shlex.join(["nasbench", *sys.argv[1:]])
        note(f"{stopped}; continue with: {again}")
        raise typer.Exit(128 + stopped.signal) from stopped
    picture = _draw(report, folder / "trust.svg")
    if format is Form.JSON:
        tell(json.dumps(report))
        return
    for line in _lines(report):
        tell(line)
    tell(f"written: {folder / 'trust.json'}{f', {picture}' if picture else ''}")


def _draw(report: Mapping[str, Any], path: Path) -> Path | None:
    """Draw results in the supernet against the ground truth, if matplotlib is installed."""
    from nasbench.optional import available
    from nasbench.report.plots import draw_scatter

    if not available("matplotlib"):
        note("no picture: it needs the package matplotlib")
        return None
    rows, found = report["architectures"], report["found"]
    shared, alone = _measures(report)
    return draw_scatter(
        [(alone.scale * row["truth"], shared.scale * row["supernet"]) for row in rows],
        path,
        xlabel=f"{alone.words} trained alone{', %' * alone.is_share}",
        ylabel=f"{shared.words} with the supernet's weights{', %' * shared.is_share}",
        title=f"{report['strategy']}: tau {_numbers(report['agreement']['supernet']['tau'])}",
        marked=(alone.scale * found["result"], shared.scale * found["supernet"])
        if found
        else None,
        mark="found by the search",
    )


def _measures(report: Mapping[str, Any]) -> tuple[Measure, Measure]:
    """Return how results in the supernet, and results of the ground truth, are read."""
    return Measure(**report["metric"]), Measure(**report["truth_metric"])


def _lines(report: Mapping[str, Any]) -> list[str]:
    """Return the report as text, with a row for each score and its 95 % intervals."""
    count = len(report["architectures"])
    shared, alone = _measures(report)
    lines = [
        f"search:   {report['strategy']} on {report['space']}, {report['task']}, "
        f"{report['epochs']} epochs",
        f"truth:    {report['truth']}",
        f"samples:  {count} architectures, drawn uniformly; "
        f"supernet {shared.words} on {report['images']:,} images of the validation half",
    ]
    skipped = dict.fromkeys(name for row in report["architectures"] for name in row["uncounted"])
    if skipped:
        lines.append(f"left out: multiply-adds, because {', '.join(skipped)} cannot be counted")
    if report["failed"]:
        lines.append(f"failed:   {report['failed']} trainings, which are left out")
    rows = [["score", *COLUMNS.values()]]
    for name, numbers in report["agreement"].items():
        rows.append([NAMES.get(name, name), *(_numbers(numbers[column]) for column in COLUMNS)])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines += ["", *table, ""]
    if found := report["found"]:
        lines.append(
            f"found by the search: {alone.text(found['result'])}, rank {found['rank']} among "
            f"{count} samples (better than {found['share']:.0%} of them; "
            f"the best has {alone.text(found['best'])})"
        )
    return [*lines, f"verdict: {report['verdict']}"]


def _numbers(estimate: Sequence[float | None]) -> str:
    value, low, high = estimate
    return "-" if value is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"
