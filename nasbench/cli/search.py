"""``nasbench search``."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli import running
from nasbench.cli.options import AsJson, Assignments, ConfigFile, Resume, Seeds, with_options
from nasbench.cli.output import tell
from nasbench.config import SearchConfig, flag
from nasbench.engine.presets import SEARCH_OPTIONS
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.engine.search import Found

# Options that apply to a search on a table.
WITH_TABLE = (
    "strategy",
    "table",
    "dataset",
    "budget",
    "seed",
    "data_dir",
    "concurrency",
    "device",
    "max_params",
    "max_macs",
    "max_latency",
)

Strategy = Annotated[
    str | None, typer.Argument(help="Search strategy; see: nasbench list strategies.")
]


def command() -> Callable[..., None]:
    """Return the command with a flag for each option of :class:`SearchConfig`."""
    return with_options(SearchConfig, SEARCH_OPTIONS)(_search)


def _search(
    given: dict[str, Any],
    strategy: Strategy = None,
    seeds: Seeds = 1,
    config: ConfigFile = None,
    o: Assignments = None,
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Search for an architecture and write it to checkpoint.json."""
    from nasbench.cli import progress
    from nasbench.engine.search import Search, configure, run_search
    from nasbench.training.stopping import StopSignal

    stop = StopSignal()
    with running.stoppable("search"), progress.shown(quiet=as_json) as callback:
        if resume is not None:
            extra = {"STRATEGY": strategy, "--config": config, "-o": o, "--seeds": seeds > 1}
            folder, options = running.to_resume("search", SearchConfig, resume, given, extra)
            _print_found(run_search(Search.of(options), callback, stop, folder), options, as_json)
            return
        named, assigned = running.layers(given, config, o)
        named["strategy"] = strategy or named.get("strategy")
        if named["strategy"] is None:
            raise UserError("which STRATEGY? see: nasbench list strategies")
        if named.get("table") is not None:
            _on_table(named, assigned, seeds, as_json)
            return
        if named.get("dataset") is not None:
            raise UserError(f"--dataset {named['dataset']}: is a table's: give --table, too")
        search = configure(named, assigned)

        def run(seed: int) -> None:
            _print_found(
                run_search(search.with_seed(seed), callback, stop), search.config, as_json
            )

        running.each_seed(stop, search.config.seed, seeds, run)


def _on_table(named: dict[str, Any], assigned: dict[str, Any], seeds: int, as_json: bool) -> None:
    """Search on a benchmark table, which holds every training."""
    from nasbench.engine.limits import limits_of
    from nasbench.tabular.search import run_table_search

    for name in named:
        if name not in WITH_TABLE:
            raise UserError(f"{flag(name)}: nothing is trained with --table; leave it out")
    options = SearchConfig.from_layers(named)
    report = run_table_search(
        options.strategy,
        assigned,
        str(options.table),
        options.dataset,
        seeds,
        options.seed,
        options.budget or "300",
        limits_of(options),
        options.data_dir,
        named.get("concurrency") or os.cpu_count() or 1,
        named.get("device"),
    )
    tell(*(json.dumps(report.to_json()) if as_json else report.text()).split("\n"))


def _print_found(found: Found, options: SearchConfig, as_json: bool) -> None:
    """Print the architecture, its files and the next command."""
    from nasbench.cli.progress import words

    if as_json:
        plain = {
            "run": found.folder.name,
            "checkpoint": str(found.checkpoint),
            "drawings": [str(path) for path in found.drawings],
            "arch": dict(found.outcome.arch),
            "arch_id": found.outcome.arch.id,
            "metrics": found.outcome.metrics,
            "watch": dict(found.outcome.watch),
            "front": [str(path) for path in found.front],
            "device_seconds": found.outcome.seconds,
        }
        tell(json.dumps(plain))
        return
    tell("", f"architecture {found.outcome.arch.id}:", *found.text.split("\n"), "")
    tell(f"checkpoint: {found.checkpoint}")
    for path in found.drawings:
        tell(f"drawing:    {path}")
    for path, (arch, metrics) in zip(found.front, found.outcome.front, strict=False):
        tell(f"front:      {path}: {arch.id}, {words(dict(metrics))}")
    if found.note:
        tell(f"note:       {found.note}")
    for line in found.outcome.watch.get("verdict", ()):
        tell(f"warning:    {line}")
    out = running.out_flag(options.out)
    tell(f"next:       nasbench retrain {shlex.quote(str(found.checkpoint))}{out}")
