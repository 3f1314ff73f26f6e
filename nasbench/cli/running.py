"""Shared by ``search``, ``hpo`` and ``retrain``: what they say when they are stopped."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from nasbench.cli.output import note
from nasbench.faults import MachineError


def out_flag(out: Path, name: str = "--out") -> str:
    """Return the flag that the next command needs to find ``out``, or ``""`` for the default."""
    return "" if out == Path("results") else f" {name} {shlex.quote(str(out))}"


@contextmanager
def stoppable(verb: str) -> Iterator[None]:
    """Print how to continue when a signal or an error of the machine stops the run."""
    from nasbench.training.stopping import Stopped

    try:
        yield
    except Stopped as stopped:
        if stopped.run:
            run = shlex.quote(stopped.run)
            note(f"{stopped}; continue with: nasbench {verb} --resume {run}")
        raise typer.Exit(128 + stopped.signal) from stopped
    except MachineError as error:
        if not error.run:
            raise
        again = f"nasbench {verb} --resume {shlex.quote(error.run)}"
        raise MachineError(f"{error}; continue with: {again}") from error
