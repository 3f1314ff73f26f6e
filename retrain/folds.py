"""Cross-validation of a checkpoint's network on the training images; the test set stays sealed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean

from torch import Tensor

from nasbench.config import RetrainConfig
from nasbench.cost.params import inference_parameter_count
from nasbench.data.split import stratified_folds, without
from nasbench.engine.auto_batch import run_with_auto_batch
from nasbench.engine.callbacks import journaled
from nasbench.engine.checkpoints import Architecture
from nasbench.engine.problem import evaluation_batches, objective
from nasbench.engine.ranks import Ranks, beside
from nasbench.engine.session import Session, session
from nasbench.report.statistics import t_interval
from nasbench.seeding import derive
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.folds import CrossValidation, Fold, write_folds
from nasbench.store.runs import RunFolder
from nasbench.store.state import StateFile
from nasbench.tasks.base import Task
from nasbench.training.distributed import agree, wait
from nasbench.training.loop import Callback, Loop
from nasbench.training.stopping import StopSignal
from nasbench.training.supervised import Supervised, evaluated_metric
from retrain.train import Retrained, Retraining, identity, make_unit, run_retrain


@dataclass(frozen=True)
class CrossValidated:
    """A finished cross-validation.

    Attributes:
        folder: the run folder.
        record: the result; ``None`` in processes other than the first.
        record_path: path of the record.
    """

    folder: RunFolder
    record: CrossValidation | None
    record_path: Path | None


def run(
    job: Retraining,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
    command: Sequence[str] | None = None,
) -> Retrained | CrossValidated:
    """Train once and test, or cross-validate if ``config.folds`` is set.

    The arguments and errors are those of :func:`run_folds` and
    :func:`retrain.train.run_retrain`.
    """
    how = run_retrain if job.config.folds is None else run_folds
    return how(job, callback, stop, resumed, command)


def ranks_of(job: Retraining) -> Ranks:
    """Return the processes that carry out a retraining with any seed."""
    return Ranks(int(job.config.processes), f"{__name__}:in_rank", (job.checkpoint, job.config))


def in_rank(
    given: tuple[Checkpoint, RetrainConfig],
) -> Callable[[tuple[int, Path | None]], None]:
    """Return what retrains in a process beside the first.

    Args:
        given: the network, and how it is trained. The job is the seed, and the run folder to
            continue.
    """
    return beside(Retraining.of(*given), run)


def run_folds(
    job: Retraining,
    callback: Callback,
    stop: StopSignal,
    resumed: RunFolder | None = None,
    command: Sequence[str] | None = None,
) -> CrossValidated:
    """Train ``config.folds`` times, each time on all folds but one, and measure on that one.

    A finished fold is in the journal and is not trained again when the run is continued.

    Args:
        job: the network and how it is trained.
        callback: receives the events of the trainings.
        stop: set by Ctrl-C and SIGTERM.
        resumed: the run folder to continue, or ``None`` for a new run.
        command: the command line for the provenance; ``sys.argv`` by default.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: the options, the data or the run folder do not fit.
    """
    config = job.config
    assert config.folds is not None
    task, found = job.open(resumed)
    seed, train = derive(config.seed, "folds"), task.train
    parts = stratified_folds(train.labels, config.folds, seed, train.groups)
    read = job.inputs(task, found)
    with session(
        "retrain", job.method, job.task, config, stop, resumed, command, job.checkpoint, read
    ) as running:
        if found.start is not None:
            found.start.keep(running)
        fields = Fold.__dataclass_fields__
        done = {
            event["fold"]: Fold(**{name: event[name] for name in fields})
            for event in running.folder.journal.events("fold")
        }
        wait()  # before the first process writes more
        for number, held_out in enumerate(parts, start=1):
            if number not in done:
                callback.phase(f"fold {number} of {config.folds}")
                training = FoldTraining(number, held_out, task, found, running, callback)
                done[number], config = training.run(config)
        if not running.leads:
            return CrossValidated(running.folder, None, None)
        folds = [done[number] for number in sorted(done)]
        record = _record(replace(job, config=config), task, found, running, folds)
        path = write_folds(config.out, record)
        running.folder.update(**{f"val_{record.metric}": record.mean}, folds=path.name)
        return CrossValidated(running.folder, record, path)


@dataclass(frozen=True)
class FoldTraining:
    """One fold: a training on all others, measured on this one.

    Attributes:
        number: number of the fold, from 1.
        held_out: indices of its images, ``(n,)``.
        task: its training images are split.
        found: the architecture.
        running: the session.
        callback: receives the events of the training.
    """

    number: int
    held_out: Tensor
    task: Task
    found: Architecture
    running: Session
    callback: Callback

    def run(self, config: RetrainConfig) -> tuple[Fold, RetrainConfig]:
        """Return the measured fold, and the options with the batch size that was used."""
        running = self.running
        # All folds have the batches of the first.
        first = not running.folder.journal.events("fold")
        asked = replace(config, auto_batch=config.auto_batch and first)
        fold, used = run_with_auto_batch(
            self._train, self._try_step, asked, running, self.callback
        )
        # Removed first: a kill in between repeats the fold, and no fold continues another's.
        if running.leads:
            StateFile(running.folder.path / "state.pt").clear()
            running.folder.journal.append("fold", **asdict(fold))
        wait()
        return fold, replace(config, batch_size=used.batch_size)

    def _train(self, config: RetrainConfig) -> Fold:
        unit, running = self._unit(config), self.running
        running.note_length(len(unit.train.data), config)
        callbacks = journaled(running, self.callback, lambda: {"fold": self.number})
        state = StateFile(running.folder.path / "state.pt")
        progress = Loop(unit, config.epochs, state, callbacks, running.stop).run()
        images = self.task.train.subset(self.held_out)
        batches = evaluation_batches(images, self.task.augmentation, running)
        judge = objective(self.task, config, config.auxiliary_weight)
        value = evaluated_metric(unit.finish(), batches, judge)
        seconds = agree(progress.seconds, running.device)
        return Fold(self.number, self._seed(config), value, len(self.held_out), seconds)

    def _try_step(self, config: RetrainConfig) -> None:
        """Take the first step of the fold's training, and discard it."""
        unit = self._unit(config)
        unit.train_step(next(unit.batches(0, 0)))

    def _unit(self, config: RetrainConfig) -> Supervised:
        """Return the training on all other folds, which never sees this one."""
        train = self.task.train
        rest = train.subset(without(len(train), self.held_out))
        own = replace(config, seed=self._seed(config))
        return make_unit(self.found, self.task, rest, None, own, self.running)

    def _seed(self, config: RetrainConfig) -> int:
        return derive(config.seed, "fold", self.number)


def _record(
    job: Retraining, task: Task, found: Architecture, running: Session, folds: list[Fold]
) -> CrossValidation:
    values = [fold.result for fold in folds]
    network = found.build()
    return CrossValidation(
        **identity(job, found, running),
        seed=job.config.seed,
        folds=folds,
        mean=fmean(values),
        interval=t_interval(values),
        params=inference_parameter_count(network, network.training_only),
        provenance=running.started,
        classes=task.class_counts(task.train),
        metric=task.metric.name,
        larger_is_better=task.metric.larger_is_better,
        is_share=task.metric.is_share,
    )
