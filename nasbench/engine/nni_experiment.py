"""Runs the trial command of an NNI experiment file, unchanged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasbench import catalog, known_code
from nasbench.budget import Budget
from nasbench.config import HpoConfig, TrainingConfig
from nasbench.engine import hyperparameters, scheduler
from nasbench.engine.problem import load_task
from nasbench.engine.scheduler import Trial
from nasbench.engine.session import session
from nasbench.engine.tuning import TunerTrials
from nasbench.errors import UserError
from nasbench.executors import Finished
from nasbench.hpo.assessors.base import Assessor
from nasbench.hpo.nni_experiment.algorithms import Direction, default_mode
from nasbench.hpo.nni_experiment.command import TrialCommand
from nasbench.hpo.nni_experiment.experiment import Experiment, read
from nasbench.hpo.space import ParameterSpace, Params
from nasbench.hpo.tuners.base import Tuner
from nasbench.hpo.tuners.nni import CHECKPOINTS
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.journal import table
from nasbench.store.runs import BEST, TRIALS, RunFolder
from nasbench.tasks import sources
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
        direction: ``maximize`` or ``minimize``.
        command: the command of a trial.
        seconds: wall time of all trials; concurrent trials share it.
    """

    folder: RunFolder
    best: Params
    score: float
    trials: int
    failed: int
    direction: str
    command: str
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
        "tuner": experiment.tuner.ours,
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
    direction = _direction(experiment, resumed)
    maximize = direction.mode == "maximize"
    if experiment.tuner.seed is not None:  # the record's, and that of whoever repeats it
        config = replace(config, seed=experiment.tuner.seed)
    tuner, assessor = _tuner(experiment, config, maximize), _assessor(experiment, maximize)
    with session("hpo", config.tuner, experiment.name, config, stop, resumed) as running:
        if running.leads and running.folder.info.get("optimize_mode") != direction.mode:
            limits = {"trials": experiment.max_trials, "seconds": experiment.max_seconds}
            asked = {"command": experiment.command, "limits": limits}
            running.folder.update(optimize_mode=direction.mode, experiment=asked)
        say(f"{experiment.source}: final results are {direction.mode}d: {direction.reason}")
        for field in experiment.ignored:
            say(f"{experiment.source}: {field} has no effect here and is ignored")
        folder = running.folder.path.resolve()
        command = TrialCommand(
            command=experiment.command,
            code_dir=str(experiment.code_dir),
            folder=str(folder / TRIALS),
            gpus=experiment.gpus,
            timeout=config.trial_timeout,
            watched=assessor is not None,
            experiment=running.folder.name,
        )
        trials = CommandTrials(config.concurrency, _checkpoints(experiment, running.folder))
        source = TunerTrials(tuner, assessor, trials, running, say)
        total = _run_trials(experiment, config, command, source)
        best, score = (max if maximize else min)(source.results, key=lambda trial: trial[1])
        ran = Ran(
            folder=running.folder,
            best=best,
            score=score,
            trials=len(source.results),
            failed=total.failed,
            direction=direction.mode,
            command=experiment.command,
            seconds=total.seconds,
        )
        cost = {"device_seconds": ran.seconds, "evaluations": ran.trials}
        if running.leads:
            scheduler.write_best(running, ran.best, ran.score, {"score": ran.score})
        running.folder.update(cost=cost, parameters=ran.best, metrics={"score": ran.score})
        return ran


def network_of(parameters: Params) -> str | None:
    """Return the built-in network that parameters name, ``None`` if they name none."""
    name = hyperparameters.flat(parameters).get(hyperparameters.MODEL)
    return name if isinstance(name, str) and name in catalog.BASELINES else None


def is_experiment(path: Path) -> bool:
    """Return whether a run folder is of an experiment, whose trials are commands."""
    if (path / "checkpoint.json").exists() or not (path / "run.json").is_file():
        return False
    return "optimize_mode" in RunFolder(path).info


def checkpoint_of(
    run: RunFolder, space: str | None, task: str | None, data: dict[str, Any]
) -> Checkpoint:
    """Return the network and the training of the best trial, if nasbench has that network.

    Args:
        run: an experiment.
        space: the network, if the parameters do not name it.
        task: the task to train on.
        data: options that say how it is read.

    Raises:
        UserError: the network or the task is not named, a parameter is of neither, or no trial
            has a result.
    """
    best = {k: v for k, v in table(run.info.get("parameters")).items() if k not in CHECKPOINTS}
    if run.info.get("parameters") is None:
        raise UserError(f"{run.path}: the experiment has no result yet: it is {run.status}")
    name = space or network_of(best)
    if name is None:
        raise UserError(
            f"{run.path}: its trials are a command of your own: run that with the parameters of "
            f"{run.path / BEST}, or name its network if it is one of ours: --space BASELINE"
        )
    if task is None:
        raise UserError(f"{run.path}: an experiment does not say its task: give --task")
    flat = {k: v for k, v in hyperparameters.flat(best).items() if k != hyperparameters.MODEL}
    content = {k: {"_type": "choice", "_value": [v]} for k, v in flat.items()}
    if content:
        hyperparameters.check(content, name)
    found = hyperparameters.read(flat, name)
    own = catalog.fingerprint(name)
    seed, config = run.info.get("seed"), table(run.info.get("config"))
    return Checkpoint(
        space={"name": name, "arguments": found.arguments} | ({"sha256": own} if own else {}),
        arch={},
        data=load_task(TrainingConfig.from_layers(data), task).spec.to_json(),
        strategy={"name": str(config.get("tuner")), "options": {}},
        task=sources.located(task),
        seed=seed if type(seed) is int else 0,
        search=_compared(run),
        cost=table(run.info.get("cost")),
        kind="hpo",
        training=found.training,
        hyperparameters={**found.training, **found.arguments},
        run=run.name,
    )


