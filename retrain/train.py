"""A retraining from ``checkpoint.json`` to a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from nasbench import arguments, catalog, measures
from nasbench.config import RetrainConfig
from nasbench.cost.latency import measure_latency
from nasbench.cost.macs import counted
from nasbench.cost.params import inference_parameter_count
from nasbench.data.images import ImageSet
from nasbench.engine import start
from nasbench.engine.auto_batch import run_with_auto_batch
from nasbench.engine.callbacks import (
    CallbackList,
    JournalCallback,
    NullCallback,
    TensorBoardCallback,
)
from nasbench.engine.checkpoints import (
    Architecture,
    data_options,
    recipe_of,
    retrain_arguments,
    space_of,
    task_of,
)
from nasbench.engine.hyperparameters import tuned
from nasbench.engine.presets import retrain_defaults
from nasbench.engine.problem import Data, inputs, objective, on_device, supervised
from nasbench.engine.session import Session, session
from nasbench.errors import UserError
from nasbench.optional import available
from nasbench.seeding import derive, seed_process
from nasbench.space import DataSpec, SearchSpace
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.records import TUNED, Record, write_record
from nasbench.store.runs import RunFolder
from nasbench.store.state import StateFile
from nasbench.tasks import sources
from nasbench.tasks.base import Task
from nasbench.training.loop import Callback, EarlyStopping, Loop, Progress
from nasbench.training.stopping import StopSignal
from nasbench.training.supervised import Supervised
from retrain.final import Evaluation, evaluate

PLUGINS = ("strategy", "space", "task", "tuner", "assessor", "metric", "loss")


@dataclass(frozen=True)
class Retrained:
    """A finished retraining.

    Attributes:
        folder: the run folder.
        record: the record for the leaderboard; ``None`` in processes other than the first.
        record_path: path of the record.
        model: the weights' file.
    """

    folder: RunFolder
    record: Record | None
    record_path: Path | None
    model: Path


@dataclass(frozen=True)
class Retraining:
    """A checkpoint and the configuration of its retraining, with names resolved.

    Attributes:
        checkpoint: its network is rebuilt.
        config: the options of the training.
        space: the class of the network.
        task_name: the task to train on.
        data: the task; every seed uses the same.
    """

    checkpoint: Checkpoint
    config: RetrainConfig
    space: type[SearchSpace]
    task_name: str
    data: Data

    @classmethod
    def of(
        cls, checkpoint: Checkpoint, config: RetrainConfig, task: Task | None = None
    ) -> Retraining:
        """Resolve the names in a checkpoint and a complete configuration.

        Args:
            checkpoint: its network is rebuilt.
            config: the options of the training.
            task: the task that they name if it is already here.

        Raises:
            UserError: a name is unknown, or the code behind it is not known here.
        """
        space = space_of(checkpoint, config.space)
        # Those of a run folder may be of an older version, or changed since.
        arguments.split(config.space_arguments, space=arguments.of_space(space))
        name = _task_name(checkpoint, config, task)
        return cls(checkpoint, config, space, name, Data(name, config, task))

    def with_seed(self, seed: int) -> Retraining:
        """Return the same retraining with another seed."""
        return replace(self, config=replace(self.config, seed=seed))

    @property
    def method(self) -> str:
        """The strategy that found the architecture, as in names of run folders and records."""
        return catalog.short(str(self.checkpoint.strategy.get("name", "imported")))

    @property
    def task(self) -> str:
        """The task's name, as in names of run folders and records."""
        return sources.short(self.task_name)

    def inputs(self, task: Task, found: Architecture) -> dict[str, Any]:
        """Return the fingerprints of the data, of the user's own code and of initial weights."""
        space = self.config.space or self.checkpoint.space["name"]
        weights = {} if found.start is None else found.start.inputs
        return {**inputs(task, space=space, task=self.task_name), **weights}

    def open(self, resumed: RunFolder | None = None) -> tuple[Task, Architecture]:
        """Load the data, check the architecture against it, and read the weights to start from.

        A task that the user names may have another number of outputs than the search's.

        Args:
            resumed: the run folder to continue, or ``None``.

        Raises:
            UserError: the data have another shape, a label or value does not fit the space, or
                the weights do not fit the network.
        """
        task, config = self.data.part(self.config), self.config
        here, there = task.spec, DataSpec.from_json(self.checkpoint.data)
        outputs = there.outputs if config.task is None else here.outputs
        if here != DataSpec(*there.shape, outputs, vocabulary=there.vocabulary):
            raise UserError(
                f"the checkpoint was searched on data of {self.checkpoint.data}, "
                f"but the task {task.name} has {here.to_json()}"
            )
        found = Architecture.of(self.checkpoint, self.space, here, config.space_arguments)
        if config.weights is None:
            return task, found
        started = start.of_run(resumed)
        if started is None:
            with torch.random.fork_rng(devices=[]):  # a network whose random values are not used
                started = start.of_trained(config.weights, found.build(), task.preprocessing)
        return task, replace(found, start=started)


