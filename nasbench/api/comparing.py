"""``nasbench.compare``: methods compared with equal budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.api import studies
from nasbench.api.arguments import divided, opened_words
from nasbench.api.calling import as_written, calling, spelled
from nasbench.api.objects import named as names_of
from nasbench.api.runs import Surroundings
from nasbench.api.search import checked_seeds
from nasbench.api.studies import Study
from nasbench.config import CompareConfig, TrialsConfig

if TYPE_CHECKING:
    from nasbench.study.comparison import Planned
    from nasbench.study.results import EntryResult


@dataclass(frozen=True)
class Comparison(Study):
    """A comparison: ``nb.compare`` returns it; its ``leaderboard`` is the table.

    Attributes:
        file: the study that ran, which can be edited and given to :func:`nasbench.study`.
    """

    file: Path = Path()

    def __repr__(self) -> str:
        return repr(self.leaderboard) if self.lines else super().__repr__()

    def _repr_html_(self) -> str:
        return self.leaderboard._repr_html_() if self.lines else super()._repr_html_()


def compare(
    *methods: Any,
    task: Any = None,
    budget: Any = None,
    seeds: int = 3,
    space: str | type | None = None,
    dry_run: bool = False,
    engine: str | None = None,
    concurrency: int = 1,
    gpus_per_trial: float = 0.0,
    address: str | None = None,
    options: Mapping[str, Any] | None = None,
    code: str | Sequence[str] | None = None,
    quiet: bool = False,
    **more: Any,
) -> Comparison:
    """Compare methods with equal budgets, as ``nasbench compare`` does.

    Each method runs with every seed, and what it finds is retrained and tested. The same call
    goes on where an earlier one was stopped.

    Args:
        *methods: strategies by name or as classes; ``"STRATEGY+tune"`` for a joint search;
            ``"hpo:BASELINE"`` or ``"hpo:BASELINE@TUNER"`` for the tuning of a network.
        task: what :func:`nasbench.task` returned, or what it takes; ``"digits"`` by default.
        budget: of each search and each tuning: device time (``"30min"``), trials (``20``) or
            epochs (``"40 epochs"``). A one-shot strategy gets the epochs that fit into that time.
        seeds: the number of seeds, from ``seed`` on.
        space: the space of the searches: a name, ``file.py:Class``, or a class.
        dry_run: plan and estimate the cost without running.
        engine: run in worker processes: ``local`` or ``ray``.
        concurrency: the number of runs at once.
        gpus_per_trial: GPUs of each run.
        address: the Ray cluster.
        options: arguments whose names are options of the comparison as well.
        code: code that runs name and that may run, ``file.py:Name``.
        quiet: whether nothing is printed.
        **more: every other option of the command, and arguments of strategies, spaces, tuners and
            networks, each for the methods that know it.

    Raises:
        UserError: an argument is unknown, of the wrong type or out of range, or a run failed.
        Interrupted: it was interrupted; the same call goes on.

    Example:
        >>> nb.compare("darts", "random", "hpo:resnet18", budget="10min").leaderboard
    """
    with spelled("compare"):
        out = Path(more.get("out") or "results")
        given = {"task": task, "budget": budget, "space": space, **more}
        named, assigned = divided(CompareConfig, given, options)
        spelling = [str(names_of({"strategy": one}, out)["strategy"]) for one in methods]
        where = TrialsConfig.from_layers(
            {
                "engine": engine,
                "concurrency": concurrency,
                "gpus_per_trial": gpus_per_trial,
                "address": address,
            }
        )
    text = as_written("compare", *spelling, seeds=seeds, **named, **assigned)
    words = [*spelling, *opened_words({**named, **assigned, "address": address}, code)]
    with calling("compare", quiet, words, text) as around:
        found = plan(spelling, named, assigned, seeds, text)
        done, cost = studies.estimated(found.plan, found.folder, measuring=True)
        lines = (*found.lines, *cost)
        if dry_run:
            return Comparison(found.folder, (), (), (), lines, found.file)
        for line in lines:
            around.note(line)
        results, written = run(found, done, where, around)
        studies.check(results)
        from nasbench.study.report import listing

        table = listing(results)
        cells = tuple(tuple(map(str, line)) for line in table.lines)
        return Comparison(
            found.folder, tuple(table.headings), cells, tuple(written), lines, found.file
        )


def plan(
    methods: Sequence[str],
    named: Mapping[str, Any],
    assigned: Mapping[str, Any],
    seeds: int,
    command: str,
) -> Planned:
    """Return the study that compares methods; nothing is written.

    Args:
        methods: as the user spells them.
        named: options by name.
        assigned: arguments of the plug-ins.
        seeds: their number.
        command: what the study's file says it was made with.

    Raises:
        UserError: a name is unknown, or an option invalid.
    """
    from nasbench.study.comparison import Comparison as Wanted
    from nasbench.study.comparison import planned

    config = CompareConfig.from_layers(named)
    return planned(Wanted.of(methods, config, assigned, checked_seeds(seeds)), command)


def run(
    found: Planned, done: Any, where: TrialsConfig, around: Surroundings
) -> tuple[list[EntryResult], list[Path]]:
    """Write the study's file, run what is missing and write the report.

    Raises:
        UserError: an option is invalid.
        Stopped: a signal asked to stop.
    """
    found.write()
    return studies.run(found.plan, done, found.folder, where, around, found.command)
