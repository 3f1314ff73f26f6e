"""Shared by ``search``, ``hpo`` and ``retrain``: layers of options, resuming, stopping."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from nasbench import arguments, catalog, known_code
from nasbench.config import TrainingConfig, flag, read_yaml
from nasbench.errors import UserError
from nasbench.faults import MachineError

if TYPE_CHECKING:
    from nasbench.store.runs import RunFolder
    from nasbench.training.stopping import StopSignal

_WITH_RESUME = ("out",)


def layers(
    given: Mapping[str, Any], file: Path | None, assignments: list[str] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options by name and the ``-o`` arguments; flags take precedence over the file.

    Args:
        given: the values of the flags by option, ``None`` for a flag that was not given.
        file: the YAML file of ``--config``.
        assignments: the ``KEY=VALUE`` texts of ``-o``.

    Raises:
        UserError: the file or an assignment cannot be read.
    """
    content = read_yaml(file) if file is not None else {}
    inside = content.pop("options", {})
    if not isinstance(inside, dict):
        raise UserError(f"--config {file}: 'options' must hold 'key: value' lines")
    for key in ("strategy_options", "space_arguments", "tuner_options", "assessor_options"):
        if key in content or key.replace("_", "-") in content:
            raise UserError(f"--config {file}: {key}: write arguments under 'options:'")
    named = {key.replace("-", "_"): value for key, value in content.items()}
    set_by_flag = {key: value for key, value in given.items() if value is not None}
    from_file = {str(key): value for key, value in inside.items()}
    return {**named, **set_by_flag}, {**from_file, **arguments.parse(assignments or [])}


def to_resume(verb: str, run: str, given: Mapping[str, Any], more: Mapping[str, Any]) -> RunFolder:
    """Return the folder of the run to continue.

    Args:
        verb: of the command.
        run: what the user wrote.
        given: the options; a resumed run keeps its own.
        more: further arguments of the command, by their spelling.

    Raises:
        UserError: there is no such run, it cannot be continued, or options were given.
    """
    from nasbench.store.runs import find

    extra = [flag(key) for key, v in given.items() if v is not None and key not in _WITH_RESUME]
    extra += [name for name, value in more.items() if value]
    if extra:
        raise UserError(f"--resume continues with the run's own options: leave out {extra[0]}")
    folder = find(Path(given.get("out") or "results"), run)
    if not isinstance(folder.info.get("config"), dict):
        raise UserError(f"--resume {run}: its run.json lacks the field 'config'")
    if folder.info.get("verb") != verb:
        raise UserError(f"--resume {run}: continue it with nasbench {folder.info.get('verb')}")
    _check_known(folder.info["config"])
    if folder.status in ("running", "done"):
        raise UserError(f"--resume {run}: the run is {folder.status}: allowed: stopped, failed")
    return folder


def _check_known(config: Mapping[str, Any]) -> None:
    """Raise if a run folder names code that this user never named."""
    model = str(config.get("model", ""))
    if model.endswith((".yml", ".yaml")):
        if not known_code.known(f"{model}:trial"):
            raise UserError(
                f"the experiment {model} has changed or was never run here: "
                f"name it yourself with --config {model}"
            )
        return  # its tuner is NNI's, its task its own name
    for kind in ("strategy", "space", "task", "tuner", "assessor"):
        if named := config.get(kind):
            catalog.check_known(kind, named)
    if ":" in model:
        catalog.check_known("space", model)


Options = TypeVar("Options", bound=TrainingConfig)


def continued(options: Options, folder: RunFolder) -> Options:
    """Return the options of a continued run, which stays in its results folder."""
    return replace(options, out=folder.path.parent.parent)


def each_seed(stop: StopSignal, first: int, count: int, run: Callable[[int], None]) -> None:
    """Run consecutive seeds; after a signal, print the seeds that did not run.

    Args:
        stop: set by a signal.
        first: the first seed.
        count: the number of seeds.
        run: runs one seed.
    """
    last = first + count - 1
    for seed in range(first, last + 1):
        try:
            run(seed)
        finally:
            if stop.requested and seed < last and leads():
                left = f"--seed {seed + 1} --seeds {last - seed}"
                typer.echo(f"seeds {seed + 1} to {last} did not run: {left}", err=True)
        if stop.requested and seed < last:
            raise typer.Exit(128 + stop.number)


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
        if leads():
            run = shlex.quote(stopped.run)
            typer.echo(f"{stopped}; continue with: nasbench {verb} --resume {run}", err=True)
        raise typer.Exit(128 + stopped.signal) from stopped
    except MachineError as error:
        if not error.run:
            raise
        again = f"nasbench {verb} --resume {shlex.quote(error.run)}"
        raise MachineError(f"{error}; continue with: {again}") from error


def leads() -> bool:
    """Return whether this process prints, among those of torchrun."""
    return os.environ.get("RANK", "0") == "0"


def tell(text: str) -> None:
    """Print on the standard output, in one process only."""
    if leads():
        typer.echo(text)
