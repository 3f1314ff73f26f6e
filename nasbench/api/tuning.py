"""``nasbench.hpo``: a tuning of hyperparameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.api.arguments import all_names, divided, opened_words
from nasbench.api.calling import as_written, calling, spelled
from nasbench.api.results import Run, Several, Tuned, of
from nasbench.api.runs import Surroundings, each_seed, layers, to_resume
from nasbench.api.search import checked_seeds
from nasbench.config import HpoConfig, read_yaml
from nasbench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nasbench.engine.hpo import Tuned as Ended
    from nasbench.engine.nni_experiment import Ran

# Each NNI experiment file has at least one of these fields; our options have none of them.
OF_EXPERIMENTS = (
    "trial",
    "trialCommand",
    "trialConcurrency",
    "searchSpacePath",
    "searchSpaceFile",
)


def hpo(
    model: Any = None,
    *,
    task: Any = None,
    tuner: str | type | None = None,
    assessor: str | type | None = None,
    search_space: Mapping[str, Any] | str | Path | None = None,
    trials: int | None = None,
    seeds: int | None = None,
    resume: str | Path | None = None,
    config: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    code: str | Sequence[str] | None = None,
    quiet: bool = False,
    **more: Any,
) -> Any:
    """Tune the hyperparameters of a network, as ``nasbench hpo`` does.

    Args:
        model: a name of ``nb.list("baselines")``, ``file.py:Class``, a class, a checkpoint, or
            the result of a search.
        task: what :func:`nasbench.task` returned, or what it takes; ``"digits"`` by default.
        tuner: a name of ``nb.list("tuners")``, ``file.py:Class``, or a class.
        assessor: a name of ``nb.list("assessors")``, ``file.py:Class``, or a class.
        search_space: a search space in NNI's format: a file, or its content.
        trials: the number of trials; the same as ``budget=trials``.
        seeds: the number of seeds to run, from ``seed`` on; the result is then a list.
        resume: a stopped run to continue: its folder, its name or a unique part of it; with a
            larger ``budget`` also one that is done.
        config: a YAML file of options, or an NNI experiment file; arguments win over it.
        options: options of the tuner or assessor or arguments of the model whose names are
            options of the tuning as well.
        code: code that a file names and that may run, ``file.py:Name``.
        quiet: whether nothing is printed.
        **more: every other option of the command, and the options of tuner and assessor.

    Returns:
        A :class:`~nasbench.api.results.Tuned`; with ``seeds`` a list of them.

    Raises:
        UserError: an argument is unknown, of the wrong type or out of range.
        Interrupted: the tuning was interrupted, and its state is saved.

    Example:
        >>> tuned = nb.hpo("small-cnn", task="digits", trials=10)
        >>> tuned.parameters
    """
    done: list[Run] = []
    model = str(model.folder) if isinstance(model, Run) else model
    content = search_space if isinstance(search_space, Mapping) else None
    given = {
        "model": model,
        "task": task,
        "tuner": tuner,
        "assessor": assessor,
        "search_space": None if content is not None else search_space,
        **more,
    }
    with spelled("hpo"):
        named, assigned = divided(HpoConfig, given, options)
    text = as_written("hpo", trials=trials, seeds=seeds, resume=resume, **named, **assigned)
    if content is not None:
        named["space_content"] = dict(content)
    words = opened_words({**named, **assigned, "config": config}, code)
    with calling("hpo", quiet, words, text, done) as around:
        extra = {"model": named.pop("model", None), "options": assigned, "seeds": seeds}
        with_trials(named, trials)
        if resume is not None:
            extra |= {"config": config}
            return of(resumed(str(resume), named, extra, around).folder.path)
        file = None if config is None else Path(config)
        if file is not None and is_experiment(file):
            return of(experiment(file, named, extra, around).folder.path)
        named, assigned = layers(named, file, assigned)
        named["model"] = extra["model"] or named.get("model")

        def ended(tuned: Ended) -> None:
            done.append(Tuned(tuned.folder.path))

        with all_names(HpoConfig, assigned):
            tunings(named, assigned, seeds, around, ended, file)
    return done[0] if seeds is None else Several(done)


def with_trials(named: dict[str, Any], trials: int | None) -> None:
    """Set the budget to a number of trials.

    Raises:
        UserError: both were given.
    """
    if trials is not None and named.get("budget") is not None:
        raise UserError(f"--trials {trials} and --budget {named['budget']}: give one of them")
    if trials is not None:
        named["budget"] = str(trials)


def is_experiment(path: Path) -> bool:
    """Return whether a YAML file is an NNI experiment, not a file of options."""
    if path.suffix not in (".yml", ".yaml") or not path.is_file():
        return False
    known = {name.lower() for name in OF_EXPERIMENTS}  # NNI takes trial_command, too
    return any(str(name).replace("_", "").lower() in known for name in read_yaml(path))


def experiment(
    file: Path, given: Mapping[str, Any], more: Mapping[str, Any], around: Surroundings
) -> Ran:
    """Run an NNI experiment file.

    Args:
        file: the YAML file.
        given: the options that the user gave, ``None`` for those that were not given.
        more: further arguments, by their spelling, of which an experiment takes none.
        around: who runs it.

    Raises:
        UserError: the file cannot be run, or an argument is of no use to it.
    """
    from nasbench.engine.nni_experiment import configure, run_experiment

    if wrong := next((name for name, value in more.items() if value), None):
        raise UserError(f"{wrong}: leave it out: the experiment file determines it")
    flags = {name: value for name, value in given.items() if value is not None}
    found, options = configure(file, flags)
    return run_experiment(found, options, around.callback.phase, around.stop)


def tunings(
    named: dict[str, Any],
    assigned: dict[str, Any],
    seeds: int | None,
    around: Surroundings,
    ended: Callable[[Ended], None],
    file: Path | None = None,
) -> None:
    """Tune with consecutive seeds.

    Args:
        named: options by name, the model among them.
        assigned: options of tuner and assessor and arguments of the model.
        seeds: their number; ``None`` for one.
        around: who runs it.
        ended: receives each result as it comes.
        file: the file of options, for an error.

    Raises:
        UserError: an option is unknown, of the wrong type or out of range.
        Stopped: a signal asked to stop.
    """
    from nasbench.engine import concurrency
    from nasbench.engine.hpo import configure, run_hpo

    if named.get("model") is None:
        why = "" if file is None else f"--config {file} names none and is no experiment: "
        raise UserError(f"which MODEL? {why}see: nasbench list baselines")
    tuning = concurrency.of_trials(configure(named, assigned))

    def run(seed: int) -> None:
        job = tuning.with_seed(seed)
        ended(run_hpo(job, around.callback, around.stop, None, around.command))

    each_seed(around, tuning.config.seed, checked_seeds(seeds), run)


def resumed(
    run: str, given: Mapping[str, Any], more: Mapping[str, Any], around: Surroundings
) -> Ended | Ran:
    """Continue a stopped tuning or experiment; see :func:`nasbench.api.runs.to_resume`."""
    from nasbench.engine import concurrency
    from nasbench.engine.hpo import Tuning, run_hpo
    from nasbench.engine.nni_experiment import run_experiment, with_flags
    from nasbench.hpo.nni_experiment.experiment import read

    folder, options = to_resume("hpo", HpoConfig, run, given, more)
    if is_experiment(Path(options.model)):
        found = with_flags(read(Path(options.model)), options)
        return run_experiment(found, options, around.callback.phase, around.stop, folder)
    job = concurrency.of_trials(Tuning.of(options))
    return run_hpo(job, around.callback, around.stop, folder, around.command)
