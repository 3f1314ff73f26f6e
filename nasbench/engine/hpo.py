"""Hyperparameter tuning of a network from its configuration to ``checkpoint.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog
from nasbench.budget import Budget
from nasbench.config import HpoConfig
from nasbench.engine import hyperparameters, joint, scheduler
from nasbench.engine.callbacks import CallbackList, journaled, write_graph
from nasbench.engine.checkpoints import Architecture, open_model
from nasbench.engine.presets import default_space, hpo_defaults
from nasbench.engine.problem import Data, inputs, load_space
from nasbench.engine.scheduler import TotalCost, Trial
from nasbench.engine.session import Session, session
from nasbench.engine.trial import Context, Request, TrialResult, TrialRunner, remove_states
from nasbench.engine.trial_events import TrialEvents
from nasbench.engine.tuning import TunerTrials
from nasbench.errors import UserError
from nasbench.executors import Finished
from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.refine import refine
from nasbench.hpo.space import ParameterSpace, Params
from nasbench.hpo.tuners.base import Tuner
from nasbench.space import Arch
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.journal import number
from nasbench.store.runs import BEST, RunFolder, located
from nasbench.tasks import sources
from nasbench.tasks.base import Task
from nasbench.training.loop import Callback
from nasbench.training.stopping import StopSignal


@dataclass(frozen=True)
class Tuning:
    """A tuning to run: its options, with the names among them resolved.

    Attributes:
        config: the options.
        model: the network, as a checkpoint.
        tuner: the tuner's class.
        assessor: the assessor's class, or ``None``.
        data: the task; every seed uses the same.
    """

    config: HpoConfig
    model: Checkpoint
    tuner: Any
    assessor: Any
    data: Data

    @classmethod
    def of(cls, config: HpoConfig, task: Task | None = None) -> Tuning:
        """Resolve the model, the tuner and the assessor that the options name.

        Args:
            config: the options.
            task: the task that they name if it is already here.

        Raises:
            UserError: one of them is unknown or not installed, or the search space does not fit.
        """
        tuner = catalog.resolve("tuner", config.tuner)
        if not (isinstance(tuner, type) and issubclass(tuner, Tuner)):
            raise UserError(f"tuner {config.tuner!r}: must be a subclass of nasbench's Tuner")
        assessor = None
        if config.assessor is not None:
            assessor = catalog.resolve("assessor", config.assessor)
            if not (isinstance(assessor, type) and issubclass(assessor, Assessor)):
                raise UserError(
                    f"assessor {config.assessor!r}: must be a subclass of nasbench's Assessor"
                )
        # Those of a run folder may be of an older version, or changed since.
        given = {tuner: config.tuner_options, assessor: config.assessor_options}
        for kind, options in given.items():
            if kind is not None:
                (own,) = arguments.split(options, own=arguments.of_dataclass(kind.Options))
                kind.Options(**own)
        model = open_model(config.model)
        if config.space_content:  # also that of a run folder, which may have been edited
            hyperparameters.check(config.space_content, str(model.space["name"]))
        return cls(config, model, tuner, assessor, Data(config.task, config, task))

    @property
    def space_arguments(self) -> dict[str, Any]:
        """The model's arguments: its checkpoint's, then those of the options."""
        return {**self.model.space.get("arguments", {}), **self.config.space_arguments}

    def with_seed(self, seed: int) -> Tuning:
        """Return the same tuning with another seed."""
        return replace(self, config=replace(self.config, seed=seed))


@dataclass(frozen=True)
class Tuned:
    """A finished tuning.

    Attributes:
        folder: the run folder.
        checkpoint: path of ``checkpoint.json``.
        best: path of the best trial's hyperparameters, ``best.json``.
        parameters: hyperparameters of the best trial.
        score: of its validation; more is better.
        metrics: its leading metric on the validation images, such as ``val_accuracy``.
        trials: number of trials with a result.
        failed: number of failed trials.
        seconds: device-seconds of all trials.
    """

    folder: RunFolder
    checkpoint: Path
    best: Path
    parameters: Params
    score: float
    metrics: dict[str, float]
    trials: int
    failed: int
    seconds: float


def configure(
    given: dict[str, Any], assignments: dict[str, Any], task: Task | None = None
) -> Tuning:
    """Return the tuning with all its options: defaults, then the preset's, then the user's.

    Args:
        given: options by name; ``None`` for the default.
        assignments: the ``-o key=value`` arguments.
        task: the task that they name if it is already here.

    Raises:
        UserError: an option or argument is unknown, of the wrong type or out of range.
    """
    asked = HpoConfig.from_layers(given)
    if asked.model not in catalog.TABLES["space"]:
        given = {**given, "model": located(asked.model, asked.out, ("search",))}
        asked = HpoConfig.from_layers(given)
    if task is None:
        sources.check(asked.task)
    tuning = Tuning.of(asked, task)
    model, owners = tuning.model.space["name"], {"tuner": tuning.tuner}
    if tuning.assessor is not None:
        owners["assessor"] = tuning.assessor
    known = {name: arguments.of_dataclass(kind.Options) for name, kind in owners.items()}
    *own, network = arguments.split(
        assignments, **known, model=arguments.of_space(load_space(model))
    )
    options = {
        f"{name}_options": asdict(kind.Options(**mine))
        for (name, kind), mine in zip(owners.items(), own, strict=True)
    }
    tuning.data.check_smoothing(asked)
    amount = tuning.data.amount(asked)
    by_preset = hpo_defaults(asked.preset, asked.task, amount, given)
    given = {**given, "task": sources.located(asked.task)}
    config = HpoConfig.from_layers(by_preset, given, options)
    if config.search_space is not None:
        space = ParameterSpace.read(config.search_space)
    else:
        space = ParameterSpace.of(config.space_content or default_space(amount))
    hyperparameters.check(space.content, model)
    if config.refine is not None:
        share(config.refine)
    complete = {**replace(tuning, config=config).space_arguments, **network}
    config = replace(config, space_content=dict(space.content), space_arguments=complete)
    return replace(tuning, config=config)


def run_hpo(
    tuning: Tuning,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
    command: Sequence[str] | None = None,
) -> Tuned:
    """Tune, and write ``checkpoint.json`` to the run folder.

    Args:
        tuning: the model, the tuner and the options.
        callback: receives the progress.
        stop: set by Ctrl-C and SIGTERM.
        resumed: the folder of the run to continue; ``None`` for a new run.
        command: the command line for the provenance; ``sys.argv`` by default.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: the task, the model and the options do not fit together, or every trial failed.
    """
    config = tuning.config
    task = tuning.data.part(config)
    model = Architecture.of(
        tuning.model, spec=task.spec, space_arguments=tuning.space_arguments, may_be_open=True
    )
    if model.is_open:
        joint.check(joint.named(config.space_content), config, task)
    name, short = catalog.short(config.tuner), sources.short(config.task)
    read = inputs(
        task, task=config.task, space=model.name, tuner=config.tuner, assessor=config.assessor
    )
    if getattr(tuning.assessor, "needs_shares", False) and not task.metric.is_share:
        raise UserError(
            f"--assessor {config.assessor}: needs a metric between 0 and 1 of which more is "
            f"better, and the task's is {task.metric.words}: take another assessor or --metric"
        )
    with session("hpo", name, short, config, stop, resumed, command, inputs=read) as running:
        context = Context.of(task, config, config.val_fraction, running.folder.path)
        running.note_length(len(context.train.labels), config)
        space = ParameterSpace.of(config.space_content)
        if model.is_open:
            space = joint.with_choices(space, model.domains)
        rounds = [_round(tuning, model, space, context, running, callback)]
        if config.refine is not None:
            narrowed = refine(space, rounds[0].trials, share(config.refine))
            rounds.append(_round(tuning, model, narrowed, context, running, callback, rounds[0]))
        remove_states(running)
        return _finish(tuning, model, task, rounds, running)


def share(text: str) -> float:
    """Return the share that ``--refine`` gives as a percentage, such as ``20%``.

    Raises:
        UserError: it is not a percentage above 0 and up to 100.
    """
    try:
        value = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        value = 0.0
    if not 0 < value <= 1:
        raise UserError(f"--refine {text}: must be a percentage above 0 and up to 100, like 20%")
    return value


@dataclass(frozen=True)
class Round:
    """A finished round of trials.

    Attributes:
        trials: hyperparameters and score of each trial with a result.
        cost: of all trials.
        next: the number of the next round's first trial.
    """

    trials: list[tuple[Params, float]]
    cost: TotalCost
    next: int


def _round(
    tuning: Tuning,
    model: Architecture,
    space: ParameterSpace,
    context: Context,
    running: Session,
    callback: Callback,
    before: Round | None = None,
) -> Round:
    """Run trials until the budget of the round is spent.

    Args:
        tuning: the tuner and the options.
        model: the network.
        space: the hyperparameters of this round.
        context: what the trials share.
        running: the run.
        callback: receives the progress.
        before: the first round, if this is the second one.

    Raises:
        UserError: the tuner or the assessor does not fit, or every trial failed.
    """
    config = tuning.config
    assessor = None
    if tuning.assessor is not None:
        options = tuning.assessor.Options(**config.assessor_options)
        assessor = tuning.assessor(options, epochs=config.epochs)
    tuner = tuning.tuner(space, tuning.tuner.Options(**config.tuner_options), config.seed)
    trials = NetworkTrials(config, model)
    metric = context.objective.metric
    events = TrialEvents(running, metric.name)
    journal = journaled(running, callback, lambda: {"trial": trials.current})
    epoch_callback = CallbackList([journal, events])

    def ended(number: int, parameters: Params, ending: Mapping[str, Any]) -> None:
        if ending["error"] is not None:
            events.discard()
            return
        reports = [metric.score(report) for report in ending["reports"]]
        events.write(
            number, hyperparameters.flat(parameters), metric.score(ending["score"]), reports
        )

    source = TunerTrials(
        tuner,
        assessor,
        trials,
        running,
        epoch_callback.phase,
        first=before.next if before is not None else 0,
        round=2 if before is not None else 1,
        ended=ended,
    )
    total = source.replay()
    assert config.budget is not None
    with scheduler.open_trial_executor(
        config,
        running,
        "nasbench.engine.trial:setup",
        context,
        source.keeps,
        lambda: TrialRunner(context, epoch_callback, running.stop),
    ) as executor:
        scheduler.run_trials(source, executor, Budget.parse(config.budget), total, running)
    if not source.results:
        raise scheduler.no_result()
    return Round(source.results, total, source.first + total.trials)


class NetworkTrials:
    """Trials that train a network with given hyperparameters.

    Args:
        config: the options of the tuning.
        model: the network.

    Attributes:
        share: how many devices a trial occupies.
        current: the trial built last, which is under way if trials run in this process.
    """

    def __init__(self, config: HpoConfig, model: Architecture) -> None:
        self.config = config
        self.model = model
        self.share = scheduler.device_share(config)
        self.current = 0

    def trial(self, number: int, parameters: Params, parent: int | None) -> Trial:
        """Return a trial; ``parent`` is the trial whose weights it starts from."""
        self.current = number
        found = hyperparameters.read(parameters, self.model.name)
        own, arch = _built_with(self.model, found.model, parameters)
        epochs = int(found.training.get("epochs", self.config.epochs))
        request = Request(
            str(number),
            found.model,
            arch,
            {**own, **found.arguments},
            found.training,
            epochs,
            watched=self.config.assessor is not None,
            parent=None if parent is None else str(parent),
            kept=self.config.tuner == "pbt",
        )
        return Trial(number, request, epochs)

    def result(self, finished: Finished) -> dict[str, Any]:
        """Return the journal's fields of a finished trial."""
        measured: TrialResult = finished.value
        return {**asdict(measured), "seconds": measured.seconds * self.share}


