"""Rebuild a found network from its checkpoint alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog
from nasbench.engine.problem import Problem, load_space
from nasbench.errors import UserError
from nasbench.space import Arch, SearchSpace
from nasbench.store.checkpoint import Checkpoint
from nasbench.tasks.base import Task


@dataclass(frozen=True)
class Found:
    """An architecture together with all that builds it."""

    arch: Arch
    problem: Problem

    def build(self) -> SearchSpace:
        """Return the plain network, freshly initialised from torch's global stream."""
        spec, given = self.problem.task.spec, self.problem.arguments
        return self.problem.space.freeze(self.arch, spec, **given)


def space_of(checkpoint: Checkpoint, override: str | None) -> type[SearchSpace]:
    """Return the space that the checkpoint names, or the one given in its place.

    A checkpoint is data. The Python file that it names is run only where it is the very file that
    the search ran and this user has run it before; else the user must name it with ``--space``.

    Raises:
        UserError: the space is unknown, or its file is missing, has changed or is not known here.
    """
    if override is not None:
        return load_space(override)
    name, expected = checkpoint.space["name"], checkpoint.space.get("sha256")
    file = Path(name.rpartition(":")[0])
    if file.suffix == ".py":
        hint = "name it with --space file.py:Class"
        if not file.is_file():
            raise UserError(f"the checkpoint's space {name!r}: there is no such file: {hint}")
        if catalog.fingerprint(name) != expected:
            raise UserError(
                f"the checkpoint's space {name!r}: the file is not the one the search ran: {hint}"
            )
    catalog.check_known("space", name)
    return load_space(name)


def task_of(checkpoint: Checkpoint, override: str | None) -> str:
    """Return the name of the task to train on: the checkpoint's, or the one given in its place.

    Raises:
        UserError: the checkpoint names a user's own code that is not known here.
    """
    if override is not None:
        return override
    catalog.check_known("task", checkpoint.task)
    return checkpoint.task


def space_arguments(
    space: type[SearchSpace], checkpoint: Checkpoint, preset: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the network's arguments: the search's, the preset's, what was tuned, the user's.

    Raises:
        UserError: an argument is unknown or has the wrong type.
    """
    searched = checkpoint.space.get("arguments", {})
    (own,) = arguments.split({**searched, **given}, space=arguments.of_space(space))
    by_preset = space.retrain_arguments.get(preset, {})
    tuned = (name for name in checkpoint.hyperparameters if name in own)
    kept = {name: own[name] for name in (*tuned, *map(_bare, given))}
    chosen = {**own, **by_preset, **kept}
    return arguments.complete(space, chosen)


def _bare(name: str) -> str:
    return name.removeprefix("space.")


def rebuild(
    checkpoint: Checkpoint, space: type[SearchSpace], task: Task, given: Mapping[str, Any]
) -> Found:
    """Return the checkpoint's architecture, checked against its space.

    Raises:
        UserError: the data have another shape, or a label or value does not fit the space.
    """
    spec = task.spec
    here = {"channels": spec.channels, "height": spec.height, "width": spec.width}
    here["classes"] = spec.classes
    if here != {name: checkpoint.data[name] for name in here}:
        raise UserError(
            f"the checkpoint was searched on data of {checkpoint.data}, "
            f"but the task {task.name} has {here}"
        )
    problem = Problem.of(task, space, given)
    return Found(problem.domains.arch(checkpoint.arch), problem)
