"""The runs of a study: which there are, what each depends on, and their configurations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from nasbench import catalog, known_code
from nasbench.config import HpoConfig, RetrainConfig, SearchConfig, TaskConfig, TrainingConfig
from nasbench.engine import hpo, search
from nasbench.engine.checkpoints import data_options, open_checkpoint
from nasbench.engine.presets import hpo_defaults, paper_recipe, retrain_defaults
from nasbench.engine.problem import Data
from nasbench.errors import UserError, unknown
from nasbench.store import studies
from nasbench.store.checkpoint import Checkpoint
from nasbench.strategies.recipe import DARTS, Recipe
from nasbench.strategies.sampled.base import SampledStrategy
from nasbench.study.entry import VERBS, Entry
from nasbench.study.file import Study, parse_seeds
from nasbench.study.fingerprint import fingerprint
from nasbench.study.overrides import with_arguments, with_precision
from nasbench.study.scale import Scale
from nasbench.tasks import sources
from nasbench.tasks.base import Task
from nasbench.tasks.loading import judged, load
from nasbench.tasks.outlines import outline
from retrain import train


@dataclass(frozen=True)
class Step:
    """One run of a study: an entry with one seed."""

    entry: Entry
    seed: int

    def __str__(self) -> str:
        return f"{self.entry.name}, seed {self.seed}"


@dataclass(frozen=True)
class ConfiguredRun:
    """A run that can start.

    Attributes:
        verb: ``search``, ``hpo`` or ``retrain``.
        config: the options of the run.
        data: the fingerprint of the study's task, by its name.
        checkpoint: the architecture that is retrained, if any.
    """

    verb: str
    config: TrainingConfig
    data: Mapping[str, str]
    checkpoint: Checkpoint | None = None

    @property
    def fingerprint(self) -> str:
        """A digest of everything that determines the result but the data."""
        options = self.config.to_json()
        return fingerprint(self.verb, options, self.checkpoint, catalog.fingerprints(options))


@dataclass(frozen=True)
class Plan:
    """The steps of a study and how each is configured.

    Attributes:
        study: the study.
        task: its task, with the data.
        scale: the share of the computing.
        given: command-line options of all runs: ``out``, ``data_dir``, ``device``.
        only: names of the entries to run, together with those that they use; empty means all.
        opened: the task as entries with options of their own read it, by those options.
        outlined: whether the data of built-in tasks are left out, and nothing can be run.
    """

    study: Study
    task: Task
    scale: Scale
    given: Mapping[str, Any]
    only: Sequence[str] = ()
    opened: dict[tuple[Any, ...], Task] = field(default_factory=dict, repr=False)
    outlined: bool = False

    @property
    def steps(self) -> list[Step]:
        """All runs; each comes after the run whose result it uses."""
        entries = self.study.entries.values()
        return [Step(entry, seed) for seed in self.study.seeds for entry in entries]

    @property
    def selected(self) -> list[Step]:
        """The runs of the entries ``only`` and of those that they use, ordered as ``steps``."""
        if not self.only:
            return self.steps
        selected = {step for step in self.steps if step.entry.name in self.only}
        for step in reversed(self.steps):  # users come before what they use
            source = self.source(step)
            if step in selected and source is not None:
                selected.add(source)
        return [step for step in self.steps if step in selected]

    def source(self, step: Step) -> Step | None:
        """Return the step that must end before ``step`` can start, or ``None``."""
        source = step.entry.source(self.study.entries)
        return None if source is None else Step(source, step.seed)

    def configure(self, step: Step, found: Path | None) -> ConfiguredRun:
        """Return the run of a step.

        Args:
            step: the step.
            found: the run folder of its source, if it has one.

        Raises:
            UserError: an option is invalid; the message names the entry.
        """
        try:
            return self._configure(step, found)
        except UserError as error:
            raise UserError(f"entry {step.entry.name!r}: {error}") from error

    def _configure(self, step: Step, found: Path | None) -> ConfiguredRun:
        entry, target = step.entry, step.entry.target
        given = {
            **entry.over(self.study.defaults),
            **self.given,
            "task": self.study.task,
            "seed": step.seed,
        }
        config: TrainingConfig
        checkpoint = None
        task: Task | None = None
        if entry.verb in ("search", "hpo"):
            task = self.open(VERBS[entry.verb].from_layers(given))
        if entry.verb == "search":
            given["strategy"] = target
            if self.study.budget and issubclass(search.load_strategy(target), SampledStrategy):
                given.setdefault("budget", self.study.budget)
            config = search.configure(given, dict(entry.arguments), task).config
        elif entry.verb == "hpo":
            given["model"] = str(found / "checkpoint.json") if found else target
            given.setdefault("budget", self.study.budget or None)
            config = hpo.configure(given, dict(entry.arguments), task).config
        else:
            checkpoint = self._checkpoint(entry, step.seed, found)
            if entry.verb == "train" and ":" in target:
                given["space"] = target
            # The task is the checkpoint's own; as an option it would replace it.
            del given["task"]
            read = RetrainConfig.from_layers(data_options(checkpoint), given)
            task = self.open(read, checkpoint)
            config = train.configure(checkpoint, given, dict(entry.arguments), task).config
        known_code.check_cluster(getattr(config, "address", None))
        verb = "retrain" if entry.verb == "train" else entry.verb
        scaled = self.scale.apply(config, len(self.task.train))
        # An outline has no fingerprint: earlier runs are taken to be on the task's data.
        known = "" if self.outlined else (task or self.task).fingerprint
        data = {sources.short(self.study.task): known}
        return ConfiguredRun(verb, scaled, data, checkpoint)

    def options(self, step: Step) -> TrainingConfig:
        """Return the options of a run, whether or not its source has a result.

        They agree with those of :meth:`configure` in the size of the run, unless the source
        finds options that change it.

        Raises:
            UserError: an option is invalid.
        """
        if self.source(step) is None:
            return self.configure(step, None).config
        given, study = step.entry.over(self.study.defaults), self.study
        config: TrainingConfig
        if step.entry.verb == "hpo":
            budget = {"budget": study.budget or None}
            tuned = HpoConfig.from_layers(budget, given)
            amount = Data(study.task, tuned, self.task).amount(tuned)
            preset = hpo_defaults(tuned.preset, study.task, amount, given)
            config = HpoConfig.from_layers(preset, budget, given)
        else:
            asked = RetrainConfig.from_layers(given)
            amount = Data(study.task, asked, self.task).amount(asked)
            recipe = self._recipe(step)
            preset = retrain_defaults(asked.preset, study.task, recipe, amount, given)
            config = RetrainConfig.from_layers(preset, given)
        return self.scale.apply(config, len(self.task.train))

    def _recipe(self, step: Step) -> Recipe:
        """Return the settings of the paper behind the search whose result the step retrains."""
        source = self.source(step)
        try:
            config = None if source is None else self.configure(source, None).config
        except UserError:  # reported when the run would start
            config = None
        if not isinstance(config, SearchConfig):
            return DARTS
        return paper_recipe(search.load_strategy(config.strategy), config.space)

    def check_scale(self) -> None:
        """Raise if the scale is too small for the study.

        Raises:
            UserError: it names the smallest scale that works.
        """
        if self.scale.factor == 1:
            return
        whole, found = replace(self, scale=Scale()), []
        for entry in self.study.entries.values():
            # An invalid option is reported when the run would start.
            with suppress(UserError):
                found.append(whole.options(Step(entry, self.study.seeds[0])))
        self.scale.check((config, len(self.task.train)) for config in found)

    def open(self, config: TrainingConfig, checkpoint: Checkpoint | None = None) -> Task | None:
        """Return the study's task as a run reads and judges it; runs that agree share it.

        Args:
            config: the options of the run.
            checkpoint: what the run retrains; ``None`` is returned if it is of another task.

        Raises:
            UserError: an option does not fit the task.
        """
        name = self.study.task
        if checkpoint is not None and checkpoint.task not in (name, sources.located(name)):
            return None
        key = _reading(self.study, config)
        if key == _reading(self.study, _of_all(self.study)):
            return self.task
        if key not in self.opened:
            self.opened[key] = _open(name, config, self.given.get("data_dir"), self.outlined)
        return self.opened[key]

    def _checkpoint(self, entry: Entry, seed: int, found: Path | None) -> Checkpoint:
        if entry.verb == "retrain":
            if found is not None:
                return Checkpoint.read(found)
            data_dir = self.given.get("data_dir")
            data = entry.over(self.study.defaults)
            return open_checkpoint(
                entry.target, task=self.study.task, data_dir=data_dir, data=data
            )
        return Checkpoint(
            space={"name": entry.target, "arguments": {}},
            arch={},
            data=self.task.spec.to_json(),
            strategy={"name": "by hand", "options": {}},
            task=self.study.task,
            seed=seed,
            kind="plain",
        )


def _open(name: str, config: TrainingConfig, data_dir: Path | None, outlined: bool) -> Task:
    """Return a task, or its outline if that is enough and the task is built in.

    Raises:
        UserError: its data cannot be had, or an option does not fit it.
    """
    if outlined and (task := outline(name)) is not None:
        if data_dir is not None and not data_dir.expanduser().exists():
            raise UserError(f"--data-dir {data_dir}: no such folder; it must exist")
        return judged(task, config)
    return load(name, config, data_dir)


def _reading(study: Study, config: TrainingConfig) -> tuple[Any, ...]:
    """Return the options that decide how the study's task is read and judged."""
    sized = "" if sources.kind(study.task) == "table" else config.preset
    return (sized, *(getattr(config, one.name) for one in fields(TaskConfig)))


