"""``nasbench retrain``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli import running
from nasbench.cli.options import AsJson, Assignments, ConfigFile, Resume, Seeds, with_options
from nasbench.cli.output import note, tell
from nasbench.config import RetrainConfig, TrialsConfig
from nasbench.engine.presets import RETRAIN_OPTIONS
from nasbench.errors import UserError
from nasbench.report.quantities import measured, multiply_adds

if TYPE_CHECKING:
    from nasbench.store.folds import CrossValidation
    from nasbench.store.records import Record
    from nasbench.training.stopping import StopSignal
    from retrain.parallel import Done
    from retrain.train import Retraining

Given = Annotated[
    str | None,
    typer.Argument(
        help="checkpoint.json of a search, or its run folder; or a file of another format, "
        "FILE.py:NAME, zoo:NAME or the text itself."
    ),
]
Form = Annotated[
    str | None,
    typer.Option("--from", help="Format of the file, if several fit. [default: recognised]"),
]
Rendition = Annotated[
    str | None, typer.Option("--rendition", help="How DARTS cells are built: darts or nni.")
]

Engine = Annotated[
    str | None, typer.Option("--engine", help="Where seeds run side by side: local or ray.")
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", min=1, max=1024, help="Number of seeds that run at once.")
]
GpusPerTrial = Annotated[
    float, typer.Option("--gpus-per-trial", min=0.0, max=1024, help="GPUs per seed.")
]
Address = Annotated[str | None, typer.Option("--address", help="The Ray cluster.")]


def command() -> Callable[..., None]:
    """Return the command with a flag for each option of :class:`RetrainConfig`."""
    return with_options(RetrainConfig, RETRAIN_OPTIONS)(_retrain)


def _retrain(
    given: dict[str, Any],
    checkpoint: Given = None,
    form: Form = None,
    rendition: Rendition = None,
    seeds: Seeds = 1,
    config: ConfigFile = None,
    o: Assignments = None,
    resume: Resume = None,
    as_json: AsJson = False,
    engine: Engine = None,
    concurrency: Concurrency = 1,
    gpus_per_trial: GpusPerTrial = 0.0,
    address: Address = None,
) -> None:
    """Rebuild the network of a checkpoint, train it, and test it once."""
    from nasbench.cli import progress
    from nasbench.engine.checkpoints import open_checkpoint
    from nasbench.store.checkpoint import Checkpoint
    from nasbench.training.stopping import StopSignal
    from retrain.folds import run
    from retrain.train import Retraining, configure

    stop = StopSignal()
    with running.stoppable("retrain"), progress.shown(quiet=as_json) as callback:
        if resume is not None:
            extra: dict[str, Any] = {"CHECKPOINT": checkpoint, "--config": config, "-o": o}
            extra |= {"--seeds": seeds > 1, "--engine": engine, "--concurrency": concurrency > 1}
            folder, options = running.to_resume("retrain", RetrainConfig, resume, given, extra)
            job = Retraining.of(Checkpoint.read(folder.path), options)
            _report(run(job, callback, stop, folder), options, as_json)
            return
        if checkpoint is None:
            raise UserError("no CHECKPOINT given: nasbench search writes one")
        values, over = running.layers(given, config, o)
        if rendition is not None:
            over = {**over, "rendition": rendition}
        where_from = form, values.get("task"), values.get("space"), values.get("data_dir")
        found = open_checkpoint(checkpoint, *where_from)
        job = configure(found, values, over)
        options = job.config
        where = TrialsConfig(
            engine=engine,
            concurrency=concurrency,
            gpus_per_trial=gpus_per_trial,
            address=address,
        )
        if engine is not None or concurrency > 1:
            if options.folds is not None:
                raise UserError(
                    f"--folds {options.folds}: folds are trained one after the other: "
                    "leave out --engine and --concurrency"
                )
            _at_once(job, seeds, where, stop, as_json)
            return
        if gpus_per_trial:
            raise UserError(f"--gpus-per-trial {gpus_per_trial:g} needs --engine local or ray")

        def train(seed: int) -> None:
            _report(run(job.with_seed(seed), callback, stop), options, as_json)

        running.each_seed(stop, options.seed, seeds, train)


def _at_once(
    job: Retraining, seeds: int, where: TrialsConfig, stop: StopSignal, as_json: bool
) -> None:
    """Retrain several seeds at once and report each as it ends."""
    from nasbench.training.stopping import Stopped
    from retrain.parallel import run_seeds

    options = job.config

    def report(done: Done) -> None:
        if done.error is not None:
            note(f"seed {done.seed} failed: {done.error}")
        _report(done, options, as_json)

    every = range(options.seed, options.seed + seeds)
    try:
        ended = run_seeds(job, every, where, stop, report)
    except Stopped as stopped:
        note(f"{stopped}; the other seeds can be resumed from their run folders")
        raise typer.Exit(128 + stopped.signal) from stopped
    failed = [str(done.seed) for done in ended if done.error is not None]
    if failed:
        raise UserError(f"no record for seed {', '.join(failed)}")


def _report(done: Any, options: RetrainConfig, as_json: bool) -> None:
    """Print the result of a retraining or of a cross-validation, and its files."""
    if done.record is None:
        return
    if options.folds is not None:
        folds: CrossValidation = done.record
        if as_json:
            tell(json.dumps({**asdict(folds), "record": str(done.record_path)}))
            return
        metric, name = folds.metric, folds.metric.replace("_", " ")
        tell("")
        for fold in folds.folds:
            tell(
                f"fold {fold.fold}: validation {name} {measured(metric, fold.result)} "
                f"on {fold.val_examples} examples"
            )
        low, high = folds.interval
        tell(
            f"mean of {len(folds.folds)} folds {measured(metric, folds.mean)}, "
            f"95 % t-interval {measured(metric, low)} to {measured(metric, high)} "
            "(the test set stays sealed)"
        )
        if metric == "accuracy":
            _warn_of_chance(folds.mean, folds.classes)
        tell(f"record:  {done.record_path}")
        return
    record: Record = done.record
    if as_json:
        tell(json.dumps({**asdict(record), "model": str(done.model)}))
        return
    tell("")
    tell(
        f"test {record.metric.replace('_', ' ')} {measured(record.metric, record.result)} "
        f"on {record.test_examples} sealed examples "
        f"(opened {record.test_openings} time{'s' * (record.test_openings != 1)})"
    )
    for metric, value in record.test_metrics.items():
        if metric != record.metric:
            tell(f"also {metric.replace('_', ' ')} {measured(metric, value)}")
    if record.test_accuracy is not None:
        _warn_of_chance(record.test_accuracy, record.test_classes)
    macs = multiply_adds(f"{record.macs:,}", record.uncounted)
    tell(f"network: {record.params:,} parameters, {macs}")
    tell(f"weights: {done.model}")
    tell(f"record:  {done.record_path}")
    results = running.out_flag(options.out, "--results")
    tell(f"next:    nasbench leaderboard --task {record.task}{results}")


def _warn_of_chance(accuracy: float, classes: Sequence[int]) -> None:
    """Say so if an accuracy is not shown to be above that of the largest class."""
    from nasbench.report.chance import at_chance, largest_share

    if at_chance(accuracy, classes):
        tell(
            f"at chance level: always answering the largest class gives "
            f"{largest_share(classes):.2%}, and the network is not shown to be above it"
        )
