"""``nasbench retrain``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench import arguments
from nasbench.cli import running
from nasbench.cli.options import AsJson, Assignments, ConfigFile, Resume, Seeds, with_options
from nasbench.cli.output import note, tell
from nasbench.config import RetrainConfig, TrialsConfig
from nasbench.engine.presets import RETRAIN_OPTIONS
from nasbench.report.quantities import measured, multiply_adds

if TYPE_CHECKING:
    from nasbench.store.folds import CrossValidation
    from nasbench.store.records import Record

Given = Annotated[
    str | None,
    typer.Argument(
        help="checkpoint.json of a search, or its run folder; 'last' is the latest one; or a "
        "file of another format, FILE.py:NAME, zoo:NAME or the text itself."
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
    from nasbench.api import progress
    from nasbench.api.retraining import configured, resumed, retrainings
    from nasbench.api.runs import Surroundings, layers
    from nasbench.training.stopping import StopSignal

    with running.stoppable("retrain"), progress.shown(quiet=as_json) as callback:
        around = Surroundings(callback, StopSignal(), note)
        if resume is not None:
            extra: dict[str, Any] = {"CHECKPOINT": checkpoint, "--config": config, "-o": o}
            extra |= {"--seeds": seeds > 1, "--engine": engine, "--concurrency": concurrency > 1}
            done, options = resumed(resume, given, extra, around)
            _report(done, options, as_json)
            return
        values, over = layers(given, config, arguments.parse(o or []))
        job = configured(checkpoint, values, over, form, rendition)
        where = TrialsConfig(
            engine=engine,
            concurrency=concurrency,
            gpus_per_trial=gpus_per_trial,
            address=address,
        )
        retrainings(job, seeds, where, around, lambda done: _report(done, job.config, as_json))


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
