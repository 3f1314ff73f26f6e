"""``nasbench export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasbench import arguments
from nasbench.cli.convert import Form, Given, Space, Task
from nasbench.errors import UserError, unknown

TARGETS = ("py", "onnx", "torchscript", "pt2")
To = Annotated[str, typer.Option("--to", help=f"One of: {', '.join(TARGETS)}.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="A new or an empty folder.")]
Preset = Annotated[str, typer.Option("--preset", help="Of an untrained network's arguments.")]
More = Annotated[
    list[str] | None,
    typer.Option("-a", "--argument", metavar="KEY=VALUE", help="Of an untrained network."),
]
Fold = Annotated[bool, typer.Option("--fold-bn", help="Fold BN into the convolutions before it.")]
BATCH = 2


def command(
    given: Given,
    to: To,
    out: Out,
    form: Form = None,
    space: Space = None,
    task: Task = None,
    preset: Preset = "quick",
    argument: More = None,
    fold_bn: Fold = False,
) -> None:
    """Write a network that stands alone, and check that it computes the same by itself."""
    if to not in TARGETS:
        raise unknown("export", to, TARGETS)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out} is not an empty folder: name another one")
    import torch

    from nasbench.engine.network import open_network
    from nasbench.export import check, graphs, plain
    from nasbench.export.folding import folded

    found = open_network(given, form, space, task, preset, arguments.parse(argument or []))
    spec, module = found.spec, folded(found.module) if fold_bn else found.module
    stream = torch.Generator().manual_seed(0)
    images = torch.randn(BATCH + 1, *(spec.channels, spec.height, spec.width), generator=stream)
    writers = {
        "py": (plain.write, plain.CHECK),
        "onnx": (graphs.write_onnx, graphs.CHECKS["onnx"]),
        "torchscript": (graphs.write_script, graphs.CHECKS["torchscript"]),
        "pt2": (graphs.write_pt2, graphs.CHECKS["pt2"]),
    }
    write, code = writers[to]
    out.mkdir(parents=True, exist_ok=True)
    path = write(module, images[:BATCH], out, found.words)
    # Against the network as it was, and with another number of images.
    difference = check.agreement(code, out, images, plain.trial(found.module, images))
    for written in sorted(out.iterdir()):
        typer.echo(f"written: {written}")
    typer.echo(
        f"checked: {path.name}, loaded by itself, differs by at most {difference:.1g} of the "
        "largest output"
    )
    if not found.trained:
        typer.echo("note: the weights are untrained; export a retraining's run for trained ones")
