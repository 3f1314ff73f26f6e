"""``nasbench bench``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.output import document, note, tell

CORES = os.cpu_count() or 1

app = typer.Typer(help="Benchmark the search strategies.", rich_markup_mode=None)

TableName = Annotated[str, typer.Option("--table", help="Name, or NAME=PATH.")]
Dataset = Annotated[
    str | None, typer.Option("--dataset", help="The table's data set. [default: its first]")
]
Strategies = Annotated[
    str | None,
    typer.Option("--strategies", help="Comma-separated names. [default: all sampled ones]"),
]
Seeds = Annotated[
    int, typer.Option("--seeds", min=1, max=10**5, help="Searches of each strategy.")
]
BudgetText = Annotated[
    str, typer.Option("--budget", help="Budget of a search: 300, '40 epochs', 900s, 15min or 2h.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=1024, help="Processes.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the table.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the report.")]


@app.callback()
def _top() -> None:
    """Benchmark the search strategies."""


@app.command("strategies", epilog="Example: nasbench bench strategies --table nas-bench-201")
def strategies(
    table: TableName,
    dataset: Dataset = None,
    strategies: Strategies = None,
    seeds: Seeds = 100,
    budget: BudgetText = "300",
    jobs: Jobs = CORES,
    data_dir: DataDir = None,
    out: Out = Path("results"),
) -> None:
    """Compare the sampled strategies on a table of finished trainings."""
    from nasbench.optional import available
    from nasbench.report.plots import draw_curves
    from nasbench.store.atomic import write_json, write_text
    from nasbench.tabular.benchmark import run_benchmark
    from nasbench.tabular.benchmark_report import curves, markdown, tables, to_json

    names = [name.strip() for name in strategies.split(",")] if strategies else []
    benchmark = run_benchmark(names, table, dataset, seeds, budget, data_dir, jobs, note)
    document("\n\n".join(tables(benchmark)) + "\n")
    tested, unit = benchmark.table, benchmark.budget.unit
    first = benchmark.dataset == tested.datasets[0]
    name = f"strategies_{tested.name}" + ("" if first else f"_{benchmark.dataset}")
    plain, report, picture = (out / f"{name}.{suffix}" for suffix in ("json", "md", "svg"))
    written = [plain, report]
    write_json(plain, to_json(benchmark))
    if available("matplotlib"):
        draw_curves(
            curves(benchmark),
            picture,
            xlabel="simulated device-seconds" if unit == "seconds" else unit,
            ylabel="test accuracy of the incumbent, %",
            title=f"{tested.name}, {benchmark.dataset}: mean over {len(benchmark.seeds)} seeds",
        )
        write_text(report, markdown(benchmark, picture.name))
        written.append(picture)
    else:
        write_text(report, markdown(benchmark))
        note("no curves: they need the package matplotlib")
    for path in written:
        tell(f"written: {path}")
