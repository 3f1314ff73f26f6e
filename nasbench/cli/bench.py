"""``nasbench bench``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench.cli.output import document, note, tell
from nasbench.errors import UserError

CORES = os.cpu_count() or 1

app = typer.Typer(help="Benchmark strategies, tuners and proxies.", rich_markup_mode=None)

TableName = Annotated[str, typer.Option("--table", help="Name, or NAME=PATH.")]
Dataset = Annotated[
    str | None,
    typer.Option("--dataset", help="Comma-separated data sets of the table. [default: all]"),
]
Strategies = Annotated[
    str | None,
    typer.Option("--strategies", help="Comma-separated names. [default: all sampled ones]"),
]
OneMore = Annotated[
    list[str] | None,
    typer.Option(
        "--strategy",
        help="One more, such as mine.py:Mine or 'evolution -o sample=3'; may be repeated.",
    ),
]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, max=10**5, help="Searches of each strategy.")
]
BudgetText = Annotated[
    str, typer.Option("--budget", help="Budget of a search: 300, '40 epochs', 900s, 15min or 2h.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=1024, help="Processes.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the table.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the page, and to go on from.")]
OUT = Path("results") / "bench"


@app.callback()
def _top() -> None:
    """Benchmark strategies, tuners and proxies on tables of finished trainings."""


@app.command("strategies", epilog="Example: nasbench bench strategies --strategy mine.py:Mine")
def strategies(
    table: TableName = "nas-bench-201",
    dataset: Dataset = None,
    strategies: Strategies = None,
    strategy: OneMore = None,
    seeds: Seeds = 20,
    budget: BudgetText = "300",
    jobs: Jobs = CORES,
    data_dir: DataDir = None,
    out: Out = OUT,
) -> None:
    """Compare the sampled strategies, and your own, on a table of finished trainings."""
    from nasbench.report.panels import draw_panels
    from nasbench.report.ranks import draw_ranks
    from nasbench.tabular.benchmark import ranks, run_benchmarks, sampled_strategies
    from nasbench.tabular.benchmark_report import curves, page, summary, to_json

    names = _listed("--strategies", strategies) or sampled_strategies()
    datasets = _listed("--dataset", dataset)
    title = _title("strategies", [table.partition("=")[0], *datasets])
    kept = out / f"{title}.searches.jsonl"
    found = run_benchmarks(
        [*names, *(strategy or [])], table, datasets, seeds, budget, data_dir, jobs, note, kept
    )
    document(summary(found))
    drawings = {
        "regret": lambda path: draw_panels(
            {one.dataset: curves(one) for one in found},
            path,
            xlabel="simulated device-seconds" if found[0].budget.unit == "seconds" else "trials",
            ylabel="regret, points",
        )
    }
    if (ranking := ranks(found)) is not None:
        drawings["ranks"] = lambda path: draw_ranks(ranking, path)
    _write(out, title, to_json(found), drawings, lambda pictures: page(found, pictures))


@app.command("tuners", epilog="Example: nasbench bench tuners --tuner mine.py:Mine")
def tuners(
    table: Annotated[
        str | None,
        typer.Option("--table", help="fcnet, hpobench, or both with a comma. [default: both]"),
    ] = None,
    dataset: Dataset = None,
    tuners: Annotated[
        str | None,
        typer.Option("--tuners", help="Comma-separated names. [default: all but the slow gp]"),
    ] = None,
    tuner: Annotated[
        list[str] | None,
        typer.Option("--tuner", help="One more, such as gp or mine.py:Mine; may be repeated."),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=10**5, help="Runs of each tuner on a data set.")
    ] = 20,
    trials: Annotated[
        int, typer.Option("--trials", min=1, max=10**4, help="Trials of each run.")
    ] = 100,
    form: Annotated[
        str,
        typer.Option("--form", help="choice; or steps: tuners see the order of numbers."),
    ] = "choice",
    jobs: Jobs = CORES,
    out: Out = OUT,
) -> None:
    """Compare tuners, and your own, on tables of hyperparameters."""
    from nasbench.catalog import TUNERS
    from nasbench.report.panels import draw_panels
    from nasbench.report.ranks import draw_ranks
    from nasbench.tabular.tuners import SLOW, run_tuners
    from nasbench.tabular.tuners_report import curves, page, summary, to_json

    names = _listed("--tuners", tuners) or [name for name in TUNERS if name not in SLOW]
    tables, datasets = _listed("--table", table), _listed("--dataset", dataset)
    title = _title("tuners", [*tables, *datasets, *(["steps"] if form == "steps" else [])])
    kept = out / f"{title}.runs.jsonl"
    found = run_tuners(
        [*names, *(tuner or [])], tables, datasets, seeds, trials, form, jobs, note, kept
    )
    document(summary(found))
    drawings = {
        "regret": lambda path: draw_panels(
            curves(found), path, xlabel="trials", ylabel="regret, units of the best 1 %"
        )
    }
    if (ranking := found.ranks()) is not None:
        drawings["ranks"] = lambda path: draw_ranks(ranking, path)
    _write(out, title, to_json(found), drawings, lambda pictures: page(found, pictures))


@app.command("proxies", epilog="Example: nasbench bench proxies --proxy mine.py:score")
def proxies(
    table: TableName = "nas-bench-201",
    dataset: Dataset = None,
    proxies: Annotated[
        str | None,
        typer.Option("--proxies", help="Comma-separated names. [default: all but the slow grasp]"),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--proxy",
            help="One more, such as mine.py:score or az-nas+naswot; may be repeated.",
        ),
    ] = None,
    archs: Annotated[
        int, typer.Option("--archs", min=2, max=10**6, help="Networks to score.")
    ] = 100,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=1000, help="Seeds of weights and images.")
    ] = 1,
    task: Annotated[
        str, typer.Option("--task", help="Task whose images the networks see.")
    ] = "cifar10",
    batch: Annotated[
        int, typer.Option("--batch", min=2, max=10**4, help="Images in a batch.")
    ] = 64,
    jobs: Jobs = CORES,
    data_dir: Annotated[Path | None, typer.Option("--data-dir", help="Folder of images.")] = None,
    out: Out = OUT,
) -> None:
    """Compare zero-cost proxies, and your own, with the results in a table."""
    from nasbench.report.panels import draw_dots
    from nasbench.tabular.proxies import default, dots, page, run_proxies, summary, to_json

    names = _listed("--proxies", proxies) or default()
    datasets = _listed("--dataset", dataset)
    title = _title("proxies", [table.partition("=")[0], *datasets])
    kept = out / f"{title}.scores.jsonl"
    found = run_proxies(
        [*names, *(proxy or [])],
        table,
        datasets,
        archs,
        seeds,
        task,
        data_dir,
        jobs,
        note,
        kept,
        batch,
    )
    document(summary(found))
    drawings = {"kendall": lambda path: draw_dots(dots(found), path, xlabel="Kendall's tau")}
    _write(out, title, to_json(found), drawings, lambda pictures: page(found, pictures))


def _title(what: str, parts: Sequence[str]) -> str:
    """Return the name of a report's files."""
    return "_".join([what, *(part.replace("/", "-").replace(":", "-") for part in parts)])


def _listed(flag: str, text: str | None) -> list[str]:
    """Return the names in a comma-separated list; none if it was not given.

    Raises:
        UserError: it is empty.
    """
    names = [name for one in (text or "").split(",") if (name := one.strip())]
    if text is not None and not names:
        raise UserError(f"{flag} {text!r}: must be names with commas between them")
    return names


def _write(
    out: Path,
    name: str,
    plain: Mapping[str, Any],
    drawings: Mapping[str, Callable[[Path], Path]],
    page: Callable[[Mapping[str, str]], str],
) -> None:
    """Write the pictures, the page that includes them, and the figures as JSON; name them."""
    from nasbench.optional import available
    from nasbench.store.atomic import write_json, write_text

    pictures = {}
    if available("matplotlib"):
        for kind, draw in drawings.items():
            pictures[kind] = draw(out / f"{name}_{kind}.svg").name
    else:
        note("no pictures: they need the package matplotlib")
    write_json(out / f"{name}.json", plain)
    write_text(out / f"{name}.md", page(pictures))
    tell(f"page: {out / name}.md")
    tell(f"also: {', '.join([f'{name}.json', *pictures.values()])}")
