"""``nasbench bench``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nasbench.engine.strategies_bench import Race

CORES = os.cpu_count() or 1

app = typer.Typer(help="Measure the workbench itself.", rich_markup_mode=None)

TableName = Annotated[str, typer.Option("--table", help="Name, or NAME=PATH.")]
Dataset = Annotated[
    str | None, typer.Option("--dataset", help="The table's data set. [default: its first]")
]
Strategies = Annotated[
    str | None,
    typer.Option("--strategies", help="Names with commas between. [default: all sampled ones]"),
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Searches of each strategy.")]
BudgetText = Annotated[
    str, typer.Option("--budget", help="Of a search: 300, '40 epochs', 900s, 15min or 2h.")
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where the table lies.")]
Out = Annotated[Path, typer.Option("--out", help="Where the report goes.")]


@app.callback()
def _top() -> None:
    """Measure the workbench itself."""


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
    """Race the sampled strategies on a table of finished trainings."""
    from nasbench.engine.strategies_bench import run_race
    from nasbench.engine.strategies_markdown import tables

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    names = [name.strip() for name in strategies.split(",")] if strategies else []
    race = run_race(names, table, dataset, seeds, budget, data_dir, jobs, tell)
    typer.echo("\n\n".join(tables(race)))
    for path in _write(race, out):
        typer.echo(f"written: {path}")


def _write(race: Race, out: Path) -> list[Path]:
    """Write the report and its picture, and return their paths."""
    from nasbench.engine.strategies_markdown import markdown
    from nasbench.engine.strategies_report import curves, to_json
    from nasbench.optional import available
    from nasbench.report.curves import draw
    from nasbench.store.atomic import write_json, write_text

    first = race.dataset == race.table.datasets[0]
    name = f"strategies_{race.table.name}" + ("" if first else f"_{race.dataset}")
    plain, report, picture = (out / f"{name}.{suffix}" for suffix in ("json", "md", "svg"))
    write_json(plain, to_json(race))
    if not available("matplotlib"):
        write_text(report, markdown(race))
        typer.echo("no curves: they need the package matplotlib", err=True)
        return [plain, report]
    draw(
        curves(race),
        picture,
        xlabel="simulated device-seconds" if race.budget.unit == "seconds" else race.budget.unit,
        ylabel="test accuracy of the best by validation, %",
        title=f"{race.table.name}, {race.dataset}: mean over {len(race.seeds)} seeds",
    )
    write_text(report, markdown(race, picture.name))
    return [plain, report, picture]
