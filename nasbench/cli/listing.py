"""``nasbench list``."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from typing import Annotated

import typer

from nasbench.api.listing import KINDS
from nasbench.catalog import BETTER_THAN_RANDOM
from nasbench.cli.options import AsJson
from nasbench.cli.output import tell
from nasbench.errors import unknown

Kind = Annotated[str | None, typer.Argument(help=f"One of: {', '.join(KINDS)}. [default: all]")]

OWN = {
    "metrics": "  One of your own is file.py:function of outputs and targets: docs/own-data.md",
    "losses": "  One of your own is file.py:function of outputs and targets: docs/own-data.md",
}


def command(kind: Kind = None, as_json: AsJson = False) -> None:
    """List the names that other commands accept."""
    if kind is not None and kind not in KINDS:
        raise unknown("list", kind, KINDS)
    tables = {name: KINDS[name] for name in ([kind] if kind is not None else KINDS)}
    if as_json:
        tell(json.dumps(tables))
        return
    for name, table in tables.items():
        tell(f"{name}:")
        for key, about in table.items():
            _echo(f"  {key:<22} {about}")
        if name == "strategies":
            _echo("  Shown to be better than random search at equal cost:")
            for where, names in BETTER_THAN_RANDOM.items():
                _echo(f"    {where + ':':<15} {', '.join(names)}")
            _echo("  No other strategy was shown to be: docs/sampled.md#against-random-search")
        if name == "tuners":
            from nasbench.hpo.names import UNAVAILABLE

            for key, (reason, instead) in UNAVAILABLE.items():
                _echo(f"  NNI's {key} is not available: {reason}; use {instead}")
        if name in OWN:
            _echo(OWN[name])


def _echo(line: str) -> None:
    """Print a line, wrapped in a terminal and whole in a pipe."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        line = textwrap.fill(line, width, subsequent_indent=" " * 25)
    tell(line)
