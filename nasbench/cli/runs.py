"""``nasbench runs``."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nasbench.cli.options import AsJson, Results
from nasbench.cli.output import note, tell
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.api.run_list import Runs

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="These runs only: a folder, a name or a unique part of it, or 'last'.",
    ),
]
Task = Annotated[str | None, typer.Option("--task", help="Runs of one task only.")]
State = Annotated[
    list[str] | None,
    typer.Option("--state", help="running, done, stopped or failed; may be repeated."),
]
Remove = Annotated[bool, typer.Option("--rm", help="Delete the listed runs, after a question.")]
WithRecords = Annotated[
    bool,
    typer.Option("--records", help="With --rm: delete the records of retrainings as well."),
]
Yes = Annotated[bool, typer.Option("--yes", help="With --rm: do not ask.")]


def command(
    run: Names = None,
    task: Task = None,
    state: State = None,
    rm: Remove = False,
    records: WithRecords = False,
    yes: Yes = False,
    results: Results = Path("results"),
    as_json: AsJson = False,
) -> None:
    """List runs, the newest first, or delete some."""
    from nasbench.api.run_list import listed

    for flag, given in {"--records": records, "--yes": yes}.items():
        if given and not rm:
            raise UserError(f"{flag}: is for --rm")
    if rm and not (run or task or state):
        raise UserError("--rm: which RUN? name some, or give --task or --state")
    found = listed(run or [], task, state or [], results)
    if rm:
        _remove(found, records, yes)
        return
    if as_json:
        tell(json.dumps([row.to_json() for row in found.rows]))
        return
    if not len(found):
        which = " of this task or state" if task or state else ""
        note(f"no runs{which} under {results / 'runs'}: nasbench search makes one")
        return
    tell(*found.lines(shutil.get_terminal_size().columns if _in_terminal() else None))


def _in_terminal() -> bool:
    return sys.stdout.isatty()


def _remove(found: Runs, records: bool, yes: bool) -> None:
    """Delete runs, unless the user says no."""
    from nasbench.api.run_list import record
    from nasbench.report.run_rows import disk

    if not len(found):
        note("no such run: nothing is deleted")
        return
    count = f"{len(found)} run{'s' * (len(found) != 1)}"
    kept = sum(record(row).exists() for row in found.rows)
    if not yes:
        if not sys.stdin.isatty():
            raise UserError("--rm asks before it deletes, and there is no terminal: give --yes")
        note(*found.lines(None))
        _ask(f"delete {count} ({disk(found.size)})?")
    size = disk(found.size)
    found.remove(records)
    tell(f"deleted: {count}, {size}")
    if kept and not records:
        tell(f"note:    {kept} of them stay on the leaderboard: --records deletes these as well")


def _ask(question: str) -> None:
    """Return if the user says yes.

    Raises:
        typer.Exit: the user says anything else.
    """
    note(f"{question} [y/N]")
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        note("nothing is deleted")
        raise typer.Exit(1)
