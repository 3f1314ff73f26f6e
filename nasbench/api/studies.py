"""``nasbench.study``: several runs on one task from one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nasbench.api import html
from nasbench.api.arguments import opened_words
from nasbench.api.boards import Board, leaderboard
from nasbench.api.calling import as_written, calling, spelled
from nasbench.api.objects import named
from nasbench.api.runs import Surroundings
from nasbench.config import TrialsConfig
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.study.plan import Plan
    from nasbench.study.results import EntryResult
    from nasbench.study.runner import Progress


@dataclass(frozen=True)
class Study:
    """A study: ``nb.study`` returns it.

    Attributes:
        folder: where its runs, records, tables and pictures are.
        headings: of the table of entries.
        lines: a line of the table for each entry.
        written: the files of the report; none after a dry run.
        cost: the estimated cost of what was missing, in lines.
    """

    folder: Path
    headings: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    written: tuple[Path, ...]
    cost: tuple[str, ...]

    @property
    def leaderboard(self) -> Board:
        """The leaderboard of the study's retrainings."""
        return leaderboard(results=self.folder)

    def __repr__(self) -> str:
        if not self.lines:
            return "\n".join(self.cost)
        widths = [max(map(len, column)) for column in zip(self.headings, *self.lines, strict=True)]
        rows = (self.headings, *self.lines)
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in rows
        )

    def _repr_html_(self) -> str:
        if not self.lines:
            return "".join(f"<div>{html.text(line)}</div>" for line in self.cost)
        pictures = [
            html.picture(path.read_bytes(), path.stem)
            for path in self.written
            if path.suffix == ".svg"
        ]
        return "\n".join([html.listing(self.headings, self.lines), *pictures])


def study(
    file: str | Path,
    *,
    scale: float = 1.0,
    out: str | Path = "results",
    task: Any = None,
    only: str | Sequence[str] = (),
    seeds: int | None = None,
    options: Mapping[str, Any] | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    precision: str | None = None,
    dry_run: bool = False,
    engine: str | None = None,
    concurrency: int = 1,
    gpus_per_trial: float = 0.0,
    address: str | None = None,
    code: str | Sequence[str] | None = None,
    quiet: bool = False,
) -> Study:
    """Run the missing runs of a study and write its table, as ``nasbench study`` does.

    Args:
        file: the YAML file of the study, or the name of one in ``nb.list("studies")``.
        scale: run with this share of the computing, in (0, 1]: with fewer images, then epochs,
            then trials, but enough to learn.
        out: the results folder; a study writes to ``studies/NAME`` in it.
        task: replaces the task of the study.
        only: run only these entries and those that they use.
        seeds: replaces the study's seeds by 0 to ``seeds - 1``.
        options: arguments for every entry that takes them, such as ``{"width": 0.5}``.
        data_dir: the folder of the data sets.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, ``xpu`` or ``xpu:N``.
        precision: ``fp32`` or ``bf16``, where an entry names nothing else.
        dry_run: show what is missing and its cost without running it.
        engine: run in worker processes: ``local`` or ``ray``.
        concurrency: the number of runs at once.
        gpus_per_trial: GPUs of each run.
        address: the Ray cluster.
        code: code that the file names and that may run, ``file.py:Name``.
        quiet: whether nothing is printed.

    Raises:
        UserError: something in the file or an argument is invalid, or a run has no result.
        Interrupted: the study was interrupted; the same call continues it.

    Example:
        >>> nb.study("mnist-optim", scale=0.01)
    """
    with spelled("study"):
        place = Path(out)
        target = named({"task": getattr(task, "source", task)}, place)["task"]
        where = TrialsConfig.from_layers(
            {
                "engine": engine,
                "concurrency": concurrency,
                "gpus_per_trial": gpus_per_trial,
                "address": address,
            }
        )
    entries = (only,) if isinstance(only, str) else tuple(only)
    given: dict[str, object] = {
        "data_dir": None if data_dir is None else Path(data_dir),
        "device": device,
    }
    text = as_written(
        "study",
        str(file),
        scale=scale,
        out=out,
        task=target,
        only=entries or None,
        seeds=seeds,
        options=options,
        precision=precision,
    )
    words = opened_words({"file": file, "task": target, "address": address}, code)
    with calling("study", quiet, words, text) as around:
        from nasbench.study import report
        from nasbench.study.plan import load_plan
        from nasbench.study.shipped import located

        plan, folder = load_plan(
            located(Path(file)),
            scale,
            given,
            place,
            target,
            entries,
            dry_run,
            seeds,
            options,
            precision,
        )
        done, cost = estimated(plan, folder, measuring=dry_run)
        if dry_run:
            return Study(folder, (), (), (), tuple(cost))
        for line in cost:
            around.note(line)
        found, written = run(plan, done, folder, where, around, text)
        check(found)
        table = report.listing(found)
        lines = tuple(tuple(map(str, line)) for line in table.lines)
        return Study(folder, tuple(table.headings), lines, tuple(written), tuple(cost))


def estimated(plan: Plan, folder: Path, measuring: bool) -> tuple[Progress, list[str]]:
    """Return what earlier runs have completed, and the cost of the rest in lines.

    Args:
        plan: the study.
        folder: its results.
        measuring: whether a step of each network is measured where no earlier run tells the time.

    Raises:
        UserError: an entry is invalid.
    """
    from nasbench.study import cost_estimate, runner

    done = runner.earlier_progress(plan, folder)
    return done, list(cost_estimate.estimate(plan, done, folder, measuring))


def run(
    plan: Plan,
    done: Progress,
    folder: Path,
    where: TrialsConfig,
    around: Surroundings,
    command: str,
) -> tuple[list[EntryResult], list[Path]]:
    """Run what is missing and write the report.

    Args:
        plan: the study.
        done: what earlier runs have completed.
        folder: the study's folder.
        where: engine and concurrency.
        around: who runs it.
        command: what continues the study.

    Returns:
        The results of the entries, and the files of the report.

    Raises:
        UserError: an option is invalid.
        Stopped: a signal asked to stop.
    """
    from nasbench.devices import pick
    from nasbench.store.runs import hold
    from nasbench.study import report, results, runner

    if where.gpus_per_trial and where.engine is None:
        raise UserError(f"--gpus-per-trial {where.gpus_per_trial:g} needs --engine local or ray")
    if where.engine != "ray":
        pick(str(plan.given["device"]))
    with hold(folder):
        runner.run_study(plan, done, where, around.callback, around.stop, around.note)
        found = results.entry_results(plan, done, folder)
        return found, report.write(plan, done, found, folder, command)


def check(found: Sequence[EntryResult]) -> None:
    """Raise if a run of a study failed.

    Raises:
        UserError: it names every run without a result.
    """
    failed = [f"{one.entry.name}, {reason}" for one in found for reason in one.failed]
    if failed:
        raise UserError(f"no result: {'; '.join(failed)}")
