"""``nasbench list``."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Annotated

import typer

from nasbench.api.listing import KINDS
from nasbench.cli.options import AsJson
from nasbench.cli.output import tell
from nasbench.errors import unknown

Kind = Annotated[str | None, typer.Argument(help=f"One of: {', '.join(KINDS)}. [default: all]")]


def command(kind: Kind = None, as_json: AsJson = False) -> None:
    """List the names that other commands accept."""
    if kind is not None and kind not in KINDS:
        raise unknown("list", kind, KINDS)
    chosen = [kind] if kind is not None else list(KINDS)
    tables = {name: KINDS[name] for name in chosen}
    if as_json:
        plain = {k: {name: e.description for name, e in t.items()} for k, t in tables.items()}
        tell(json.dumps(plain))
        return
    for name, table in tables.items():
        tell(f"{name}:")
        for key, entry in table.items():
            _echo(f"  {key:<20} {entry.description}")
        if name == "tuners":
            from nasbench.hpo.names import UNAVAILABLE

            for key, (reason, instead) in UNAVAILABLE.items():
                _echo(f"  NNI's {key} is not available: {reason}; use {instead}")


def _echo(line: str) -> None:
    """Print a line, wrapped in a terminal and whole in a pipe."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        line = textwrap.fill(line, width, subsequent_indent=" " * 23)
    tell(line)
