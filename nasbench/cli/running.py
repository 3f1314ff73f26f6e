"""Shared by ``search``, ``hpo`` and ``retrain``: layers of options, resuming, stopping."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from nasbench import arguments, catalog, known_code
from nasbench.cli.output import note
from nasbench.config import TrainingConfig, flag, read_yaml
from nasbench.errors import UserError
from nasbench.faults import MachineError
from nasbench.tasks import sources

if TYPE_CHECKING:
    from nasbench.store.runs import RunFolder
    from nasbench.training.stopping import StopSignal

# Options of a run's place that a resumed run keeps: its batch and its search space.
_NOT_WITH_RESUME = {"auto_batch", "search_space"}


Options = TypeVar("Options", bound=TrainingConfig)


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


def to_resume(
    verb: str,
    kind: type[Options],
    run: str,
    given: Mapping[str, Any],
    more: Mapping[str, Any],
) -> tuple[RunFolder, Options]:
    """Return the folder of the run to continue, and its options.

    A run keeps its own options. The user may say where it goes on, and must say so if the folder
    names a place that this user never named: it may come from elsewhere.

    Args:
        verb: of the command.
        kind: the class of its options.
        run: what the user wrote.
        given: the options of the command line, ``None`` for those that were not given.
        more: further arguments of the command, by their spelling.

    Raises:
        UserError: there is no such run, it cannot be continued, or options were given that decide
            its result.
    """
    from nasbench.store.runs import find

    own = {key: value for key, value in given.items() if value is not None}
    where = kind.placing() - _NOT_WITH_RESUME
    extra = [flag(key) for key in own if key not in where]
    extra += [name for name, value in more.items() if value]
    if extra:
        raise UserError(f"--resume continues with the run's own options: leave out {extra[0]}")
    folder = find(Path(own.pop("out", "results")), run)
    config = folder.info.get("config")
    if not isinstance(config, dict):
        raise UserError(f"--resume {run}: its run.json lacks the field 'config'")
    if folder.info.get("verb") != verb:
        raise UserError(f"--resume {run}: continue it with nasbench {folder.info.get('verb')}")
    _check_known(config)
    if folder.status in ("running", "done"):
        raise UserError(f"--resume {run}: the run is {folder.status}: allowed: stopped, failed")
    if config.get("engine") == "nni":
        raise UserError(f"--resume {run}: NNI's manager ran it: start it anew")
    if "engine" in own:  # the cluster of another engine
        config = {key: value for key, value in config.items() if key != "address"}
    options = kind.from_layers(config, own)
    known_code.check_places(sources.places(options.to_json()), own)
    return folder, replace(options, out=folder.path.parent.parent)


def _check_known(config: Mapping[str, Any]) -> None:
    """Raise if a run folder names code that this user never named.

    The catalog refuses it as well; here nothing has been loaded yet.
    """
    model = str(config.get("model", ""))
    if model.endswith((".yml", ".yaml")):
        if not known_code.known(f"{model}:trial"):
            raise UserError(
                f"the experiment {model} has changed or was never run here: "
                f"name it yourself with --config {model}"
            )
        return  # its tuner is NNI's, its task its own name
    for key in ("strategy", "space", "task", "tuner", "assessor", "model"):
        named = config.get(key)
        if named and (key != "model" or ":" in model):
            catalog.check_known("space" if key == "model" else key, str(named))


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
            if stop.requested and seed < last:
                left = f"--seed {seed + 1} --seeds {last - seed}"
                note(f"seeds {seed + 1} to {last} did not run: {left}")
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
        run = shlex.quote(stopped.run)
        note(f"{stopped}; continue with: nasbench {verb} --resume {run}")
        raise typer.Exit(128 + stopped.signal) from stopped
    except MachineError as error:
        if not error.run:
            raise
        again = f"nasbench {verb} --resume {shlex.quote(error.run)}"
        raise MachineError(f"{error}; continue with: {again}") from error