def _of_all(study: Study) -> TrainingConfig:
    """Return how the study reads its task where an entry says nothing else."""
    own = {"preset", *(one.name for one in fields(TaskConfig))} & study.defaults.keys()
    # Of all commands a search knows the most presets.
    return SearchConfig.from_layers({name: study.defaults[name] for name in own})


def check_distinct(runs: Iterable[tuple[Step, ConfiguredRun]]) -> None:
    """Raise if two entries are the same run.

    Raises:
        UserError: the message names both entries.
    """
    seen: dict[str, Step] = {}
    for step, run in runs:
        other = seen.setdefault(run.fingerprint, step)
        if other is not step:
            raise UserError(
                f"the entries {other.entry.name!r} and {step.entry.name!r} are the same"
            )


def load_plan(
    file: Path,
    scale: float,
    given: Mapping[str, Any],
    out: Path,
    task: str | None = None,
    only: Sequence[str] = (),
    outlined: bool = False,
    seeds: int | None = None,
    assigned: Mapping[str, Any] | None = None,
    precision: str | None = None,
) -> tuple[Plan, Path]:
    """Return the plan of a study and the folder of its results.

    A study at another scale or precision, on another task or with other arguments has a separate
    folder, so that its records are never mixed with those of full-scale runs.

    Args:
        file: the study's YAML file.
        scale: the share of the computing, in (0, 1].
        given: options of all runs: ``data_dir`` and ``device``.
        out: the results folder.
        task: replaces the study's task.
        only: names of the entries to run, together with those that they use; empty means all.
        outlined: leave out the data of built-in tasks: the plan is only looked at.
        seeds: replaces the study's seeds by 0 to ``seeds - 1``.
        assigned: arguments for all entries that take them.
        precision: of the runs whose entries name none.

    Raises:
        UserError: the file, an argument, the precision, the scale or the data is invalid, or the
            folder holds another study.
    """
    size, study = Scale(scale), Study.read(file)
    if task is not None and task != study.task:
        sources.check(task)
        study = replace(study, task=task, name=f"{study.name}-{sources.short(task)}")
    study = with_precision(with_arguments(study, assigned or {}), precision)
    if seeds is not None:
        study = replace(study, seeds=parse_seeds(seeds))
    for entry in only:
        if entry not in study.entries:
            raise unknown("entry", entry, study.entries)
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", study.name)
    folder = out / "studies" / f"{name}{size.suffix}"
    other = studies.read(folder)
    if other is not None and (other[0] != study.task or not other[1] & study.entries.keys()):
        raise UserError(
            f"{folder} holds another study, on {other[0]} with {', '.join(sorted(other[1]))}: "
            "give this study a different 'name:', or choose another --out"
        )
    plan = opened(study, size, given, folder, only, outlined)
    plan.check_scale()
    return plan, folder


def opened(
    study: Study,
    scale: Scale,
    given: Mapping[str, Any],
    folder: Path,
    only: Sequence[str] = (),
    outlined: bool = False,
) -> Plan:
    """Return the plan of a study with its task; see :func:`load_plan`.

    Args:
        study: the study.
        scale: the share of the computing.
        given: options of all runs.
        folder: of its results.
        only: names of the entries to run.
        outlined: leave out the data of built-in tasks.

    Raises:
        UserError: the data cannot be had, or an option does not fit them.
    """
    task = _open(study.task, _of_all(study), given.get("data_dir"), outlined)
    return Plan(study, task, scale, {**given, "out": folder}, only, outlined=outlined)
