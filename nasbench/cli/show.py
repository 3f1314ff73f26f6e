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
    from nasbench.engine.checkpoints import Architecture
    from nasbench.graph import Figure, Graph
    from nasbench.space import Arch

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

Style = Annotated[str, typer.Option("--style", help="color, or paper: black and white.")]
Width = Annotated[
    float,
    typer.Option("--width", help="The most that drawings may be wide, in centimetres."),
]
Frames = Annotated[
    Path | None,
    typer.Option(
        "--frames", help="Write a frame per epoch to this GIF or MP4; with --supernet its weights."
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
    style: Style = "color",
    width: Width = 17.5,
    frames: Frames = None,
    as_json: AsJson = False,
    results: RunsIn = Path("results"),
) -> None:
    """Print an architecture and draw it."""
    from nasbench.engine.checkpoints import Architecture, open_checkpoint
    from nasbench.report.drawing import check, draw
    from nasbench.store.runs import located

    check(format or (), style, width)
    checkpoint = checkpoint if form is not None else located(checkpoint, results)
    found = open_checkpoint(checkpoint, form, space=space)
    opened = Architecture.of(found, space)
    kind, arch = opened.space, opened.arch
    beside = _beside(checkpoint)
    if frames is not None:
        written = _film(opened, beside, frames, supernet, style, width)
        tell(json.dumps({"frames": str(written)}) if as_json else f"frames: {written}")
        return
    figures: tuple[Figure, ...]
    if supernet:
        name, note = "supernet", ""
        figures = _of_supernet(opened, _epochs(beside, "--supernet"), epoch)
    else:
        name, traced = "architecture", kind.figures(arch, opened.spec, opened.space_arguments)
        figures, note = traced.parts, traced.note
    drawn = draw(figures, drawing or beside / name, format or ("svg",), style, width)
    facts: dict[str, Any] = {
        "architecture": arch.id,
        "space": f"{found.space['name']} ({opened.domains.size:,} architectures)",
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
    for line in filter(None, (drawn.note, note)):
        tell(f"note: {line}")


def _epochs(run: Path, option: str) -> dict[int, dict[str, Any]]:
    """Return a run's epochs that derived an architecture, by their numbers."""
    from nasbench.store.runs import RunFolder

    if not (run / "run.json").is_file():
        raise UserError(f"{option}: {run} is no run folder")
    events = {int(e["epoch"]): e for e in RunFolder(run).journal.events("epoch")}
    known = {number: e for number, e in events.items() if e.get("weights") and e.get("arch")}
    if not known:
        raise UserError(f"{option}: {run} is no one-shot search, or has no epoch yet")
    return known


def _of_supernet(
    opened: Architecture, epochs: dict[int, dict[str, Any]], epoch: int | None
) -> tuple[Graph, ...]:
    """Return the supernet after an epoch, the last one by default."""
    if epoch is not None and epoch not in epochs:
        raise UserError(f"--epoch {epoch}: must be from {min(epochs)} to {max(epochs)}")
    number = epoch or max(epochs)
    domains, event = opened.domains, epochs[number]
    shares = {
        label: dict(zip(map(str, domains[label].candidates), weights, strict=True))
        for label, weights in event["weights"].items()
        if label in domains
    }
    arch = opened.arch if number == max(epochs) else domains.arch(event["arch"])
    try:
        return opened.space.supernet_graphs(shares, arch)
    except KeyError as error:
        raise UserError(
            f"--supernet: epoch {number} has no weights of the label {error}"
        ) from None


def _film(
    opened: Architecture, run: Path, path: Path, supernet: bool, style: str, width: float
) -> Path:
    """Write a frame for every epoch."""
    from nasbench.report.frames import write_frames

    def figures(number: int) -> tuple[Figure, ...]:
        if supernet:
            return _of_supernet(opened, epochs, number)
        arch = opened.domains.arch(epochs[number]["arch"])
        return opened.space.graphs(arch) if opened.space.draws_cells() else network(arch)

    def network(arch: Arch) -> tuple[Figure, ...]:
        return opened.space.figures(arch, opened.spec, opened.space_arguments).parts

    epochs = _epochs(run, "--frames")
    frames = ((f"epoch {number}", figures(number)) for number in sorted(epochs))
    return write_frames(frames, path, style, width)


def _beside(given: str) -> Path:
    """Return the folder for drawings: that of the run or file, or the current one for a text."""
    from nasbench.engine.checkpoints import split_name

    path, _ = split_name(given)
    try:
        return path if path.is_dir() else path.parent if path.is_file() else Path()
    except OSError:  # too long for a name
        return Path()
