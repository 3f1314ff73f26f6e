"""``nasbench hpo``."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench import arguments
from nasbench.cli import running
from nasbench.cli.options import AsJson, Assignments, ConfigFile, Resume, Seeds, with_options
from nasbench.cli.output import note, tell
from nasbench.config import HpoConfig
from nasbench.engine.presets import RETRAIN_OPTIONS
from nasbench.measures import Measure, of_run
from nasbench.report.trials import best, lines

if TYPE_CHECKING:
    from nasbench.engine.hpo import Tuned
    from nasbench.engine.nni_experiment import Ran

Model = Annotated[
    str | None,
    typer.Argument(
        help="A baseline's name, a space's name (its choices are tuned as well), file.py:Class, "
        "or a search: its folder, its name or a unique part of it, 'last', or its "
        "checkpoint.json."
    ),
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
    from nasbench.api import progress, tuning
    from nasbench.api.runs import Surroundings, layers
    from nasbench.engine.nni_experiment import Ran
    from nasbench.training.stopping import StopSignal

    def ended(found: Tuned | Ran) -> None:
        if isinstance(found, Ran):
            _print_experiment(found, as_json)
        else:
            _print_tuned(found, as_json)

    with running.stoppable("hpo"), progress.shown(quiet=as_json) as callback:
        around = Surroundings(callback, StopSignal(), note)
        extra: dict[str, Any] = {"MODEL": model, "-o": o, "--seeds": seeds > 1}
        tuning.with_trials(given, trials)
        if resume is not None:
            extra |= {"--config": config}
            ended(tuning.resumed(resume, given, extra, around))
            return
        if config is not None and tuning.is_experiment(config):
            ended(tuning.experiment(config, given, extra, around))
            return
        named, assigned = layers(given, config, arguments.parse(o or []))
        named["model"] = model or named.get("model")
        tuning.tunings(named, assigned, seeds, around, ended, config)


def _print_experiment(ran: Ran, as_json: bool) -> None:
    from nasbench.store.runs import BEST

    if as_json:
        plain = {
            "run": ran.folder.name,
            "parameters": ran.best,
            "best": str(ran.folder.path / BEST),
            "score": ran.score,
            "optimize_mode": ran.direction,
            "trials": ran.trials,
            "failed": ran.failed,
            "seconds": ran.seconds,
        }
        tell(json.dumps(plain))
        return
    _print_best(f"{ran.score:g} ({ran.direction})", ran.best, ran.trials, ran.failed)
    ordered = best(ran.folder.journal.events("trial"), ran.direction == "maximize")
    _print_trials(ordered, None)
    tell(f"best:   {ran.folder.path / BEST}", f"trials: {ran.folder.path / 'trials'}")
    tell(f"next:   {_after_experiment(ran)}")


def _after_experiment(ran: Ran) -> str:
    """Return what to do with the result of an experiment whose trials are commands."""
    from nasbench.engine.nni_experiment import network_of
    from nasbench.store.runs import BEST

    out = running.out_flag(ran.folder.path.parent.parent)
    retrain = f"nasbench retrain {shlex.quote(str(ran.folder.path))} --task TASK"
    if network_of(ran.best) is not None:
        return retrain + out
    return (
        f"train with the parameters of {BEST} yourself, as `{ran.command}` does; if its network "
        f"is one of ours: {retrain} --space BASELINE{out}"
    )


def _print_tuned(tuned: Tuned, as_json: bool) -> None:
    if as_json:
        plain = {
            "run": tuned.folder.name,
            "checkpoint": str(tuned.checkpoint),
            "best": str(tuned.best),
            "parameters": tuned.parameters,
            "metrics": tuned.metrics,
            "trials": tuned.trials,
            "failed": tuned.failed,
            "device_seconds": tuned.seconds,
        }
        tell(json.dumps(plain))
        return
    from nasbench.api.progress import words

    score = words(tuned.metrics).replace("val ", "validation ", 1)
    _print_best(score, tuned.parameters, tuned.trials, tuned.failed)
    _print_trials(best(tuned.folder.journal.events("trial")), of_run(tuned.folder.info))
    tell(f"best:       {tuned.best}")
    tell(f"checkpoint: {tuned.checkpoint}")
    out = running.out_flag(tuned.folder.path.parent.parent)
    tell(f"next:       nasbench retrain {shlex.quote(str(tuned.checkpoint))}{out}")
    again = f"nasbench hpo --resume {shlex.quote(str(tuned.folder.path))}"
    tell(f"more:       {again} --trials {2 * (tuned.trials + tuned.failed)}")


def _print_trials(ordered: list[dict[str, Any]], measure: Measure | None) -> None:
    """Print a short table of the best trials, as wide as the terminal."""
    terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if terminal else None
    tell("", *lines(ordered, measure, width), "")


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