def configure(
    checkpoint: Checkpoint,
    given: dict[str, Any],
    assignments: dict[str, Any],
    task: Task | None = None,
) -> Retraining:
    """Return the retraining with all options: preset, then the tuned ones, then the user's.

    The data are read and judged as in the search, unless the user says otherwise.

    Args:
        checkpoint: its network is rebuilt.
        given: options by name, ``None`` for those that the user did not set.
        assignments: the ``-o key=value`` arguments of the space.
        task: the task that they name if it is already here.

    Raises:
        UserError: an option or argument is unknown, of the wrong type or out of range.
    """
    asked = RetrainConfig.from_layers(given)
    space = space_of(checkpoint, asked.space)
    task_name = _task_name(checkpoint, asked, task)
    wanted = {**asked.space_arguments, **assignments}
    network = {"space_arguments": retrain_arguments(space, checkpoint, asked.preset, wanted)}
    read = data_options(checkpoint, task_name)
    over = (read, tuned(checkpoint), given, network)
    without = RetrainConfig.from_layers(*over)
    data = Data(task_name, without, task)
    data.check_smoothing(asked)
    known = {name: value for layer in over for name, value in layer.items() if value is not None}
    paper = recipe_of(checkpoint)
    recipe = retrain_defaults(asked.preset, task_name, paper, data.amount(without), known)
    config = RetrainConfig.from_layers(recipe, *over)
    if config.weights is not None:
        config = replace(config, weights=start.located(config.weights, config.out))
    return Retraining(checkpoint, config, space, task_name, data)


def _task_name(checkpoint: Checkpoint, config: RetrainConfig, task: Task | None) -> str:
    """Return the name of the task; only one that must be opened is asked whose choice it is."""
    if task is not None:
        return config.task or checkpoint.task
    return task_of(checkpoint, config.task)


def run_retrain(
    job: Retraining,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
    command: Sequence[str] | None = None,
) -> Retrained:
    """Train the checkpoint's network, open the test set once, and write the record.

    Args:
        job: the network and how it is trained.
        callback: receives the events of the training.
        stop: set by Ctrl-C and SIGTERM.
        resumed: the run folder to continue, or ``None`` for a new run.
        command: the command line for the provenance; ``sys.argv`` by default.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: the options, the data or the run folder do not fit, or the weights changed on
            the disk.
    """
    task, found = job.open(resumed)
    read = job.inputs(task, found)
    with session(
        "retrain", job.method, job.task, job.config, stop, resumed, command, job.checkpoint, read
    ) as running:
        if found.start is not None:
            found.start.keep(running)
        (unit, progress), config = run_with_auto_batch(
            lambda wanted: _train(task, found, wanted, running, callback),
            lambda wanted: _try_step(task, found, wanted, running),
            job.config,
            running,
            callback,
        )
        job = replace(job, config=config)
        callback.phase("final evaluation")
        evaluation = evaluate(unit.finish(), task, found, config, running)
        if not running.leads:
            return Retrained(running.folder, None, None, evaluation.model)
        if evaluation.confusion and available("torch.utils.tensorboard"):
            board = TensorBoardCallback(running.folder.path / "tb")
            board.confusion(evaluation.confusion, evaluation.class_names)
        steps = progress.epoch * unit.steps_per_epoch()
        record = _record(job, found, running, progress, evaluation, steps)
        path = write_record(config.out, record)
        running.folder.update(**{f"test_{record.metric}": record.result}, record=path.name)
        return Retrained(running.folder, record, path, evaluation.model)


def _train(
    task: Task, found: Architecture, config: RetrainConfig, running: Session, callback: Callback
) -> tuple[Supervised, Progress]:
    """Train from the run's state, or from the beginning; return the network and the progress."""
    unit = _unit(task, found, config, running)
    running.note_length(len(unit.train.data), config)
    callbacks: Callback = NullCallback()
    if running.leads:  # of several processes the first alone writes
        listeners: list[Callback] = [JournalCallback(running.folder.journal), callback]
        if available("torch.utils.tensorboard"):
            board = TensorBoardCallback(running.folder.path / "tb")
            if note := board.graph(unit.network, task.spec):
                running.folder.journal.append("note", text=note)
            drawn = found.space.figures(found.arch, task.spec, found.space_arguments)
            board.drawing(drawn.parts)
            listeners.append(board)
        callbacks = CallbackList(listeners)
    state = StateFile(running.folder.path / "state.pt")
    metric = task.metric
    patience = None
    if config.patience:
        patience = EarlyStopping(config.patience, f"val_{metric.name}", metric.larger_is_better)
    return unit, Loop(unit, config.epochs, state, callbacks, running.stop, patience).run()


def _try_step(task: Task, found: Architecture, config: RetrainConfig, running: Session) -> None:
    """Take the first step of a training, and discard it."""
    unit = _unit(task, found, config, running)
    unit.train_step(next(unit.batches(0, 0)))


