"""Cross-validation of a checkpoint's network on the training images; the test set stays sealed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor

from nasbench import catalog
from nasbench.config import RetrainConfig
from nasbench.cost.params import inference_parameter_count
from nasbench.data.split import stratified_folds, without
from nasbench.engine.batch_fitting import fitted
from nasbench.engine.callbacks import CallbackList, JournalCallback, NullCallback
from nasbench.engine.cross_validation import mean_and_interval
from nasbench.engine.problem import evaluation_batches, load_task, objective
from nasbench.engine.session import Session, session
from nasbench.seeding import derive
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.folds import CrossValidation, Fold, write_folds
from nasbench.store.runs import RunFolder
from nasbench.store.state import StateFile
from nasbench.training.distributed import agree, wait
from nasbench.training.loop import Callback, Loop
from nasbench.training.stopping import StopSignal
from nasbench.training.supervised import Supervised, accuracy
from retrain.rebuild import Found, rebuild, space_of, task_of
from retrain.train import identity, make_unit


@dataclass(frozen=True)
class CrossValidated:
    """A finished cross-validation.

    Attributes:
        folder: the run folder.
        record: what it found; ``None`` in processes other than the first.
        record_path: where it was written.
    """

    folder: RunFolder
    record: CrossValidation | None
    record_path: Path | None


def run_folds(
    checkpoint: Checkpoint,
    config: RetrainConfig,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
) -> CrossValidated:
    """Train ``config.folds`` times, each time on all folds but one, and measure on that one.

    A finished fold stands in the journal and is not trained again when the run is continued.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: something that the user can mend.
    """
    assert config.folds is not None
    task_name = task_of(checkpoint, config.task)
    task = load_task(config, task_name)
    found = rebuild(checkpoint, space_of(checkpoint, config.space), task, config.space_arguments)
    seed, train = derive(config.seed, "folds"), task.train
    parts = stratified_folds(train.labels, config.folds, seed, train.groups)
    name = catalog.short(str(checkpoint.strategy.get("name", "imported")))
    short = catalog.short(task_name)
    with session("retrain", name, short, config, stop, resumed) as running:
        if running.leads:
            checkpoint.write(running.folder.path / "checkpoint.json")
        done = _finished(running)
        for number, held_out in enumerate(parts, start=1):
            if number not in done:
                callback.phase(f"fold {number} of {config.folds}")
                fold, config = _fold(number, held_out, found, config, running, callback)
                done[number] = fold
        if not running.leads:
            return CrossValidated(running.folder, None, None)
        folds = [done[number] for number in sorted(done)]
        record = _record(checkpoint, found, config, running, folds)
        path = write_folds(config.out, record)
        running.folder.update(val_accuracy=record.mean, folds=path.name)
        return CrossValidated(running.folder, record, path)


def _finished(running: Session) -> dict[int, Fold]:
    """Return the folds that the run has finished, by their numbers."""
    names = Fold.__dataclass_fields__
    told = running.folder.journal.events("fold")
    wait()  # before the first process writes more
    return {event["fold"]: Fold(**{k: event[k] for k in names}) for event in told}


def _fold(
    number: int,
    held_out: Tensor,
    found: Found,
    config: RetrainConfig,
    running: Session,
    callback: Callback,
) -> tuple[Fold, RetrainConfig]:
    """Train and measure one fold; return the options, too, with the batch size that was used."""
    # All folds have the batches of the first.
    first = not running.folder.journal.events("fold")
    asked = replace(config, auto_batch=config.auto_batch and first)
    fold, used = fitted(
        lambda wanted: _train(number, held_out, found, wanted, running, callback),
        lambda wanted: _try_step(number, held_out, found, wanted, running),
        asked,
        running,
        callback,
    )
    # Removed first: a kill in between costs the fold again, and no fold goes on from another's.
    if running.leads:
        StateFile(running.folder.path / "state.pt").clear()
        running.folder.journal.append("fold", **asdict(fold))
    wait()
    return fold, replace(config, batch_size=used.batch_size)


def _train(
    number: int,
    held_out: Tensor,
    found: Found,
    config: RetrainConfig,
    running: Session,
    callback: Callback,
) -> Fold:
    unit = _unit(number, held_out, found, config, running)
    told: Callback = NullCallback()
    if running.leads:
        told = CallbackList(
            [JournalCallback(running.folder.journal, lambda: {"fold": number}), callback]
        )
    state = StateFile(running.folder.path / "state.pt")
    progress = Loop(unit, config.epochs, state, told, running.stop).run()
    task = found.problem.task
    batches = evaluation_batches(task.train.subset(held_out), task.augmentation, running)
    value = accuracy(unit.finish(), batches, objective(config, config.auxiliary_weight))
    seconds = agree(progress.seconds, running.device)
    return Fold(number, _seed(config, number), value, len(held_out), seconds)


def _try_step(
    number: int, held_out: Tensor, found: Found, config: RetrainConfig, running: Session
) -> None:
    """Take the first step of a fold's training, and forget it."""
    unit = _unit(number, held_out, found, config, running)
    unit.train_step(next(unit.batches(0, 0)))


def _unit(
    number: int, held_out: Tensor, found: Found, config: RetrainConfig, running: Session
) -> Supervised:
    """Return the training on all other folds, which never sees this one."""
    train = found.problem.task.train
    rest = train.subset(without(len(train), held_out))
    own = replace(config, seed=_seed(config, number))
    return make_unit(found, rest, None, own, running)


def _seed(config: RetrainConfig, number: int) -> int:
    return derive(config.seed, "fold", number)


def _record(
    checkpoint: Checkpoint,
    found: Found,
    config: RetrainConfig,
    running: Session,
    folds: list[Fold],
) -> CrossValidation:
    mean, interval = mean_and_interval(folds)
    network = found.build()
    return CrossValidation(
        **identity(checkpoint, found, config, running),
        seed=config.seed,
        folds=folds,
        mean=mean,
        interval=interval,
        params=inference_parameter_count(network, network.training_only),
        provenance=running.started,
    )
