"""``nasbench hpo``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli import running
from nasbench.cli.options import AsJson, Assignments, ConfigFile, Resume, Seeds, with_options
from nasbench.cli.output import tell
from nasbench.config import HpoConfig, read_yaml
from nasbench.engine.presets import RETRAIN_OPTIONS
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.engine.hpo import Tuned
    from nasbench.engine.nni_experiment import Ran

# Each NNI experiment file has at least one of these fields; our options have none of them.
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
    int | None,
    typer.Option("--trials", min=1, max=10**9, help="Number of trials; the same as --budget N."),
]


def command() -> Callable[..., None]:
    """Return the command with a flag for each option of :class:`HpoConfig`."""
    return with_options(HpoConfig, {*RETRAIN_OPTIONS, "budget", "limit_train"})(_hpo)


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
    from nasbench.engine.hpo import Tuning, configure, run_hpo
    from nasbench.engine.nni_experiment import configure as configure_experiment
    from nasbench.engine.nni_experiment import run_experiment, with_flags
    from nasbench.hpo.nni_experiment.experiment import read
    from nasbench.training.stopping import StopSignal

    stop = StopSignal()
    with running.stoppable("hpo"), progress.shown(quiet=as_json) as callback:
        extra: dict[str, Any] = {"MODEL": model, "-o": o, "--seeds": seeds > 1}
        if resume is not None:
            extra |= {"--config": config, "--trials": trials}
            folder, options = running.to_resume("hpo", HpoConfig, resume, given, extra)
            if _is_experiment(Path(options.model)):
                experiment = with_flags(read(Path(options.model)), options)
                ran = run_experiment(experiment, options, callback.phase, stop, folder)
                _print_experiment(ran, as_json)
            else:
                _print_tuned(run_hpo(Tuning.of(options), callback, stop, folder), options, as_json)
            return
        if trials is not None and given.get("budget") is not None:
            raise UserError(f"--trials {trials} and --budget {given['budget']}: give one of them")
        if trials is not None:
            given["budget"] = str(trials)
        if config is not None and _is_experiment(config):
            if wrong := next((name for name, value in extra.items() if value), None):
                raise UserError(f"{wrong}: leave it out: the experiment file determines it")
            flags = {name: value for name, value in given.items() if value is not None}
            experiment, options = configure_experiment(config, flags)
            _print_experiment(run_experiment(experiment, options, callback.phase, stop), as_json)
            return
        named, assigned = running.layers(given, config, o)
        named["model"] = model or named.get("model")
        if named["model"] is None:
            why = "" if config is None else f"--config {config} names none and is no experiment: "
            raise UserError(f"which MODEL? {why}see: nasbench list baselines")
        tuning = configure(named, assigned)

        def run(seed: int) -> None:
            tuned = run_hpo(tuning.with_seed(seed), callback, stop)
            _print_tuned(tuned, tuning.config, as_json)

        running.each_seed(stop, tuning.config.seed, seeds, run)


def _is_experiment(path: Path) -> bool:
    """Return whether a YAML file is an NNI experiment, not a file of options."""
    if path.suffix not in (".yml", ".yaml") or not path.is_file():
        return False
    known = {name.lower() for name in OF_EXPERIMENTS}  # NNI takes trial_command, too
    return any(str(name).replace("_", "").lower() in known for name in read_yaml(path))


def _print_experiment(ran: Ran, as_json: bool) -> None:
    if as_json:
        plain = {
            "run": ran.folder.name,
            "parameters": ran.best,
            "score": ran.score,
            "optimize_mode": ran.direction,
            "trials": ran.trials,
            "failed": ran.failed,
            "seconds": ran.seconds,
        }
        tell(json.dumps(plain))
        return
    _print_best(f"{ran.score:g} ({ran.direction})", ran.best, ran.trials, ran.failed)
    tell(f"trials: {ran.folder.path / 'trials'}")


def _print_tuned(tuned: Tuned, options: HpoConfig, as_json: bool) -> None:
    if as_json:
        plain = {
            "run": tuned.folder.name,
            "checkpoint": str(tuned.checkpoint),
            "parameters": tuned.parameters,
            "metrics": tuned.metrics,
            "trials": tuned.trials,
            "failed": tuned.failed,
            "device_seconds": tuned.seconds,
        }
        tell(json.dumps(plain))
        return
    from nasbench.cli.progress import words

    score = words(tuned.metrics).replace("val ", "validation ", 1)
    _print_best(score, tuned.parameters, tuned.trials, tuned.failed)
    tell(f"checkpoint: {tuned.checkpoint}")
    out = running.out_flag(options.out)
    tell(f"next:       nasbench retrain {shlex.quote(str(tuned.checkpoint))}{out}")


def _print_best(score: str, parameters: dict[str, Any], trials: int, failed: int) -> None:
    """Print the best trial.

    Args:
        score: its score in words.
        parameters: its parameters.
        trials: the number of trials with a result.
        failed: the number of trials without one.
    """
    without = f", {failed} failed" if failed else ""
    tell("", f"best of {trials} trials{without}: {score} with")
    for name, value in parameters.items():
        tell(f"  {name}: {value}")
