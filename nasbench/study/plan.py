"""From a study's entries to runs that are ready to begin, and those that are done already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nasbench import catalog
from nasbench.config import TrainingConfig
from nasbench.engine import hpo, search
from nasbench.engine.checkpoints import open_checkpoint
from nasbench.errors import UserError
from nasbench.store.checkpoint import Checkpoint
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.study import keys
from nasbench.study.entry import Entry
from nasbench.study.file import Study
from nasbench.study.scale import Scale
from nasbench.tasks.base import Task
from retrain import train


@dataclass(frozen=True)
class Step:
    """An entry with one seed: one run."""

    entry: Entry
    seed: int

    def __str__(self) -> str:
        return f"{self.entry.name}, seed {self.seed}"


@dataclass(frozen=True)
class Ready:
    """A run that can begin.

    Attributes:
        verb: ``search``, ``hpo`` or ``retrain``.
        config: its options.
        checkpoint: what is rebuilt, where something is.
    """

    verb: str
    config: TrainingConfig
    checkpoint: Checkpoint | None = None

    @property
    def key(self) -> str:
        """A digest of everything that shapes the result."""
        options = self.config.to_json()
        return keys.key(self.verb, options, self.checkpoint, catalog.fingerprints(options))


@dataclass(frozen=True)
class Plan:
    """How the steps of a study become runs.

    Attributes:
        study: what is run.
        task: its data.
        scale: how much of it.
        given: options of the command line that all runs take: ``out``, ``data_dir``, ``device``.
        only: the entries to be run, with those that they use; all by default.
    """

    study: Study
    task: Task
    scale: Scale
    given: Mapping[str, Any]
    only: Sequence[str] = ()

    @property
    def steps(self) -> list[Step]:
        """All runs, those that others use first."""
        entries = self.study.entries.values()
        return [Step(entry, seed) for seed in self.study.seeds for entry in entries]

    @property
    def asked(self) -> list[Step]:
        """The runs of ``only`` and those that they use, in the order of ``steps``."""
        if not self.only:
            return self.steps
        asked = {step for step in self.steps if step.entry.name in self.only}
        for step in reversed(self.steps):  # what is used comes before what uses it
            source = self.source(step)
            if step in asked and source is not None:
                asked.add(source)
        return [step for step in self.steps if step in asked]

    def source(self, step: Step) -> Step | None:
        """Return the step that must end before ``step`` can begin."""
        source = step.entry.source(self.study.entries)
        return None if source is None else Step(source, step.seed)

    def ready(self, step: Step, found: Path | None) -> Ready:
        """Return the run of a step.

        Args:
            step: the step.
            found: the run folder of its source, where it has one.

        Raises:
            UserError: an option does not fit; the entry is named.
        """
        try:
            return self._ready(step, found)
        except UserError as error:
            raise UserError(f"entry {step.entry.name!r}: {error}") from error

    def _ready(self, step: Step, found: Path | None) -> Ready:
        entry, target = step.entry, step.entry.target
        given = {
            **entry.over(self.study.defaults),
            **self.given,
            "task": self.study.task,
            "seed": step.seed,
        }
        config: TrainingConfig
        checkpoint = None
        if entry.verb == "search":
            given["strategy"] = target
            config = search.configure(self._with_budget(given, target), dict(entry.arguments))
        elif entry.verb == "hpo":
            given["model"] = str(found / "checkpoint.json") if found else target
            given.setdefault("budget", self.study.budget or None)
            config = hpo.configure(given, dict(entry.arguments))
        else:
            checkpoint = self._checkpoint(entry, step.seed, found)
            if entry.verb == "train" and ":" in target:
                given["space"] = target  # the user names the code here
            # A checkpoint's own task is the study's; only another one is an option.
            del given["task"]
            config = train.configure(checkpoint, given, dict(entry.arguments)).config
        verb = "retrain" if entry.verb == "train" else entry.verb
        return Ready(verb, self.scale.apply(config, len(self.task.train)), checkpoint)

    def _with_budget(self, given: dict[str, Any], strategy: str) -> dict[str, Any]:
        """Add the study's budget where a strategy takes one."""
        if self.study.budget and issubclass(search.load_strategy(strategy), SampledStrategy):
            given.setdefault("budget", self.study.budget)
        return given

    def _checkpoint(self, entry: Entry, seed: int, found: Path | None) -> Checkpoint:
        if entry.verb == "retrain":
            if found is not None:
                return Checkpoint.read(found)
            data_dir = self.given.get("data_dir")
            return open_checkpoint(entry.target, task=self.study.task, data_dir=data_dir)
        return Checkpoint(
            space={"name": entry.target, "arguments": {}},
            arch={},
            data=asdict(self.task.spec),
            strategy={"name": "by hand", "options": {}},
            task=self.study.task,
            seed=seed,
            kind="plain",
        )


def same_twice(readies: Iterable[tuple[Step, Ready]]) -> None:
    """Raise where two entries are one and the same run.

    Raises:
        UserError: they are named.
    """
    seen: dict[str, Step] = {}
    for step, ready in readies:
        other = seen.setdefault(ready.key, step)
        if other is not step:
            raise UserError(
                f"the entries {other.entry.name!r} and {step.entry.name!r} are the same"
            )
