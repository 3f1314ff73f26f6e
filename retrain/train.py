"""A retraining from ``checkpoint.json`` to a record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench import catalog
from nasbench.config import RetrainConfig
from nasbench.cost.latency import measure_latency
from nasbench.cost.macs import multiply_adds
from nasbench.cost.params import inference_parameter_count
from nasbench.data.images import ImageSet
from nasbench.engine.batch_fitting import fitted
from nasbench.engine.callbacks import (
    CallbackList,
    JournalCallback,
    NullCallback,
    TensorBoardCallback,
)
from nasbench.engine.problem import load_task, on_device, supervised
from nasbench.engine.session import Session, session
from nasbench.optional import available
from nasbench.seeding import derive, seed_process
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.records import Record, write_record
from nasbench.store.runs import RunFolder
from nasbench.store.state import StateFile
from nasbench.training.early_stopping import EarlyStopping
from nasbench.training.loop import Callback, Loop, Progress
from nasbench.training.stopping import StopSignal
from nasbench.training.supervised import Supervised
from retrain.final import Verdict, judge
from retrain.rebuild import Found, rebuild, space_arguments, space_of, task_of
from retrain.recipes import RECIPES

# Options that do not shape the result, or are told elsewhere in the record.
NOT_COMPARED = ("seed", "out", "data_dir", "device", "auto_batch", "space", "task")


@dataclass(frozen=True)
class Retrained:
    """A finished retraining.

    Attributes:
        folder: the run folder.
        record: what the leaderboard will read; ``None`` in processes other than the first.
        record_path: where it was written.
        model: the weights' file.
    """

    folder: RunFolder
    record: Record | None
    record_path: Path | None
    model: Path


def configure(
    checkpoint: Checkpoint, given: dict[str, Any], assignments: dict[str, Any]
) -> RetrainConfig:
    """Return the whole configuration: recipe, then what tuning found, then what the user gave.

    Raises:
        UserError: an option or argument is unknown, of the wrong type or out of range.
    """
    asked = RetrainConfig.from_layers(given)
    space = space_of(checkpoint, asked.space)
    wanted = {**asked.space_arguments, **assignments}
    network = space_arguments(space, checkpoint, asked.preset, wanted)
    recipe = RECIPES[asked.preset](task_of(checkpoint, asked.task))
    found = checkpoint.training  # what tuning found, where the checkpoint is one of tuning
    return RetrainConfig.from_layers(recipe, found, given, {"space_arguments": network})


def run_retrain(
    checkpoint: Checkpoint,
    config: RetrainConfig,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
) -> Retrained:
    """Train the checkpoint's network, open the test set once, and write the record.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: something that the user can mend, or weights that changed on the disk.
    """
    task_name = task_of(checkpoint, config.task)
    task = load_task(config, task_name)
    space = space_of(checkpoint, config.space)
    found = rebuild(checkpoint, space, task, config.space_arguments)
    name = str(checkpoint.strategy.get("name", "imported"))
    with session(
        "retrain", catalog.short(name), catalog.short(task_name), config, stop, resumed
    ) as running:
        if running.leads:
            checkpoint.write(running.folder.path / "checkpoint.json")
        (unit, progress), config = fitted(
            lambda wanted: _train(found, wanted, running, callback),
            lambda wanted: _try_step(found, wanted, running),
            config,
            running,
            callback,
        )
        callback.phase("final evaluation")
        verdict = judge(unit.finish(), found, config, running)
        if not running.leads:
            return Retrained(running.folder, None, None, verdict.model)
        record = _record(checkpoint, found, config, running, progress, verdict)
        path = write_record(config.out, record)
        running.folder.update(test_accuracy=verdict.accuracy, record=path.name)
        return Retrained(running.folder, record, path, verdict.model)


def _train(
    found: Found, config: RetrainConfig, running: Session, callback: Callback
) -> tuple[Supervised, Progress]:
    """Train from the run's state, or from the beginning; return the network and how it went."""
    unit = _unit(found, config, running)
    state = StateFile(running.folder.path / "state.pt")
    told = _told(unit, found, running, callback)
    patience = EarlyStopping(config.patience) if config.patience else None
    return unit, Loop(unit, config.epochs, state, told, running.stop, patience).run()


