"""``nasbench hpo``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli import running
from nasbench.cli.options import AsJson, Assignments, ConfigFile, Resume, Seeds, with_options
from nasbench.config import HpoConfig, read_yaml
from nasbench.engine.presets import RETRAIN_PRESETS
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.engine.experiment import Ran
    from nasbench.engine.hpo import Tuned
    from nasbench.training.stopping import StopSignal

# Fields that only NNI's experiment files have.
OF_EXPERIMENTS = (
    "trial",
    "trialCommand",
    "trialConcurrency",
    "searchSpacePath",
    "searchSpaceFile",
)

Model = Annotated[
    str | None,
    typer.Argument(help="A baseline's name, file.py:Class, or the checkpoint.json of a search."),
]
Trials = Annotated[
    int | None, typer.Option("--trials", min=1, help="How many trials; the same as --budget N.")
]


def command() -> Callable[..., None]:
    """Return the command with a flag for each option of :class:`HpoConfig`."""
    by_preset = {name for recipe in RETRAIN_PRESETS.values() for name in recipe("digits")}
    return with_options(HpoConfig, {*by_preset, "budget", "limit_train"})(_hpo)


def _hpo(
    given: dict[str, Any],
    model: Model = None,
    trials: Trials = None,
    seeds: Seeds = 1,
    config: ConfigFile = None,
    o: Assignments = None,
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Tune the hyperparameters of a network, or run an NNI experiment file."""
    from nasbench.cli import progress
    from nasbench.engine.hpo import configure, run_hpo
    from nasbench.training.stopping import StopSignal

    stop = StopSignal()
    with running.stoppable("hpo"), progress.shown(quiet=as_json) as callback:
        if resume is not None:
            extra = {"MODEL": model, "--config": config, "-o": o, "--seeds": seeds > 1}
            folder = running.to_resume("hpo", resume, given, {**extra, "--trials": trials})
            if folder.info["config"].get("engine") == "nni":
                raise UserError(f"--resume {resume}: NNI's manager ran it: start it anew")
            options = running.continued(HpoConfig.from_layers(folder.info["config"]), folder)
            if _is_experiment(Path(options.model)):
                from nasbench.engine.experiment import run_experiment, with_flags
                from nasbench.hpo.nni_experiment.experiment import read

                again = with_flags(read(Path(options.model)), options)
                ran = run_experiment(again, options, callback.phase, stop, folder)
                _tell_experiment(ran, as_json)
                return
            _tell(run_hpo(options, callback, stop, folder), options, as_json)
            return
        if trials is not None and given.get("budget") is not None:
            raise UserError(f"--trials {trials} and --budget {given['budget']}: give one of them")
        if trials is not None:
            given["budget"] = str(trials)
        if config is not None and _is_experiment(config):
            extra = {"MODEL": model, "-o": o, "--seeds": seeds > 1}
            _experiment(config, given, extra, callback.phase, stop, as_json)
            return
        named, assigned = running.layers(given, config, o)
        named["model"] = model or named.get("model")
        if named["model"] is None:
            raise UserError("which MODEL? see: nasbench list baselines")
        options = configure(named, assigned)

        def run(seed: int) -> None:
            _tell(run_hpo(replace(options, seed=seed), callback, stop), options, as_json)

        running.each_seed(stop, options.seed, seeds, run)


def _is_experiment(path: Path) -> bool:
    """Return whether a YAML file is an NNI experiment, and not options of ours."""
    if path.suffix not in (".yml", ".yaml") or not path.is_file():
        return False
    return any(name in read_yaml(path) for name in OF_EXPERIMENTS)


def _experiment(
    path: Path,
    given: dict[str, Any],
    extra: dict[str, Any],
    say: Callable[[str], None],
    stop: StopSignal,
    as_json: bool,
) -> None:
    """Run an NNI experiment file."""
    from nasbench.engine.experiment import configure, run_experiment

    for name, value in extra.items():
        if value:
            raise UserError(f"{name}: an experiment file says all that: leave it out")
    set_by_flag = {name: value for name, value in given.items() if value is not None}
    experiment, options = configure(path, set_by_flag)
    _tell_experiment(run_experiment(experiment, options, say, stop), as_json)


def _tell_experiment(ran: Ran, as_json: bool) -> None:
    """Print the best trial."""
    plain = {
        "run": ran.folder.name,
        "parameters": ran.best,
        "score": ran.score,
        "trials": ran.trials,
        "failed": ran.failed,
        "seconds": ran.seconds,
    }
    if as_json:
        running.tell(json.dumps(plain))
        return
    failed = f", {ran.failed} failed" if ran.failed else ""
    running.tell(f"\nbest of {ran.trials} trials{failed}: {ran.score:g} with")
    for name, value in ran.best.items():
        running.tell(f"  {name}: {value}")
    running.tell(f"trials: {ran.folder.path / 'trials'}")


def _tell(tuned: Tuned, options: HpoConfig, as_json: bool) -> None:
    """Print what was found, where it is, and what to type next."""
    if as_json:
        running.tell(json.dumps(_plain(tuned)))
        return
    failed = f", {tuned.failed} failed" if tuned.failed else ""
    running.tell(
        f"\nbest of {tuned.trials} trials{failed}: validation accuracy {tuned.score:.2%} with"
    )
    for name, value in tuned.parameters.items():
        running.tell(f"  {name}: {value}")
    running.tell(f"checkpoint: {tuned.checkpoint}")
    out = running.out_flag(options.out)
    running.tell(f"next:       nasbench retrain {shlex.quote(str(tuned.checkpoint))}{out}")


def _plain(tuned: Tuned) -> dict[str, Any]:
    return {
        "run": tuned.folder.name,
        "checkpoint": str(tuned.checkpoint),
        "parameters": tuned.parameters,
        "metrics": {"val_accuracy": tuned.score},
        "trials": tuned.trials,
        "failed": tuned.failed,
        "device_seconds": tuned.seconds,
    }
