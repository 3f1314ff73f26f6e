"""Hyperparameter tuning of a network from its configuration to ``checkpoint.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog
from nasbench.budget import Budget
from nasbench.config import HpoConfig
from nasbench.engine import hyperparameters, scheduler
from nasbench.engine.callbacks import CallbackList, JournalCallback, NullCallback
from nasbench.engine.model import Model
from nasbench.engine.presets import DEFAULT_SPACE, RETRAIN_PRESETS, hpo_defaults
from nasbench.engine.problem import load_space, load_task
from nasbench.engine.scheduler import TotalCost, Trial
from nasbench.engine.session import Session, session
from nasbench.engine.trial import Context, Measured, Request, TrialRunner, remove_states
from nasbench.engine.tuning import Tuning
from nasbench.errors import UserError
from nasbench.executors import Finished
from nasbench.hpo.refine import refine
from nasbench.hpo.space import ParameterSpace, Params
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder
from nasbench.tasks.base import Task
from nasbench.training.loop import Callback
from nasbench.training.stopping import StopSignal


@dataclass(frozen=True)
class Tuned:
    """A finished tuning.

    Attributes:
        folder: the run folder.
        checkpoint: the path of ``checkpoint.json``.
        parameters: of the best trial.
        score: its validation accuracy.
        trials: how many trials gave a result.
        failed: how many did not.
        seconds: device-seconds of all trials.
    """

    folder: RunFolder
    checkpoint: Path
    parameters: Params
    score: float
    trials: int
    failed: int
    seconds: float


def configure(given: dict[str, Any], assignments: dict[str, Any]) -> HpoConfig:
    """Return the whole configuration: defaults, then the recipe, then what the user gave.

    Args:
        given: options by name, ``None`` where the user left them alone.
        assignments: the ``-o key=value`` arguments.

    Raises:
        UserError: an option or argument is unknown, of the wrong type or out of range.
    """
    asked = HpoConfig.from_layers(given)
    catalog.check("task", asked.task)
    owners = {"tuner": catalog.resolve("tuner", asked.tuner)}
    if asked.assessor is not None:
        owners["assessor"] = catalog.resolve("assessor", asked.assessor)
    model = Model.of(asked.model, {})
    known = {name: arguments.of_dataclass(kind.Options) for name, kind in owners.items()}
    *own, network = arguments.split(
        assignments, **known, model=arguments.of_space(load_space(model.space))
    )
    options = {
        f"{name}_options": asdict(kind.Options(**mine))
        for (name, kind), mine in zip(owners.items(), own, strict=True)
    }
    recipe = RETRAIN_PRESETS[asked.preset](asked.task)
    config = HpoConfig.from_layers(recipe, hpo_defaults(asked.preset, asked.task), given, options)
    space = _space(config)
    hyperparameters.check(space.content, model.space)
    if config.refine is not None:
        share(config.refine)
    complete = {**model.arguments, **config.space_arguments, **network}
    return replace(config, space_content=dict(space.content), space_arguments=complete)


def _space(config: HpoConfig) -> ParameterSpace:
    """Return the search space: of its file, or as it stands among the options, or the default."""
    if config.search_space is not None:
        return ParameterSpace.read(config.search_space)
    return ParameterSpace.of(config.space_content or DEFAULT_SPACE)


def run_hpo(
    config: HpoConfig,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
    command: Sequence[str] | None = None,
) -> Tuned:
    """Tune, and write ``checkpoint.json`` into the run folder.

    Args:
        config: the options.
        callback: receives the events of the run.
        stop: set by Ctrl-C and SIGTERM.
        resumed: the run folder to continue, or ``None`` for a new run.
        command: the command line for the provenance; ``sys.argv`` by default.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: something that the user can mend, or every trial failed.
    """
    model, task = Model.of(config.model, config.space_arguments), load_task(config, config.task)
    model.check(task)
    name, short = catalog.short(config.tuner), catalog.short(config.task)
    with session("hpo", name, short, config, stop, resumed, command) as running:
        context = Context.of(task, config, config.val_fraction, running.folder.path)
        space = ParameterSpace.of(config.space_content)
        first = _round(config, model, space, context, running, callback)
        rounds = [first]
        if config.refine is not None:
            narrowed = refine(first.space, first.trials, share(config.refine))
            again = replace(config, space_content=dict(narrowed.content))
            rounds.append(_round(again, model, narrowed, context, running, callback, first))
        remove_states(running)
        return _finish(config, model, task, rounds, running)


def share(text: str) -> float:
    """Return what ``--refine 20%`` means, as a share.

    Raises:
        UserError: it is no percentage above 0 and up to 100.
    """
    try:
        value = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise UserError(f"--refine {text}: must be a percentage above 0 and up to 100, like 20%")
    return value


@dataclass
class Round:
    """One round of trials, and the space they were drawn from."""

    space: ParameterSpace
    trials: list[tuple[Params, float]]
    spent: TotalCost
    last: int


def _round(
    config: HpoConfig,
    model: Model,
    space: ParameterSpace,
    context: Context,
    running: Session,
    callback: Callback,
    before: Round | None = None,
) -> Round:
    """Run one round of trials until its budget is spent."""
    tuner = load_tuner(config, space)
    first = before.last if before is not None else 0
    number = 2 if before is not None else 1
    build = Build(config, model)
    told = _told(build, running, callback)
    tuning = Tuning(
        tuner,
        load_assessor(config),
        build,
        build.read,
        running,
        told.phase,
        first,
        number,
    )
    spent = tuning.replay()
    assert config.budget is not None
    with scheduler.open_trial_executor(
        config,
        running,
        "nasbench.engine.trial:setup",
        context,
        tuning.keeps,
        lambda: TrialRunner(context, told, running.stop),
    ) as executor:
        scheduler.run_trials(tuning, executor, Budget.parse(config.budget), spent, running)
    if not tuning.trials:
        raise scheduler.no_result()
    return Round(space, tuning.trials, spent, first + spent.trials)


def _told(build: Build, running: Session, callback: Callback) -> Callback:
    """Return who is told of the epochs of trials in this process."""
    if not running.leads:
        return NullCallback()
    journal = JournalCallback(running.folder.journal, lambda: {"trial": build.current})
    return CallbackList([journal, callback])


class Build:
    """Makes trials of a network out of hyperparameters, and reads their results."""

    def __init__(self, config: HpoConfig, model: Model) -> None:
        self.config = config
        self.model = model
        self.share = scheduler.device_share(config)
        self.current = 0  # the trial that was built last: in this process, the one under way

    def __call__(self, number: int, parameters: Params, parent: int | None) -> Trial:
        """Return trial ``number``."""
        self.current = number
        meant = hyperparameters.read(parameters, self.model.space)
        model = self.model.named(meant.model)
        epochs = int(meant.training.get("epochs", self.config.epochs))
        request = Request(
            str(number),
            model.space,
            dict(model.arch),
            {**model.arguments, **meant.arguments},
            meant.training,
            epochs,
            watched=self.config.assessor is not None,
            parent=None if parent is None else str(parent),
            kept=self.config.tuner == "pbt",
        )
        return Trial(number, request, epochs)

    def read(self, finished: Finished) -> dict[str, Any]:
        """Return what the journal holds of a finished trial."""
        measured: Measured = finished.value
        return {**asdict(measured), "seconds": measured.seconds * self.share}


def load_tuner(config: HpoConfig, space: ParameterSpace) -> Any:
    """Return the configured tuner.

    Raises:
        UserError: it is unknown or not installed, an option does not fit, or it cannot tune this
            space.
    """
    kind = catalog.resolve("tuner", config.tuner)
    return kind(space, kind.Options(**config.tuner_options), config.seed)


def load_assessor(config: HpoConfig) -> Any:
    """Return the configured assessor, or ``None``.

    Raises:
        UserError: it is unknown or not installed, or an option does not fit.
    """
    if config.assessor is None:
        return None
    kind = catalog.resolve("assessor", config.assessor)
    return kind(kind.Options(**config.assessor_options), epochs=config.epochs)


def _finish(
    config: HpoConfig, model: Model, task: Task, rounds: list[Round], running: Session
) -> Tuned:
    """Write the best trial down as a checkpoint."""
    every = [trial for one in rounds for trial in one.trials]
    parameters, score = max(every, key=lambda trial: trial[1])
    meant = hyperparameters.read(parameters, model.space)
    best = model.named(meant.model)
    seconds = sum(one.spent.seconds for one in rounds)
    cost = {"device_seconds": seconds, "evaluations": len(every)}
    path = running.folder.path / "checkpoint.json"
    if running.leads:
        Checkpoint(
            space={
                "name": best.space,
                "arguments": {**best.arguments, **meant.arguments},
                "sha256": catalog.fingerprint(best.space),
            },
            arch=dict(best.arch),
            data=asdict(task.spec),
            strategy={"name": config.tuner, "options": config.tuner_options},
            task=config.task,
            seed=config.seed,
            search=config.compared(),
            metrics={"val_accuracy": score},
            cost=cost,
            kind="hpo",
            training=trained_with(config, meant.training),
            hyperparameters={**meant.training, **meant.arguments},
            curve=scheduler.anytime_curve(running.folder.journal.events("trial")),
            run=running.folder.name,
            provenance=running.started,
        ).write(path)
        running.folder.update(cost=cost, metrics={"val_accuracy": score}, parameters=parameters)
    failed = sum(one.spent.failed for one in rounds)
    return Tuned(running.folder, path, parameters, score, len(every), failed, seconds)


def trained_with(config: HpoConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that a retraining takes over: those of the trials and what was found.

    The number of epochs is the retraining's own, unless it was tuned.
    """
    plain = config.to_json()
    fixed = {name: plain[name] for name in hyperparameters.TRAINING if name != "epochs"}
    return {**fixed, **found}
