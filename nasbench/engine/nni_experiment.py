"""Runs the trial command of an NNI experiment file, unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench import arguments, catalog, known_code
from nasbench.budget import Budget
from nasbench.config import HpoConfig
from nasbench.engine import scheduler
from nasbench.engine.scheduler import Trial
from nasbench.engine.session import Session, session
from nasbench.engine.tuning import TunerTrials
from nasbench.errors import UserError, unknown
from nasbench.executors import Finished
from nasbench.hpo import names
from nasbench.hpo.nni_experiment.command import TrialCommand
from nasbench.hpo.nni_experiment.experiment import Experiment, read
from nasbench.hpo.space import ParameterSpace, Params
from nasbench.store.runs import RunFolder
from nasbench.training.stopping import StopSignal


@dataclass(frozen=True)
class Ran:
    """A finished experiment.

    Attributes:
        folder: the run folder.
        best: parameters of the best trial.
        score: its final result.
        trials: number of trials with a result.
        failed: number of failed trials.
        seconds: wall time of all trials; concurrent trials share it.
    """

    folder: RunFolder
    best: Params
    score: float
    trials: int
    failed: int
    seconds: float


def configure(path: Path, given: dict[str, Any]) -> tuple[Experiment, HpoConfig]:
    """Return the experiment and the options of its run: the file's, then the user's.

    Args:
        path: the experiment file.
        given: options by name, out of ``OPTIONS``.

    Raises:
        UserError: the file cannot be used, or an option does not apply to it.
    """
    experiment = read(path)
    known_code.remember(f"{path}:trial")
    for name in given:
        if name not in OPTIONS:
            allowed = ", ".join(OPTIONS)
            raise UserError(
                f"--config {path}: {name!r} is the trial command's: allowed: {allowed}"
            )
    own = {
        "tuner": names.tuner(experiment.tuner.name, experiment.tuner.arguments).name,
        "concurrency": experiment.concurrency,
        "trial_timeout": experiment.trial_seconds,
        "gpus_per_trial": float(experiment.gpus or 0),
        "engine": "local",
    }
    config = HpoConfig.from_layers(own, given, {"model": str(path)})
    config = replace(config, task=experiment.name, space_content=experiment.search_space)
    return with_flags(experiment, config), config


# Options that a user may give with an experiment file.
OPTIONS = (
    "budget",
    "concurrency",
    "trial_timeout",
    "gpus_per_trial",
    "engine",
    "address",
    "seed",
    "out",
)


def run_experiment(
    experiment: Experiment,
    config: HpoConfig,
    say: Callable[[str], None],
    stop: StopSignal,
    resumed: RunFolder | None = None,
) -> Ran:
    """Run the experiment's trials, on this machine or on a Ray cluster.

    Args:
        experiment: the experiment file.
        config: the options of the run.
        say: receives one line per trial and per ignored field.
        stop: set by Ctrl-C and SIGTERM.
        resumed: the folder of the run to continue; ``None`` for a new run.

    Raises:
        Stopped: a signal asked to stop; the run can be resumed.
        UserError: the experiment cannot run here, or every trial failed.
    """
    with session("hpo", config.tuner, experiment.name, config, stop, resumed) as running:
        for field in experiment.ignored:
            say(f"{experiment.source}: {field} has no effect here and is ignored")
        folder = running.folder.path.resolve()
        command = TrialCommand(
            command=experiment.command,
            code_dir=str(experiment.code_dir),
            folder=str(folder / "trials"),
            gpus=experiment.gpus,
            timeout=config.trial_timeout,
            experiment=running.folder.name,
        )
        ran = _run_trials(experiment, config, command, running, say)
        cost = {"device_seconds": ran.seconds, "evaluations": ran.trials}
        running.folder.update(cost=cost, parameters=ran.best, metrics={"score": ran.score})
        return ran


def _run_trials(
    experiment: Experiment,
    config: HpoConfig,
    command: TrialCommand,
    running: Session,
    say: Callable[[str], None],
) -> Ran:
    """Run the trials and return the best one."""
    source = TunerTrials(
        _tuner(experiment, config),
        _assessor(experiment),
        CommandTrials(config.concurrency),
        running,
        say,
    )
    total = source.replay()
    with scheduler.open_trial_executor(
        config,
        running,
        "nasbench.hpo.nni_experiment.command:setup",
        command,
        source.keeps,
        None,
    ) as executor:
        scheduler.run_trials(source, executor, _Limits(experiment), total, running)
    better = max if experiment.optimize_mode == "maximize" else min
    if not source.results:
        raise scheduler.no_result()
    best, score = better(source.results, key=lambda trial: trial[1])
    return Ran(running.folder, best, score, len(source.results), total.failed, total.seconds)


@dataclass(frozen=True)
class CommandTrials:
    """Trials that run the experiment's command.

    Attributes:
        concurrency: number of concurrent trials, which share the time of the experiment.
    """

    concurrency: int

    @property
    def share(self) -> float:
        """The share of a trial in the time of the experiment."""
        return 1 / self.concurrency

    def trial(self, number: int, parameters: Params, parent: int | None) -> Trial:
        """Return a trial; a command has no weights to start from."""
        return Trial(number, {"number": number, "parameters": parameters}, 1)

    def result(self, finished: Finished) -> dict[str, Any]:
        """Return the journal's fields of a finished trial."""
        outcome = finished.value
        return {
            "score": outcome["final"],
            "seconds": finished.seconds * self.share,
            "epochs": len(outcome["intermediate"]),
            "reports": outcome["intermediate"],
            "stopped": outcome["stopped"],
        }


