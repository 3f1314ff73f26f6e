"""``nasbench search``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench import arguments
from nasbench.cli import running
from nasbench.cli.options import AsJson, Assignments, ConfigFile, Resume, Seeds, with_options
from nasbench.cli.output import note, tell
from nasbench.config import SearchConfig
from nasbench.engine.presets import SEARCH_OPTIONS

if TYPE_CHECKING:
    from nasbench.engine.search import Found

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
    from nasbench.api import progress
    from nasbench.api.runs import Surroundings, layers
    from nasbench.api.search import on_table, resumed, searches
    from nasbench.training.stopping import StopSignal

    def ended(found: Found) -> None:
        _print_found(found, as_json)

    with running.stoppable("search"), progress.shown(quiet=as_json) as callback:
        around = Surroundings(callback, StopSignal(), note)
        if resume is not None:
            extra = {"STRATEGY": strategy, "--config": config, "-o": o, "--seeds": seeds > 1}
            ended(resumed(resume, given, extra, around))
            return
        named, assigned = layers(given, config, arguments.parse(o or []))
        named["strategy"] = strategy or named.get("strategy")
        if named.get("table") is not None and named["strategy"] is not None:
            report = on_table(named, assigned, seeds)
            tell(*(json.dumps(report.to_json()) if as_json else report.text()).split("\n"))
            return
        searches(named, assigned, seeds, around, ended)


def _print_found(found: Found, as_json: bool) -> None:
    """Print the architecture, its files and the next command."""
    from nasbench.api.progress import words
    from nasbench.engine import joint

    if as_json:
        plain = {
            "run": found.folder.name,
            "checkpoint": str(found.checkpoint),
            "drawings": [str(path) for path in found.drawings],
            "arch": dict(found.outcome.arch),
            "arch_id": found.outcome.arch.id,
            "metrics": found.outcome.metrics,
            "training": dict(found.outcome.training),
            "watch": dict(found.outcome.watch),
            "front": [str(path) for path in found.front],
            "device_seconds": found.outcome.seconds,
        }
        tell(json.dumps(plain))
        return
    tell("", f"architecture {found.outcome.arch.id}:", *found.text.split("\n"), "")
    if found.outcome.training:
        tell(f"training:   {joint.words(found.outcome.training)}")
    tell(f"checkpoint: {found.checkpoint}")
    for path in found.drawings:
        tell(f"drawing:    {path}")
    for path, (arch, metrics) in zip(found.front, found.outcome.front, strict=False):
        tell(f"front:      {path}: {arch.id}, {words(dict(metrics))}")
    if found.note:
        tell(f"note:       {found.note}")
    for line in found.outcome.watch.get("verdict", ()):
        tell(f"warning:    {line}")
    out = running.out_flag(found.folder.path.parent.parent)
    tell(f"next:       nasbench retrain {shlex.quote(str(found.checkpoint))}{out}")
