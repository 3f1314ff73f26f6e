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
from nasbench.measures import ACCURACY
from nasbench.report.closing import class_lines, result_lines
from nasbench.report.quantities import multiply_adds

if TYPE_CHECKING:
    from nasbench.store.folds import CrossValidation
    from nasbench.store.records import Record

Given = Annotated[
    str | None,
    typer.Argument(
        help="A search, a tuning or a specialized network: its folder, its name or a unique part "
        "of it, 'last', or its checkpoint.json; or a file of another format, FILE.py:NAME, "
        "zoo:NAME or the text itself."
    ),
]
Form = Annotated[
    str | None,
    typer.Option("--from", help="Format of the file, if several fit. [default: recognized]"),
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
        measure = folds.measure
        tell("")
        for fold in folds.folds:
            tell(
                f"fold {fold.fold}: validation {measure.words} {measure.text(fold.result)} "
                f"on {fold.val_examples} examples"
            )
        low, high = map(measure.text, folds.interval)
        tell(
            f"mean of {len(folds.folds)} folds {measure.text(folds.mean)}, "
            f"95 % t-interval {low} to {high} (the test set stays sealed)"
        )
        if measure == ACCURACY:
            _warn_of_chance(folds.mean, folds.classes)
        tell(f"record:  {done.record_path}")
        return
    record: Record = done.record
    if as_json:
        tell(json.dumps({**asdict(record), "model": str(done.model)}))
        return
    tell("")
    for line in result_lines(record):
        tell(line)
    if table := class_lines(record):
        tell("", *table, "")
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