def _try_step(found: Found, config: RetrainConfig, running: Session) -> None:
    """Take the first step of a training, and forget it."""
    unit = _unit(found, config, running)
    unit.train_step(next(unit.batches(0, 0)))


def _unit(found: Found, config: RetrainConfig, running: Session) -> Supervised:
    """Return the network with its batches; all training images unless some are held out."""
    train, held_out = found.problem.task.train, None
    if config.val_fraction > 0:
        train, held_out = train.split(config.val_fraction, derive(config.seed, "held-out"))
    return make_unit(found, train, held_out, config, running)


def make_unit(
    found: Found,
    train: ImageSet,
    held_out: ImageSet | None,
    config: RetrainConfig,
    running: Session,
) -> Supervised:
    """Return a fresh network, drawn by ``config.seed``, with its batches of these images."""
    seed_process(config.seed, "retrain")
    network = on_device(found.build(), running.device)
    how, seed = found.problem.task.augmentation, derive(config.seed, "retrain")
    return supervised(network, train, held_out, how, config, seed, running)


def _told(unit: Supervised, found: Found, running: Session, callback: Callback) -> Callback:
    """Return everyone who is told: in processes other than the first, nobody."""
    if not running.leads:
        return NullCallback()
    told: list[Callback] = [JournalCallback(running.folder.journal), callback]
    if available("torch.utils.tensorboard"):
        board = TensorBoardCallback(running.folder.path / "tb")
        if note := board.graph(unit.network, found.problem.task.spec.shape):
            running.folder.journal.append("note", text=note)
        board.drawing(found.problem.space.graphs(found.arch))
        told.append(board)
    return CallbackList(told)


def _shortened(config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration without the folders of a user's own files."""
    names: dict[str, Any] = {
        k: catalog.short(config[k]) for k in ("strategy", "space", "task") if k in config
    }
    return {**config, **names}


def identity(
    checkpoint: Checkpoint, found: Found, config: RetrainConfig, running: Session
) -> dict[str, Any]:
    """Return what a record says of what was trained, and how, whatever was measured on."""
    return {
        "run": running.folder.name,
        "method": catalog.short(str(checkpoint.strategy.get("name", "imported"))),
        "task": catalog.short(config.task or checkpoint.task),
        "space": catalog.short(checkpoint.space["name"]),
        "arch_id": found.arch.id,
        "arch": {**found.arch, **checkpoint.hyperparameters},
        "search_run": checkpoint.run,
        "search_seed": checkpoint.seed,
        "retrain_config": config.compared(without=NOT_COMPARED),
    }


def _record(
    checkpoint: Checkpoint,
    found: Found,
    config: RetrainConfig,
    running: Session,
    progress: Progress,
    verdict: Verdict,
) -> Record:
    network, shape = verdict.network, found.problem.task.spec.shape
    metrics = checkpoint.metrics
    latency = measure_latency(network, shape)
    return Record(
        **identity(checkpoint, found, config, running),
        retrain_seed=config.seed,
        search_config=_shortened(checkpoint.search),
        test_accuracy=verdict.accuracy,
        val_accuracy=metrics.get("val_accuracy", metrics.get("supernet_val_accuracy")),
        params=inference_parameter_count(network, network.training_only),
        macs=multiply_adds(network, shape),
        latency_ms=latency.median_ms,
        search_seconds=float(checkpoint.cost.get("device_seconds", 0.0)),
        search_evaluations=int(checkpoint.cost.get("evaluations", 0)),
        retrain_seconds=progress.seconds,
        test_openings=verdict.openings,
        test_examples=verdict.examples,
        search_provenance=checkpoint.provenance,
        provenance={**running.started, "device": latency.device},
        kind=checkpoint.kind,
        curve=checkpoint.curve,
    )