def _unit(task: Task, found: Architecture, config: RetrainConfig, running: Session) -> Supervised:
    """Return the network with its batches; all training images unless some are held out."""
    train, held_out = task.train, None
    if config.val_fraction > 0:
        train, held_out = task.search_split(derive(config.seed, "held-out"), config.val_fraction)
    return make_unit(found, task, train, held_out, config, running)


def make_unit(
    found: Architecture,
    task: Task,
    train: ImageSet,
    held_out: ImageSet | None,
    config: RetrainConfig,
    running: Session,
) -> Supervised:
    """Return the training of a fresh network.

    Args:
        found: the architecture; its weights are drawn with ``config.seed``, except those that it
            starts from.
        task: gives augmentation, loss and metric.
        train: the training images.
        held_out: images to validate on after every epoch, or ``None``.
        config: the options of the training.
        running: device and processes.
    """
    seed_process(config.seed, "retrain")
    fresh = found.build()
    if found.start is not None:
        found.start.load_into(fresh)
    network = on_device(fresh, running.device)
    seed = derive(config.seed, "retrain")
    judge = objective(task, config, config.auxiliary_weight)
    return supervised(network, train, held_out, task.augmentation, config, judge, seed, running)


def identity(job: Retraining, found: Architecture, running: Session) -> dict[str, Any]:
    """Return the fields of a record that identify the network and its training.

    Args:
        job: the retraining.
        found: its architecture.
        running: the session; the record has the name of its run folder.
    """
    checkpoint, weights = job.checkpoint, running.started.get("weights")
    return {
        "run": running.folder.name,
        "method": job.method,
        "task": job.task,
        "space": catalog.short(checkpoint.space["name"]),
        "arch_id": found.arch.id,
        "arch": {**found.arch, **_hyperparameters(checkpoint)},
        "search_run": checkpoint.run,
        "search_seed": checkpoint.seed,
        "retrain_config": {
            **{
                name: catalog.short(value) if name in ("metric", "loss") and value else value
                for name, value in job.config.compared().items()
            },
            **({} if weights is None else {"weights": weights}),  # their fingerprint, not a place
        },
    }


def _hyperparameters(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the tuned hyperparameters by their names in a record."""
    prefix = TUNED if checkpoint.kind == "joint" else ""
    return {f"{prefix}{name}": value for name, value in checkpoint.hyperparameters.items()}


def _record(
    job: Retraining,
    found: Architecture,
    running: Session,
    progress: Progress,
    evaluation: Evaluation,
    steps: int,
) -> Record:
    checkpoint, network, spec = job.checkpoint, evaluation.network, found.spec
    metrics, searched = checkpoint.metrics, checkpoint.search
    # Names without the folders of a user's own files.
    short: dict[str, Any] = {
        k: sources.short(searched[k]) if k == "task" else catalog.short(searched[k])
        for k in PLUGINS
        if isinstance(searched.get(k), str)
    }
    if isinstance(own := searched.get("strategy_options"), dict):  # a proxy of the user's own
        short["strategy_options"] = {
            name: catalog.short(value) if isinstance(value, str) and ".py:" in value else value
            for name, value in own.items()
        }
    led = measures.of_run({"provenance": checkpoint.provenance})
    latency, macs = measure_latency(network, spec), counted(network, spec)
    tested = {"test_data": evaluation.fingerprint, "device": latency.device}
    return Record(
        **identity(job, found, running),
        retrain_seed=job.config.seed,
        search_config={**searched, **short},
        test_accuracy=evaluation.metrics.get("accuracy"),
        val_accuracy=metrics.get("val_accuracy", metrics.get("supernet_val_accuracy")),
        metric=evaluation.metric.name,
        larger_is_better=evaluation.metric.larger_is_better,
        is_share=evaluation.metric.is_share,
        per_class=evaluation.per_class,
        constant=evaluation.constant,
        train_result=evaluation.train_result,
        notes=list(evaluation.notes),
        steps=steps,
        test_metrics=evaluation.metrics,
        confusion=evaluation.confusion,
        class_names=list(evaluation.class_names),
        params=inference_parameter_count(network, network.training_only),
        macs=macs.total,
        uncounted=list(macs.uncounted),
        latency_ms=latency.median_ms,
        search_seconds=float(checkpoint.cost.get("device_seconds", 0.0)),
        search_evaluations=int(checkpoint.cost.get("evaluations", 0)),
        retrain_seconds=progress.seconds,
        test_openings=evaluation.openings,
        test_examples=evaluation.examples,
        search_provenance=checkpoint.provenance,
        provenance={**running.started, **tested},
        kind=checkpoint.kind,
        # A search by another metric has a curve of its own, which no row of this one shows.
        curve=checkpoint.curve if led == evaluation.metric.measure else [],
        given=checkpoint.given,
        defaults={
            "search": checkpoint.defaults,
            "retrain": {
                **RetrainConfig.defaults(),
                "space_arguments": arguments.complete(job.space, {}),
            },
        },
        test_classes=list(evaluation.classes),
    )
