"""``nasbench show``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli.options import AsJson, Form, Given, RunsIn
from nasbench.cli.output import tell
from nasbench.errors import UserError, one_line

if TYPE_CHECKING:
    from nasbench.space.domains import Domains

Formats = Annotated[
    list[str] | None,
    typer.Option("--format", help="svg, png, pdf or dot. [default: svg]"),
]
Drawing = Annotated[
    Path | None,
    typer.Option(
        "--drawing", help="Path of the drawings, without suffix. [default: beside the checkpoint]"
    ),
]
Space = Annotated[
    str | None, typer.Option("--space", help="Current location of a custom space: file.py:Class.")
]

Supernet = Annotated[
    bool,
    typer.Option("--supernet", help="Draw a one-shot run's supernet."),
]
Epoch = Annotated[
    int | None,
    typer.Option(
        "--epoch",
        min=1,
        help="With --supernet: draw its weights after this epoch. [default: last]",
    ),
]


def command(
    checkpoint: Given,
    format: Formats = None,
    drawing: Drawing = None,
    space: Space = None,
    form: Form = None,
    supernet: Supernet = False,
    epoch: Epoch = None,
    as_json: AsJson = False,
    results: RunsIn = Path("results"),
) -> None:
    """Print an architecture and draw it."""
    from nasbench.engine.checkpoints import Architecture, open_checkpoint
    from nasbench.report.drawing import draw
    from nasbench.store.runs import located

    checkpoint = checkpoint if form is not None else located(checkpoint, results)
    found = open_checkpoint(checkpoint, form, space=space)
    opened = Architecture.of(found, space)
    kind, domains, arch = opened.space, opened.domains, opened.arch
    beside = _beside(checkpoint)
    name, graphs = "architecture", kind.graphs(arch)
    if supernet:
        name, graphs = "supernet", kind.supernet_graphs(_shares(beside, domains, epoch), arch)
    drawn = draw(graphs, drawing or beside / name, format or ("svg",))
    facts: dict[str, Any] = {
        "architecture": arch.id,
        "space": f"{found.space['name']} ({domains.size:,} architectures)",
        "strategy": found.strategy.get("name"),
        "task": found.task,
        "seed": found.seed,
        **{f"search {name}": value for name, value in found.metrics.items() if name != "epoch"},
        **found.cost,
    }
    if as_json:
        paths = [str(path) for path in drawn.paths]
        tell(json.dumps({**facts, "arch": dict(arch), "drawings": paths}))
        return
    tell(*kind.text(arch).split("\n"), "")
    for name, value in facts.items():
        shown = f"{value:.4g}" if isinstance(value, float) else one_line(str(value))
        tell(f"{one_line(name.replace('_', ' '))}: {shown}")
    for path in drawn.paths:
        tell(f"drawing: {path}")
    if drawn.note:
        tell(f"note: {drawn.note}")


def _shares(run: Path, domains: Domains, epoch: int | None) -> dict[str, dict[str, float]]:
    """Return each candidate's share of its mixture after an epoch, by name, by label."""
    from nasbench.store.runs import RunFolder

    if not (run / "run.json").is_file():
        raise UserError(f"--supernet: {run} is no run folder")
    events = {int(e["epoch"]): e for e in RunFolder(run).journal.events("epoch")}
    known = {number: e["weights"] for number, e in events.items() if e.get("weights")}
    if not known:
        raise UserError(f"--supernet: {run} is no one-shot search, or has no epoch yet")
    if epoch is not None and epoch not in known:
        raise UserError(f"--epoch {epoch}: must be from {min(known)} to {max(known)}")
    weights = known[epoch or max(known)]
    return {
        label: dict(zip(map(str, domains[label].candidates), shares, strict=True))
        for label, shares in weights.items()
        if label in domains
    }


def _beside(given: str) -> Path:
    """Return the folder for drawings: that of the run or file, or the current one for a text."""
    from nasbench.engine.checkpoints import split_name

    path, _ = split_name(given)
    try:
        return path if path.is_dir() else path.parent if path.is_file() else Path()
    except OSError:  # too long for a name
        return Path()
