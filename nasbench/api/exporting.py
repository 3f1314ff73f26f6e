"""``nasbench.export``: a network as files that need no nasbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasbench.api import html
from nasbench.api.arguments import opened_words
from nasbench.api.calling import calling, spelled
from nasbench.api.objects import named
from nasbench.api.results import Run
from nasbench.errors import unknown
from nasbench.store.atomic import check_empty, new_folder

TARGETS = ("py", "onnx", "torchscript", "pt2")
EXAMPLES = 3


@dataclass(frozen=True)
class Exported:
    """A network that was exported and checked: ``nb.export`` returns it.

    Attributes:
        path: the network's file.
        files: all that was written.
        difference: the largest difference of its outputs, loaded on its own.
        rounding: the network's own rounding error.
        trained: whether the weights are trained.
    """

    path: Path
    files: tuple[Path, ...]
    difference: float
    rounding: float
    trained: bool

    def _repr_html_(self) -> str:
        return html.facts(
            {
                "written": ", ".join(map(str, self.files)),
                "largest difference": f"{self.difference:.1g}",
                "rounding error": f"{self.rounding:.1g}",
                "weights": "trained" if self.trained else "untrained",
            }
        )


def export(
    run: Any,
    to: str,
    out: str | Path,
    *,
    format: str | None = None,
    space: str | type | None = None,
    task: Any = None,
    preset: str = "quick",
    fold_bn: bool = False,
    results: str | Path = "results",
    code: str | Sequence[str] | None = None,
    quiet: bool = False,
    **arguments: Any,
) -> Exported:
    """Write a self-contained network, and check that it computes the same outputs.

    Args:
        run: the result of a retraining or a search, its folder, its name or a unique part of it, a
            ``checkpoint.json``, a file of another format, ``zoo:NAME``, or the text of an
            architecture.
        to: ``py``, ``onnx``, ``torchscript`` or ``pt2``.
        out: a new or an empty folder.
        format: format of a file, if several fit (``--from``).
        space: the space of a foreign file, or your own: ``file.py:Class`` or a class.
        task: the task whose examples an untrained network takes.
        preset: preset of an untrained network's arguments: ``quick`` or ``paper``.
        fold_bn: fold BN into the convolutions before it.
        results: the folder with the runs, for names.
        code: code that a file names and that may run, ``file.py:Name``.
        quiet: whether nothing is printed.
        **arguments: arguments of an untrained network.

    Raises:
        UserError: the network cannot be built or exported, or the folder is not empty.

    Example:
        >>> nb.export(trained, "onnx", "exported").path
    """
    with spelled("export"):
        own = named({"space": space, "task": getattr(task, "source", task)}, Path("results"))
        given = str(run.folder) if isinstance(run, Run) else str(run)
    with calling("export", quiet, opened_words({**own, "run": given}, code)):
        return exported(
            given,
            to,
            Path(out),
            form=format,
            space=own["space"],
            task=own["task"],
            preset=preset,
            assignments=arguments,
            fold_bn=fold_bn,
            results=Path(results),
        )


def exported(
    given: str,
    to: str,
    out: Path,
    *,
    form: str | None = None,
    space: str | None = None,
    task: str | None = None,
    preset: str = "quick",
    assignments: Mapping[str, Any] | None = None,
    fold_bn: bool = False,
    results: Path = Path("results"),
) -> Exported:
    """Export a network; the arguments are those of :func:`export`, as texts.

    Raises:
        UserError: the network cannot be built or exported, or the folder is not empty.
    """
    if to not in TARGETS:
        raise unknown("export", to, TARGETS)
    check_empty(out)
    import torch

    from nasbench.engine.checkpoints import open_network
    from nasbench.export.check import Truth
    from nasbench.export.folding import folded
    from nasbench.export.targets import export as write
    from nasbench.space.noise import noise

    found = open_network(given, form, space, task, preset, assignments or {}, results)
    network = found.network()
    # Against the network as it was, and with another number of examples.
    truth = Truth.of(network, noise(found.spec, EXAMPLES, torch.Generator().manual_seed(0)))
    module = folded(network) if fold_bn else network
    with new_folder(out) as folder:
        path, difference = write(to, module, folder, found.summary, truth, found.about)
    files = tuple(sorted(out.iterdir()))
    trained = found.weights is not None
    return Exported(out / path.name, files, difference, truth.rounding, trained)
