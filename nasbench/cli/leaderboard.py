"""``nasbench leaderboard``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.options import Results
from nasbench.cli.output import document, leads, note
from nasbench.errors import unknown

Task = Annotated[str | None, typer.Option("--task", help="Show one task only.")]
Format = Annotated[
    str, typer.Option("--format", help="How to print: table, md, csv, json, html or latex.")
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="A,B,C",
        help="Columns and their order, such as rank,method,accuracy; all for every one. "
        "[default: those that fit]",
    ),
]
Notes = Annotated[bool, typer.Option("--notes", help="Add the notes.")]
Unfinished = Annotated[
    bool, typer.Option("--unfinished", help="Add the runs without a result, with the reason.")
]
Anytime = Annotated[
    bool, typer.Option("--anytime", help="Add the best validation results during the search.")
]
WithPublished = Annotated[
    bool,
    typer.Option("--with-published", help="Add the results that come with nasbench, marked."),
]
Curves = Annotated[
    Path | None,
    typer.Option("--curves", metavar="FOLDER", help="Also draw each task's anytime curves here."),
]


def command(
    task: Task = None,
    format: Format = "table",
    columns: Columns = None,
    notes: Notes = False,
    unfinished: Unfinished = False,
    anytime: Anytime = False,
    with_published: WithPublished = False,
    results: Results = Path("results"),
    curves: Curves = None,
) -> None:
    """Compare methods in one table, with intervals and costs."""
    from nasbench.api.boards import of_folder
    from nasbench.report.anytime import write_pictures
    from nasbench.report.formats import FORMATS, View, print_table, render

    if format not in FORMATS:
        raise unknown("--format", format, FORMATS)
    found = of_folder(results, task, with_published)
    board = found.board
    names = () if columns is None else found.columns(columns)
    view = View(names, notes, unfinished, anytime)
    for problem in found.problems:
        note(problem)
    if not board.rows and not board.unfinished:
        note(f"no records under {results}: nasbench retrain writes one")
    if curves is not None:
        drawn = [f"curves: {path}" for path in write_pictures(board, curves)]
        note(*(drawn or ["no curves: none of these records has one"]))
    if format != "table":
        document(render(board, format, view))
    elif leads():
        from rich.console import Console

        print_table(board, Console(), view)
