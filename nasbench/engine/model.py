"""The network that is tuned: a baseline by its name, or a found one by its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench import catalog
from nasbench.engine.checkpoints import space_of
from nasbench.engine.problem import Problem, load_space
from nasbench.errors import UserError
from nasbench.store.checkpoint import Checkpoint
from nasbench.tasks.base import Task


@dataclass(frozen=True)
class Model:
    """A network without open decisions.

    Attributes:
        space: the name of the baseline, or of the checkpoint's space.
        arguments: of the network.
        arch: label to what was chosen; empty for a baseline.
    """

    space: str
    arguments: dict[str, Any]
    arch: dict[str, Any]

    @classmethod
    def of(cls, name: str, arguments: Mapping[str, Any]) -> Model:
        """Return the network that ``name`` stands for.

        Args:
            name: of a baseline, ``file.py:Class``, or a path of a checkpoint or its run folder.
            arguments: of the network, over the checkpoint's.

        Raises:
            UserError: there is none, or the checkpoint's code may not be run here.
        """
        named = name in catalog.TABLES["space"]  # whatever a folder here may be called
        if not named and (Path(name).exists() or name.endswith(".json")):
            found = Checkpoint.read(Path(name))
            space_of(found)
            known = found.space.get("arguments", {})
            # JSON has no tuples, which is what several inputs are chosen by.
            chosen = found.arch.items()
            arch = {label: tuple(v) if isinstance(v, list) else v for label, v in chosen}
            return cls(found.space["name"], {**known, **arguments}, arch)
        catalog.check("space", name)
        return cls(name, dict(arguments), {})

    def named(self, space: str) -> Model:
        """Return the model called ``space``: this one, or another baseline as it is."""
        return self if space == self.space else Model(space, {}, {})

    def check(self, task: Task) -> None:
        """Raise unless the network is complete and fits the task.

        Raises:
            UserError: it has open choices, or refuses the data's shape or its arguments.
        """
        problem = Problem.of(task, load_space(self.space), self.arguments)
        if problem.domains and not self.arch:
            raise UserError(
                f"model {self.space!r}: it has open choices: search it with nasbench search, "
                "then give its checkpoint.json"
            )
        problem.domains.arch(self.arch)