def _tuner(experiment: Experiment, config: HpoConfig) -> Any:
    asked = names.tuner(experiment.tuner.name, experiment.tuner.arguments)
    kind = catalog.resolve("tuner", asked.name)
    seed = config.seed if asked.seed is None else asked.seed
    maximize = experiment.optimize_mode == "maximize"
    space = ParameterSpace.of(experiment.search_space)
    return kind(space, _options(kind, asked, experiment), seed, maximize)


def _assessor(experiment: Experiment) -> Any:
    if experiment.assessor is None:
        return None
    asked = names.assessor(experiment.assessor.name, experiment.assessor.arguments)
    kind = catalog.resolve("assessor", asked.name)
    maximize = experiment.optimize_mode == "maximize"
    return kind(_options(kind, asked, experiment), maximize, asked.epochs)


def _options(kind: Any, asked: names.Named, experiment: Experiment) -> Any:
    """Return the algorithm's options from its ``classArgs``."""
    known = arguments.of_dataclass(kind.Options)
    for name in asked.options:
        if name not in known:
            raise unknown(f"{experiment.source}: classArgs of {asked.name}", name, known)
    return kind.Options(**asked.options)


@dataclass(frozen=True)
class _Limits:
    """The file's limits on trials and seconds; the first one reached ends the experiment."""

    experiment: Experiment

    def spent(self, trials: int, epochs: int, seconds: float) -> bool:
        """Return whether no further trial may begin."""
        most, longest = self.experiment.max_trials, self.experiment.max_seconds
        return (most is not None and trials >= most) or (
            longest is not None and seconds >= longest
        )


def with_flags(experiment: Experiment, config: HpoConfig) -> Experiment:
    """Return the experiment with the user's options in place of the file's."""
    experiment = replace(experiment, concurrency=config.concurrency)
    if config.budget is None:
        return experiment
    budget = Budget.parse(config.budget)
    if budget.unit == "epochs":
        raise UserError(f"--budget {config.budget}: an experiment counts trials or seconds")
    return replace(
        experiment,
        max_trials=int(budget.amount) if budget.unit == "trials" else None,
        max_seconds=budget.amount if budget.unit == "seconds" else None,
    )