def _built_with(
    model: Architecture, name: str, parameters: Params
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return arguments and arch of the model ``name``: the tuned one, or another baseline."""
    if name != model.name:
        return {}, {}
    arch = joint.chosen(parameters, model.domains) if model.is_open else model.arch
    return dict(model.space_arguments), dict(arch)


def _finish(
    tuning: Tuning, model: Architecture, task: Task, rounds: list[Round], running: Session
) -> Tuned:
    """Write the checkpoint of the best trial."""
    config = tuning.config
    every = [trial for one in rounds for trial in one.trials]
    parameters, score = max(every, key=lambda trial: trial[1])
    found = hyperparameters.read(parameters, model.name)
    own, arch = _built_with(model, found.model, parameters)
    both = {"tuned": joint.named(config.space_content)} if model.is_open else {}
    seconds = sum(one.cost.seconds for one in rounds)
    cost = {"device_seconds": seconds, "evaluations": len(every)}
    # What the network's own search has cost is part of the way to this result.
    before = {name: number(tuning.model.cost.get(name)) or 0.0 for name in cost}
    curve = scheduler.anytime_curve(running.folder.journal.events("trial"), task.metric)
    metrics = {f"val_{task.metric.name}": task.metric.score(score)}
    path = running.folder.path / "checkpoint.json"
    if running.leads:
        Checkpoint(
            space={
                "name": found.model,
                "arguments": {**own, **found.arguments},
                "sha256": catalog.fingerprint(found.model),
            },
            arch=arch,
            data=task.spec.to_json(),
            strategy={"name": config.tuner, "options": config.tuner_options},
            task=config.task,
            seed=config.seed,
            search={**config.compared(), **_revision(tuning), **_searched(tuning), **both},
            metrics=metrics,
            cost={name: value + before[name] for name, value in cost.items()},
            kind="joint" if model.is_open else "hpo",
            given=_given(tuning),
            defaults=_defaults(tuning, model),
            training=trained_with(config, found.training),
            hyperparameters={**found.training, **found.arguments},
            curve=[[before["device_seconds"] + spent, best] for spent, best in curve],
            run=running.folder.name,
            provenance=running.started,
        ).write(path)
        scheduler.write_best(running, parameters, score, metrics)
        running.folder.update(cost=cost, metrics=metrics, parameters=parameters)
        network = load_space(found.model)
        built = partial(network.freeze, Arch(arch), task.spec, **{**own, **found.arguments})
        write_graph(running, built, task.spec)
    failed = sum(one.cost.failed for one in rounds)
    best = running.folder.path / BEST
    return Tuned(
        running.folder, path, best, parameters, score, metrics, len(every), failed, seconds
    )


def _revision(tuning: Tuning) -> dict[str, int]:
    """Return the number of the tuner's algorithm, which the first one leaves out."""
    return {"revision": tuning.tuner.revision} if tuning.tuner.revision > 1 else {}


def _searched(tuning: Tuning) -> dict[str, Any]:
    """Return how the architecture of the network was searched, if it was."""
    model = tuning.model
    if model.kind not in ("nas", "joint"):
        return {}
    return {"model": {**model.search, "strategy": catalog.short(model.strategy["name"])}}


def _given(tuning: Tuning) -> str:
    """Return the name of an architecture that the user chose, ``""`` if the network has none.

    A tuning with the seed of the search that found the architecture repeats search and tuning;
    with another seed it tunes one given architecture.
    """
    model = tuning.model
    if not model.arch or (model.kind in ("nas", "joint") and model.seed == tuning.config.seed):
        return model.given
    return model.given or model.run or model.space["name"]


def _defaults(tuning: Tuning, model: Architecture) -> dict[str, Any]:
    """Return what it means if a tuning's configuration lacks an option."""
    plugins = {"tuner_options": tuning.tuner, "assessor_options": tuning.assessor}
    return {
        **HpoConfig.defaults(),
        **{
            name: arguments.defaults_of(one.Options)
            for name, one in plugins.items()
            if one is not None
        },
        "space_arguments": arguments.complete(model.space, {}),
    }


def trained_with(config: HpoConfig, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the training options for a retraining: those of the trials, then the tuned ones.

    Of the number of epochs only a tuned one is kept.
    """
    plain = config.to_json()
    fixed = {name: plain[name] for name in hyperparameters.TRAINING if name != "epochs"}
    return {**fixed, **found}
