"""``nasbench predict``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nasbench.cli.options import AsJson, NoAssignments, no_assignments
from nasbench.cli.output import note, tell
from nasbench.data import watching
from nasbench.errors import UserError

if TYPE_CHECKING:
    from nasbench.engine.predict import Prediction

Run = Annotated[
    str,
    typer.Argument(
        help="A retraining or a specialized network: its folder, its name or a unique part of "
        "it, or 'last'."
    ),
]
Inputs = Annotated[
    list[str],
    typer.Argument(
        help="Pictures, folders of them, a CSV with a column 'file', .npy or .npz arrays."
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="A new CSV file. [default: printed]")]
Top = Annotated[
    int | None,
    typer.Option(
        "--top", min=1, help="The K best classes only. [default: the best, and every probability]"
    ),
]
Device = Annotated[
    str, typer.Option("--device", help="Device: auto, cpu, cuda, cuda:N, mps, xpu or xpu:N.")
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", min=1, max=10**6, help="Examples in a batch.")
]
Folder = Annotated[Path, typer.Option("--results", help="Folder with the runs.")]
Space = Annotated[
    str | None, typer.Option("--space", help="Present location of your own space: file.py:Class.")
]

UNREADABLE = 1
"""Exit status if some examples could not be read."""


def command(
    run: Run,
    inputs: Inputs,
    out: Out = None,
    top: Top = None,
    device: Device = "auto",
    batch_size: BatchSize = 64,
    results: Folder = Path("results"),
    space: Space = None,
    as_json: AsJson = False,
    o: NoAssignments = None,
) -> None:
    """Predict classes, labels or numbers with the network of a retraining."""
    from nasbench.engine.predict import Columns, Predictor, write_csv

    no_assignments(o)
    if out is not None and out.exists():
        raise UserError(f"{out} exists already: name another file")
    if out is not None and as_json:
        raise UserError("--json prints the predictions: leave out --out")
    predictor = Predictor.open(run, results=results, device=device, space=space)
    columns = Columns(predictor.about, top)
    counted = Counted(predictor.predict(inputs, batch_size))
    if as_json:
        found = [_plain(one, top) for one in counted]
        about = predictor.about
        shared = {"run": predictor.run.name, "target": about.target, "names": about.names}
        tell(json.dumps({**shared, "predictions": found, "unreadable": counted.unreadable}))
    elif out is not None:
        write_csv(out, columns, counted)
        tell(f"written: {out} ({counted.read:,} predictions)")
    else:
        with watching.by(watching.Watcher()):  # the lines show the progress
            for one in counted:
                tell(f"{one.name}: {_words(one, top or 1)}")
    if counted.unreadable:
        if not counted.read:
            raise UserError("no example could be read")
        note(f"{len(counted.unreadable):,} of {counted.all:,} examples could not be read")
        raise typer.Exit(UNREADABLE)


class Counted:
    """Passes on the predictions of readable examples; says which others there were.

    Args:
        predictions: of all examples.
    """

    def __init__(self, predictions: Iterable[Prediction]) -> None:
        self._predictions = predictions
        self.read = 0
        self.unreadable: list[dict[str, str]] = []

    @property
    def all(self) -> int:
        """The number of examples so far."""
        return self.read + len(self.unreadable)

    def __iter__(self) -> Iterator[Prediction]:
        for one in self._predictions:
            if one.error:
                note(f"left out: {one.name}: {one.error}")
                self.unreadable.append({"file": one.name, "error": one.error})
                continue
            self.read += 1
            yield one


def _plain(one: Prediction, top: int | None) -> dict[str, Any]:
    """Return a prediction for JSON; its scores are in the order of the names."""
    if one.target == "numbers":
        return {"file": one.name, "values": one.scores}
    if one.target == "labels":
        return {"file": one.name, "labels": one.labels, "probabilities": one.scores}
    ((name, probability),) = one.top(1)
    best = {"file": one.name, "class": name, "probability": probability}
    if top is not None:
        return {**best, "top": one.top(top)}
    return {**best, "probabilities": one.scores}


def _words(one: Prediction, top: int) -> str:
    """Return a prediction in words."""
    if one.target == "numbers":
        pairs = zip(one.names, one.scores, strict=True)
        return ", ".join(f"{name} {score:.6g}" for name, score in pairs)
    held = len(one.labels) if one.target == "labels" else top
    return ", ".join(f"{name} {score:.1%}" for name, score in one.top(held)) or "no label"
