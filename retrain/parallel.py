"""Several retrain seeds at once, in worker processes or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench import provenance
from nasbench.config import RetrainConfig, TrialsConfig
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.scheduler import executor_options
from nasbench.engine.session import run_info
from nasbench.executors import Job, Work, open_executor
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.records import Record
from nasbench.store.runs import RunFolder
from nasbench.training.stopping import Stopped, StopSignal
from retrain.train import Retraining, run_retrain


@dataclass(frozen=True)
class Done:
    """The result of one seed.

    Attributes:
        seed: seed of the retraining.
        record: the record for the leaderboard, or ``None`` after an error.
        record_path: path of the record.
        model: the weights' file.
        error: why there is no record, in one line.
        folder: the run folder, or ``None`` after an error.
    """

    seed: int
    record: Record | None = None
    record_path: Path | None = None
    model: Path | None = None
    error: str | None = None
    folder: RunFolder | None = None


def setup(context: tuple[Checkpoint, RetrainConfig]) -> Work:
    """Return a worker process's function, which retrains one seed in its run folder."""
    checkpoint, config = context

    def work(payload: tuple[int, Path], report: Callable[[float], bool]) -> Done:
        seed, folder = payload
        job = Retraining.of(checkpoint, replace(config, seed=seed))
        done = run_retrain(job, NullCallback(), StopSignal(), RunFolder(folder))
        return Done(seed, done.record, done.record_path, done.model, folder=done.folder)

    return work


def run_seeds(
    job: Retraining,
    seeds: Sequence[int],
    where: TrialsConfig,
    stop: StopSignal,
    report: Callable[[Done], None],
) -> list[Done]:
    """Retrain every seed, several at once.

    A seed that fails, or is interrupted by a stop, does not affect the others; ``--resume``
    continues it from its run folder, and so does a second worker if the first one died.

    Args:
        job: the network and how it is trained; its seed is not used.
        seeds: seeds of the retrainings.
        where: engine and concurrency.
        stop: set by Ctrl-C and SIGTERM while this function runs.
        report: called with each seed as it ends.

    Raises:
        Stopped: a signal asked to stop.
    """
    waiting, done = list(seeds), list[Done]()
    context: Any = (job.checkpoint, job.config)
    with (
        stop.listening(),
        open_executor(
            where.engine or "local",
            "retrain.parallel:setup",
            context,
            lambda number, value: True,
            executor_options(where),
        ) as executor,
    ):
        while len(done) < len(seeds):
            while waiting and len(seeds) - len(waiting) - len(done) < executor.slots:
                seed = waiting.pop(0)
                folder = new_folder(job.with_seed(seed))
                executor.submit(Job(seed, (seed, folder.path)))
            finished = executor.next(lambda: stop.requested)
            if finished is None:
                raise Stopped(f"after {len(done)} of {len(seeds)} seeds", stop.number)
            done.append(finished.value or Done(finished.number, error=finished.error))
            report(done[-1])
    return done


def new_folder(job: Retraining) -> RunFolder:
    """Make the run folder of one seed; its worker then resumes that run."""
    info = run_info(job.task, job.config, provenance.collect())
    return RunFolder.create(job.config.out, "retrain", job.method, info, job.checkpoint)
