"""``nasbench leaderboard``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.options import Results
from nasbench.cli.output import document, note
from nasbench.errors import unknown

Task = Annotated[str | None, typer.Option("--task", help="Show one task only.")]
Format = Annotated[
    str, typer.Option("--format", help="How to print: table, md, csv, json or html.")
]
Curves = Annotated[
    Path | None,
    typer.Option("--curves", metavar="FOLDER", help="Also draw each task's anytime curves here."),
]


def command(
    task: Task = None,
    format: Format = "table",
    results: Results = Path("results"),
    curves: Curves = None,
) -> None:
    """Compare methods in one table, with intervals and costs."""
    from nasbench.api.boards import of_folder
    from nasbench.report.anytime import write_pictures
    from nasbench.report.formats import FORMATS, print_table, render

    if format not in FORMATS:
        raise unknown("--format", format, FORMATS)
    found = of_folder(results, task)
    board = found.board
    for problem in found.problems:
        note(problem)
    if not board.rows and not board.unfinished:
        note(f"no records under {results}: nasbench retrain writes one")
    if curves is not None:
        drawn = [f"curves: {path}" for path in write_pictures(board, curves)]
        note(*(drawn or ["no curves: none of these records has one"]))
    if format == "table":
        from rich.console import Console

        print_table(board, Console())
        return
    document(render(board, format))