def _compared(run: RunFolder) -> dict[str, Any]:
    """Return what two experiments must have alike to be repetitions of each other."""
    try:
        options = HpoConfig.from_layers(table(run.info.get("config"))).compared()
    except UserError:  # of another version
        options = {}
    return {**options, "experiment": table(run.info.get("experiment"))}


def _direction(experiment: Experiment, resumed: RunFolder | None) -> Direction:
    """Return the direction: a run keeps the one that it began with."""
    if resumed is None or not resumed.journal.events():
        return experiment.direction
    mode = resumed.info.get("optimize_mode")
    if mode not in ("minimize", "maximize"):  # a run of a version before it was written down
        tuner, assessor = experiment.tuner, experiment.assessor
        of_assessor = assessor.arguments.get("optimize_mode") if assessor else None
        of_tuner = tuner.arguments.get("optimize_mode", default_mode(tuner.name))
        mode = of_tuner or of_assessor or "maximize"
    return Direction(mode, "as when the run began")


def _checkpoints(experiment: Experiment, folder: RunFolder) -> Path | None:
    """Return the folder of PBT's checkpoints, its own for each run."""
    if experiment.tuner.ours != "pbt":
        return None
    if experiment.tuner.checkpoint_dir is None:
        return folder.path.resolve() / "checkpoints"
    return experiment.source.parent / experiment.tuner.checkpoint_dir / folder.name


def _run_trials(
    experiment: Experiment, config: HpoConfig, command: TrialCommand, source: TunerTrials
) -> scheduler.TotalCost:
    """Run the trials and return their cost.

    Raises:
        UserError: every trial failed.
    """
    total = source.replay()
    with scheduler.open_trial_executor(
        config,
        source.running,
        "nasbench.hpo.nni_experiment.command:setup",
        command,
        source.keeps,
        None,
    ) as executor:
        scheduler.run_trials(source, executor, _Limits(experiment), total, source.running)
    if not source.results:
        raise scheduler.no_result()
    return total


@dataclass(frozen=True)
class CommandTrials:
    """Trials that run the experiment's command.

    Attributes:
        concurrency: number of concurrent trials, which share the time of the experiment.
        checkpoints: the folder below which PBT's trials keep their checkpoints, each in a folder
            of its number; ``None`` for other tuners.
    """

    concurrency: int
    checkpoints: Path | None = None

    @property
    def share(self) -> float:
        """The share of a trial in the time of the experiment."""
        return 1 / self.concurrency

    def trial(self, number: int, parameters: Params, parent: int | None) -> Trial:
        """Return a trial; ``parent`` is the trial whose checkpoint PBT lets it start from."""
        if self.checkpoints is not None:  # without a parent both are the same, as in NNI
            start = number if parent is None else parent
            folders = (str(self.checkpoints / str(one)) for one in (start, number))
            parameters = {**parameters, **dict(zip(CHECKPOINTS, folders, strict=True))}
        return Trial(number, {"number": number, "parameters": parameters}, 1)

    def result(self, finished: Finished) -> dict[str, Any]:
        """Return the journal's fields of a finished trial."""
        outcome = finished.value
        note = {}
        if count := outcome["passed_over"]:
            note["note"] = f"{count} intermediate results are no numbers and are passed over, "
            note["note"] += f"the first is {outcome['example']}"
        return {
            "score": outcome["final"],
            "seconds": finished.seconds * self.share,
            "epochs": len(outcome["intermediate"]),
            "reports": outcome["intermediate"],
            "stopped": outcome["stopped"],
            **note,
        }


def _tuner(experiment: Experiment, config: HpoConfig, maximize: bool) -> Tuner:
    asked = experiment.tuner
    kind = catalog.resolve("tuner", asked.ours)
    space = ParameterSpace.of(experiment.search_space)
    tuner: Tuner = kind(space, kind.Options(**asked.options), config.seed, maximize)
    return tuner


def _assessor(experiment: Experiment, maximize: bool) -> Assessor | None:
    asked = experiment.assessor
    if asked is None:
        return None
    kind = catalog.resolve("assessor", asked.ours)
    assessor: Assessor = kind(kind.Options(**asked.options), maximize, asked.epochs)
    return assessor


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
