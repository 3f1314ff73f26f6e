"""``nasbench proxies``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from nasbench import arguments
from nasbench.cli.options import Assignments, RunsIn
from nasbench.cli.output import tell

Checkpoints = Annotated[
    list[str] | None,
    typer.Argument(
        help="Searches: folders, names or unique parts of them, 'last', or checkpoint.json files."
    ),
]
Space = Annotated[
    str | None, typer.Option("--space", help="Draw architectures from this space instead.")
]
Samples = Annotated[
    int | None,
    typer.Option("--samples", min=1, max=10**6, help="Architectures to draw. [default: 10]"),
]
TaskName = Annotated[
    str | None,
    typer.Option("--task", help="Task of the images. [default: the checkpoint's, or digits]"),
]
Names = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        help="Comma-separated proxies; a+b ranks by both, as az-nas does. [default: all]",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of draws, batch and weights.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the data.")]


class Form(StrEnum):
    """Output formats."""

    TABLE = "table"
    JSON = "json"


def command(
    checkpoints: Checkpoints = None,
    space: Space = None,
    samples: Samples = None,
    task: TaskName = None,
    proxy: Names = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    assignments: Assignments = None,
    format: Annotated[Form, typer.Option("--format", help="table or json.")] = Form.TABLE,
    results: RunsIn = Path("results"),
) -> None:
    """Score untrained networks by zero-cost proxies; nothing is trained."""
    from nasbench.engine.proxies import ProxyRequest, proxy_names, score_table
    from nasbench.store.runs import located

    given = arguments.parse(assignments or [])
    found = tuple(Path(located(one, results, ("search",))) for one in checkpoints or ())
    request = ProxyRequest(found, space, samples, task, seed, data_dir, given)
    names = proxy_names(proxy)
    rows = score_table(request, names)
    if format is Form.JSON:
        tell(json.dumps({"seed": seed, "proxies": names, "architectures": rows}))
        return
    for line in _lines(rows, names):
        tell(line)


def _lines(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[str]:
    """Return a text table of scores and, for drawn architectures, their ranks."""
    ranked = "mean rank" in rows[0]
    heads = ["architecture", *names, *(["mean rank"] if ranked else [])]
    lines = [heads]
    for row in rows:
        cells = [row["name"]]
        for name in names:
            score, rank = row["scores"][name], row.get("ranks", {}).get(name)
            text = "-" if score is None else f"{score:.5g}"
            cells.append(text if rank is None else f"{text} ({rank:g})")
        if ranked:
            cells.append(f"{row['mean rank']:.1f}")
        lines.append(cells)
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    return [
        "  ".join(
            cell.ljust(width) if not column else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
