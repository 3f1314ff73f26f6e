"""``nasbench list``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from nasbench import catalog
from nasbench.cli.options import AsJson
from nasbench.errors import unknown

KINDS = {
    "spaces": catalog.SPACES,
    "strategies": catalog.STRATEGIES,
    "tasks": catalog.TASKS,
    "baselines": catalog.BASELINES,
    "tuners": catalog.TUNERS,
    "assessors": catalog.ASSESSORS,
    "tables": catalog.BENCHMARKS,
}
Kind = Annotated[str | None, typer.Argument(help=f"{', '.join(KINDS)}; all without it.")]


def command(kind: Kind = None, as_json: AsJson = False) -> None:
    """List the names that the other commands take."""
    if kind is not None and kind not in KINDS:
        raise unknown("list", kind, KINDS)
    chosen = [kind] if kind is not None else list(KINDS)
    tables = {name: KINDS[name] for name in chosen}
    if as_json:
        plain = {k: {name: e.words for name, e in t.items()} for k, t in tables.items()}
        typer.echo(json.dumps(plain))
        return
    for name, table in tables.items():
        typer.echo(f"{name}:")
        for key, entry in table.items():
            typer.echo(f"  {key:<20} {entry.words}")
        if name == "tuners":
            from nasbench.hpo.names import UNAVAILABLE

            for key, (reason, instead) in UNAVAILABLE.items():
                typer.echo(f"  NNI's {key} is not available: {reason}; take {instead}")
