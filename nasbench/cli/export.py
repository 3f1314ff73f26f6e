"""``nasbench export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nasbench import arguments
from nasbench.cli.convert import Space, Task
from nasbench.cli.options import Form, Given
from nasbench.cli.output import tell
from nasbench.errors import unknown
from nasbench.store.atomic import check_empty, new_folder

TARGETS = ("py", "onnx", "torchscript", "pt2")
To = Annotated[str, typer.Option("--to", help=f"One of: {', '.join(TARGETS)}.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="A new or an empty folder.")]
Preset = Annotated[
    str,
    typer.Option("--preset", help="Preset of an untrained network's arguments: quick or paper."),
]
More = Annotated[
    list[str] | None,
    typer.Option(
        "-a",
        "--argument",
        metavar="KEY=VALUE",
        help="Argument of an untrained network; repeatable.",
    ),
]
Fold = Annotated[bool, typer.Option("--fold-bn", help="Fold BN into the convolutions before it.")]
IMAGES = 3


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
    """Write a self-contained network, and check that it computes the same outputs."""
    if to not in TARGETS:
        raise unknown("export", to, TARGETS)
    check_empty(out)
    import torch

    from nasbench.engine.checkpoints import open_network
    from nasbench.export.check import Truth
    from nasbench.export.folding import folded
    from nasbench.export.targets import export as written

    found = open_network(given, form, space, task, preset, arguments.parse(argument or []))
    network, spec = found.network(), found.spec
    stream = torch.Generator().manual_seed(0)
    images = torch.randn(IMAGES, spec.channels, spec.height, spec.width, generator=stream)
    # Against the network as it was, and with another number of images.
    truth = Truth.of(network, images)
    module = folded(network) if fold_bn else network
    with new_folder(out) as folder:
        path, difference = written(to, module, folder, found.summary, truth)
    for made in sorted(out.iterdir()):
        tell(f"written: {made}")
    tell(
        f"checked: the outputs of {path.name}, loaded on its own, differ by at most "
        f"{difference:.1g}; the network's own rounding error is {truth.rounding:.1g}"
    )
    if found.weights is None:
        tell("note: the weights are untrained; export a retraining's run for trained ones")
