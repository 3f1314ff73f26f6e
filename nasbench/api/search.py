"""``nasbench.search``: a search for an architecture."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.api.arguments import all_names, divided, opened_words
from nasbench.api.calling import as_written, calling, spelled
from nasbench.api.results import Found, Several, of
from nasbench.api.runs import Surroundings, each_seed, layers, to_resume
from nasbench.config import SearchConfig, flag
from nasbench.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nasbench.engine.search import Found as Ended
    from nasbench.tabular.search import TableReport

# Options that apply to a search on a table.
WITH_TABLE = (
    "strategy",
    "table",
    "dataset",
    "budget",
    "seed",
    "data_dir",
    "concurrency",
    "device",
    "max_params",
    "max_macs",
    "max_latency",
)


def search(
    strategy: str | type | None = None,
    *,
    space: str | type | None = None,
    task: Any = None,
    seeds: int | None = None,
    resume: str | Path | None = None,
    config: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    tune: str | Path | Sequence[str] | Mapping[str, Any] | None = None,
    code: str | Sequence[str] | None = None,
    quiet: bool = False,
    **more: Any,
) -> Any:
    """Search for an architecture, as ``nasbench search`` does.

    Args:
        strategy: a name of ``nb.list("strategies")``, ``file.py:Class``, or a class.
        space: a name of ``nb.list("spaces")``, ``file.py:Class``, or a class; ``"darts"`` by
            default.
        task: what :func:`nasbench.task` returned, or what it takes; ``"digits"`` by default.
        seeds: the number of seeds to run, from ``seed`` on; the result is then a list.
        resume: a stopped run to continue: its folder, its name or a unique part of it; with a
            larger ``budget`` also a sampled one that is done.
        config: a YAML file of options; arguments win over it.
        options: options of the strategy or arguments of the space whose names are options of the
            search as well.
        tune: options of training to search beside the architecture: their names, their ranges in
            NNI's format, or a file with these.
        code: code that a file names and that may run, ``file.py:Name``.
        quiet: whether nothing is printed.
        **more: every other option of the command: ``epochs=3`` for ``--epochs 3``,
            ``order=2`` for ``-o order=2``, ``space.layers`` as ``options={"space.layers": 3}``.

    Returns:
        A :class:`~nasbench.api.results.Found`; with ``seeds`` a list of them; with ``table`` the
        report of a search on a table.

    Raises:
        UserError: an argument is unknown, of the wrong type or out of range.
        Interrupted: the search was interrupted, and its state is saved.

    Example:
        >>> found = nb.search("darts", task="digits", epochs=1)
        >>> found.arch, found.metrics
    """
    done: list[Found] = []
    given = {"strategy": strategy, "space": space, "task": task, **_tuned(tune), **more}
    with spelled("search"):
        named, assigned = divided(SearchConfig, given, options)
    text = as_written("search", seeds=seeds, resume=resume, **named, **assigned)
    words = [*opened_words({**named, **assigned}, code)]
    with calling("search", quiet, words, text, done) as around:
        if resume is not None:
            extra = {"strategy": strategy, "config": config, "options": assigned, "seeds": seeds}
            named.pop("strategy", None)
            return of(resumed(str(resume), named, extra, around).folder.path)
        file = None if config is None else Path(config)
        named, assigned = layers(named, file, assigned)
        if named.get("table") is not None:
            return on_table(named, assigned, 1 if seeds is None else seeds)

        def ended(found: Ended) -> None:
            done.append(Found(found.folder.path))

        with all_names(SearchConfig, assigned):
            searches(named, assigned, seeds, around, ended)
    return done[0] if seeds is None else Several(done)


def _tuned(tune: Any) -> dict[str, Any]:
    """Return the options that say what is tuned: its names or its file, or its ranges."""
    if isinstance(tune, Mapping):
        return {"tuned": dict(tune)}
    if isinstance(tune, Sequence) and not isinstance(tune, str):
        tune = ",".join(map(str, tune))
    return {"tune": None if tune is None else str(tune)}


def searches(
    named: dict[str, Any],
    assigned: dict[str, Any],
    seeds: int | None,
    around: Surroundings,
    ended: Callable[[Ended], None],
) -> None:
    """Search with consecutive seeds.

    Args:
        named: options by name, the strategy among them.
        assigned: options of the strategy and arguments of the space.
        seeds: their number; ``None`` for one.
        around: who runs it.
        ended: receives each result as it comes.

    Raises:
        UserError: an option is unknown, of the wrong type or out of range.
        Stopped: a signal asked to stop.
    """
    from nasbench.engine import concurrency, processes
    from nasbench.engine.search import configure, ranks_of, run_search

    if named.get("strategy") is None:
        raise UserError("which STRATEGY? see: nasbench list strategies")
    if named.get("dataset") is not None:
        raise UserError(f"--dataset {named['dataset']}: is a table's: give --table, too")
    configured = concurrency.of_trials(processes.of_search(configure(named, assigned)))
    count = checked_seeds(seeds)
    with ranks_of(configured) as ranks:

        def run(seed: int) -> None:
            job = configured.with_seed(seed)
            with ranks.together((seed, None)):
                found = run_search(job, around.callback, around.stop, None, around.command)
            ended(found)

        each_seed(around, configured.config.seed, count, run)


def checked_seeds(seeds: int | None) -> int:
    """Return the number of seeds.

    Raises:
        UserError: it is no number from 1 to 10,000.
    """
    if seeds is None:
        return 1
    if type(seeds) is not int or not 1 <= seeds <= 10**4:
        raise UserError(f"--seeds {seeds!r}: must be a whole number in [1, 10000]")
    return seeds


def resumed(
    run: str, given: Mapping[str, Any], more: Mapping[str, Any], around: Surroundings
) -> Ended:
    """Continue a stopped search; see :func:`nasbench.api.runs.to_resume`."""
    from nasbench.engine import concurrency, processes
    from nasbench.engine.search import Search, ranks_of, run_search

    folder, options = to_resume("search", SearchConfig, run, given, more)
    job = concurrency.of_trials(processes.of_search(Search.of(options)))
    with ranks_of(job) as ranks, ranks.together((job.config.seed, folder.path)):
        return run_search(job, around.callback, around.stop, folder, around.command)


def on_table(named: dict[str, Any], assigned: dict[str, Any], seeds: int) -> TableReport:
    """Search on a benchmark table, which holds every training.

    Raises:
        UserError: an option is unknown, or is of trainings.
    """
    from nasbench.engine.limits import limits_of
    from nasbench.tabular.search import run_table_search

    if named.get("strategy") is None:
        raise UserError("which STRATEGY? see: nasbench list strategies")
    for name in named:
        if name not in WITH_TABLE:
            raise UserError(f"{flag(name)}: nothing is trained with --table; leave it out")
    options = SearchConfig.from_layers(named)
    return run_table_search(
        options.strategy,
        assigned,
        str(options.table),
        options.dataset,
        seeds,
        options.seed,
        options.budget or "300",
        limits_of(options),
        options.data_dir,
        named.get("concurrency") or os.cpu_count() or 1,
        named.get("device"),
    )
