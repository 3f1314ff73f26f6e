"""``nasbench retrain``."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench import catalog
from nasbench.cli import running
from nasbench.cli.options import AsJson, Assignments, ConfigFile, Resume, Seeds, with_options
from nasbench.config import RetrainConfig
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.store.records import Record

CheckpointPath = Annotated[
    Path | None, typer.Argument(help="checkpoint.json of a search, or its run folder.")
]


def command() -> Callable[..., None]:
    """Return the command with a flag for each option of :class:`RetrainConfig`."""
    recipes: Any = catalog.entry_point("recipes")
    by_preset = {name for recipe in recipes.values() for name in recipe("digits")}
    return with_options(RetrainConfig, by_preset)(_retrain)


def _retrain(
    given: dict[str, Any],
    checkpoint: CheckpointPath = None,
    seeds: Seeds = 1,
    config: ConfigFile = None,
    o: Assignments = None,
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild the network of a checkpoint, train it, and test it once."""
    from nasbench.cli import progress
    from nasbench.store.checkpoint import Checkpoint
    from nasbench.training.stopping import StopSignal

    configure, run = catalog.entry_point("configure"), catalog.entry_point("retrain")
    stop = StopSignal()
    with running.stoppable("retrain"), progress.telling(quiet=as_json) as observer:
        if resume is not None:
            extra = {"CHECKPOINT": checkpoint, "--config": config, "-o": o, "--seeds": seeds > 1}
            folder = running.to_resume("retrain", resume, given, extra)
            options = running.continued(RetrainConfig.from_layers(folder.info["config"]), folder)
            done = run(Checkpoint.read(folder.path), options, observer, stop, folder)
            _tell(done, options, as_json)
            return
        if checkpoint is None:
            raise UserError("which CHECKPOINT? nasbench search writes one")
        found = Checkpoint.read(checkpoint)
        options = configure(found, *running.layers(given, config, o))

        def train(seed: int) -> None:
            _tell(run(found, replace(options, seed=seed), observer, stop), options, as_json)

        running.each_seed(stop, options.seed, seeds, train)


def _tell(done: Any, options: RetrainConfig, as_json: bool) -> None:
    """Print the result and where it is."""
    record: Record | None = done.record
    if record is None:
        return
    if as_json:
        running.tell(json.dumps({**asdict(record), "model": str(done.model)}))
        return
    running.tell(
        f"\ntest accuracy {record.test_accuracy:.2%} on {record.test_examples} sealed images "
        f"(opened {record.test_openings} time{'s' * (record.test_openings != 1)})"
    )
    running.tell(f"network: {record.params:,} parameters, {record.macs:,} multiply-adds")
    running.tell(f"weights: {done.model}")
    running.tell(f"record:  {done.record_path}")
    results = running.out_flag(options.out, "--results")
    running.tell(f"next:    nasbench leaderboard --task {record.task}{results}")
