"""``nasbench.retrain``: trains a found network and tests it once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.api.arguments import all_names, divided, opened_words
from nasbench.api.calling import as_written, calling, spelled
from nasbench.api.results import Run, Several, of
from nasbench.api.runs import Surroundings, each_seed, layers, to_resume
from nasbench.api.search import checked_seeds
from nasbench.config import RetrainConfig, TrialsConfig
from nasbench.errors import UserError

if TYPE_CHECKING:
    from retrain.folds import CrossValidated
    from retrain.parallel import Done
    from retrain.train import Retrained, Retraining


SOURCES = ("search", "hpo", "specialize")
"""Verbs of the runs whose ``checkpoint.json`` is retrained."""


def retrain(
    checkpoint: Any = None,
    *,
    task: Any = None,
    space: str | type | None = None,
    seeds: int | None = None,
    resume: str | Path | None = None,
    config: str | Path | None = None,
    format: str | None = None,
    rendition: str | None = None,
    engine: str | None = None,
    concurrency: int = 1,
    gpus_per_trial: float = 0.0,
    address: str | None = None,
    options: Mapping[str, Any] | None = None,
    code: str | Sequence[str] | None = None,
    quiet: bool = False,
    **more: Any,
) -> Any:
    """Rebuild the network of a checkpoint, train it, and test it once, as ``nasbench retrain``.

    Args:
        checkpoint: the result of a search or a tuning, its folder, its name or a unique part of
            it, a ``checkpoint.json``, a file of another format, ``zoo:NAME``, the text of an
            architecture, or ``"last"``: the latest search or tuning.
        task: a task with data of the same shape; the checkpoint's by default.
        space: the space of a foreign file, or your own space: ``file.py:Class`` or a class.
        seeds: the number of seeds to train with, from ``seed`` on; the result is then a list.
        resume: a stopped run to continue: its folder, its name or a unique part of it.
        config: a YAML file of options; arguments win over it.
        format: format of the file, if several fit (``--from``).
        rendition: how DARTS cells are built: ``darts`` or ``nni``.
        engine: where seeds run side by side: ``local`` or ``ray``.
        concurrency: the number of seeds that run at once.
        gpus_per_trial: GPUs of each seed.
        address: the Ray cluster.
        options: arguments of the space whose names are options of the retraining as well.
        code: code that a file names and that may run, ``file.py:Name``.
        quiet: whether nothing is printed.
        **more: every other option of the command, and the arguments of the space; ``weights``
            may be the result of a retraining.

    Returns:
        A :class:`~nasbench.api.results.Trained`, or a
        :class:`~nasbench.api.results.CrossValidated` with ``folds``; with ``seeds`` a list.

    Raises:
        UserError: an argument is unknown, of the wrong type or out of range.
        Interrupted: the training was interrupted, and its state is saved.

    Example:
        >>> trained = nb.retrain("zoo:DARTS_V2", task="digits", epochs=1)
        >>> trained.metrics["accuracy"], trained.network()
    """
    done: list[Run] = []
    if isinstance(start := more.get("weights"), Run):
        more["weights"] = start.folder
    given = {"task": task, "space": space, **more}
    with spelled("retrain"):
        named, assigned = divided(RetrainConfig, given, options)
    source = str(checkpoint.folder) if isinstance(checkpoint, Run) else checkpoint
    text = as_written("retrain", source, seeds=seeds, resume=resume, **named, **assigned)
    words = opened_words({**named, **assigned, "checkpoint": source}, code)
    with calling("retrain", quiet, words, text, done) as around:
        if resume is not None:
            extra = {"checkpoint": source, "config": config, "options": assigned, "seeds": seeds}
            extra |= {"engine": engine, "concurrency": concurrency > 1}
            return of(resumed(str(resume), named, extra, around)[0].folder.path)
        with all_names(RetrainConfig, assigned):
            found = None if source is None else str(source)
            file = None if config is None else Path(config)
            named, assigned = layers(named, file, assigned)
            job = configured(found, named, assigned, form=format, rendition=rendition)
        where = TrialsConfig.from_layers(
            {
                "engine": engine,
                "concurrency": concurrency,
                "gpus_per_trial": gpus_per_trial,
                "address": address,
            }
        )

        def ended(one: Any) -> None:
            if one.folder is not None:
                done.append(of(one.folder.path))

        retrainings(job, seeds, where, around, ended)
    return done[0] if seeds is None else Several(done)


def configured(
    checkpoint: str | None,
    named: Mapping[str, Any],
    assigned: Mapping[str, Any],
    form: str | None = None,
    rendition: str | None = None,
) -> Retraining:
    """Return the retraining of what a user named.

    Args:
        checkpoint: see :func:`nasbench.engine.checkpoints.open_checkpoint`; ``last`` is the
            latest search or tuning.
        named: options by name.
        assigned: arguments of the space.
        form: the format of the file.
        rendition: how DARTS cells are built.

    Raises:
        UserError: the checkpoint cannot be opened, or an option is invalid.
    """
    from nasbench.engine.checkpoints import open_checkpoint
    from nasbench.store.runs import located
    from retrain.train import configure

    if checkpoint is None:
        raise UserError("no CHECKPOINT given: nasbench search writes one")
    over = dict(assigned) if rendition is None else {**assigned, "rendition": rendition}
    data_dir = named.get("data_dir")
    folder = Path(data_dir) if isinstance(data_dir, str) else data_dir
    results = Path(named.get("out") or "results")
    source = checkpoint if form is not None else located(checkpoint, results, SOURCES)
    found = open_checkpoint(source, form, named.get("task"), named.get("space"), folder, named)
    return configure(found, dict(named), over)


def retrainings(
    job: Retraining,
    seeds: int | None,
    where: TrialsConfig,
    around: Surroundings,
    ended: Callable[[Any], None],
) -> None:
    """Retrain with consecutive seeds, one after the other or several at once.

    Args:
        job: the network and how it is trained.
        seeds: their number; ``None`` for one.
        where: engine and concurrency.
        around: who runs it.
        ended: receives each result as it comes.

    Raises:
        UserError: the options do not fit together, or a seed failed.
        Stopped: a signal asked to stop.
    """
    from nasbench.engine import processes
    from retrain.folds import ranks_of, run

    count, options = checked_seeds(seeds), job.config
    if where.engine is not None or where.concurrency > 1:
        if options.folds is not None:
            raise UserError(
                f"--folds {options.folds}: folds are trained one after the other: "
                "leave out --engine and --concurrency"
            )
        if options.processes not in ("auto", "1"):
            raise UserError(
                f"--processes {options.processes}: is for one retraining at a time: leave out "
                "--engine and --concurrency"
            )
        job = replace(job, config=replace(options, processes="1"))
        _at_once(job, count, where, around, ended)
        return
    if where.gpus_per_trial:
        raise UserError(f"--gpus-per-trial {where.gpus_per_trial:g} needs --engine local or ray")

    job = replace(job, config=processes.of_retraining(options, job.open))
    with ranks_of(job) as ranks:

        def train(seed: int) -> None:
            one = job.with_seed(seed)
            with ranks.together((seed, None)):
                done = run(one, around.callback, around.stop, None, around.command)
            ended(done)

        each_seed(around, options.seed, count, train)


def _at_once(
    job: Retraining,
    seeds: int,
    where: TrialsConfig,
    around: Surroundings,
    ended: Callable[[Done], None],
) -> None:
    """Retrain several seeds at once and report each as it ends."""
    from nasbench.training.stopping import Stopped
    from retrain.parallel import run_seeds

    def report(done: Done) -> None:
        if done.error is not None:
            around.note(f"seed {done.seed} failed: {done.error}")
        ended(done)

    every = range(job.config.seed, job.config.seed + seeds)
    try:
        finished = run_seeds(job, every, where, around.stop, report)
    except Stopped as stopped:
        around.note(f"{stopped}; the other seeds can be resumed from their run folders")
        raise
    failed = [str(done.seed) for done in finished if done.error is not None]
    if failed:
        raise UserError(f"no record for seed {', '.join(failed)}")


def resumed(
    run: str, given: Mapping[str, Any], more: Mapping[str, Any], around: Surroundings
) -> tuple[Retrained | CrossValidated, RetrainConfig]:
    """Continue a stopped retraining; return the result and its options."""
    from nasbench.engine import processes
    from nasbench.store.checkpoint import Checkpoint
    from retrain.folds import ranks_of
    from retrain.folds import run as train
    from retrain.train import Retraining

    folder, options = to_resume("retrain", RetrainConfig, run, given, more)
    job = Retraining.of(Checkpoint.read(folder.path), options)
    options = processes.of_retraining(options, lambda: job.open(folder))
    job = replace(job, config=options)
    with ranks_of(job) as ranks, ranks.together((options.seed, folder.path)):
        done = train(job, around.callback, around.stop, folder, around.command)
    return done, options
