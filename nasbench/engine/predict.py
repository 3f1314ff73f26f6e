"""Predictions of a trained network for examples without targets."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor, nn

from nasbench import known_code
from nasbench.data.preprocessing import Preprocessing
from nasbench.devices import pick
from nasbench.engine.checkpoints import TRAINED, open_retrained, options_of, retrained
from nasbench.engine.problem import load_task, on_device
from nasbench.engine.unlabelled import Array, Input, check, examples
from nasbench.errors import UserError
from nasbench.store import atomic
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.runs import RunFolder, find
from nasbench.tasks import sources
from nasbench.training.objective import Objective

BATCH = 64
_HALF = 0.5  # probability from which a label holds


@dataclass(frozen=True)
class Prediction:
    """What the network says of one example.

    Attributes:
        name: of the example: its file, or ``X.npy[3]``.
        scores: of one class, the probability of each; of several labels, that of each; else the
            numbers. Empty if the example cannot be read.
        names: of the outputs.
        target: ``class``, ``labels`` or ``numbers``.
        error: why the example cannot be read, in one line, else ``""``.
    """

    name: str
    scores: tuple[float, ...]
    names: tuple[str, ...]
    target: str
    error: str = ""

    def top(self, k: int) -> list[tuple[str, float]]:
        """Return the ``k`` most probable classes or labels, the most probable first."""
        order = sorted(range(len(self.scores)), key=lambda place: -self.scores[place])
        return [(self.names[place], self.scores[place]) for place in order[:k]]

    @property
    def labels(self) -> tuple[str, ...]:
        """The most probable class, or the labels with a probability of at least one half."""
        if self.target == "class":
            return tuple(name for name, _ in self.top(1))
        if self.target == "labels":
            pairs = zip(self.names, self.scores, strict=False)
            return tuple(name for name, score in pairs if score >= _HALF)
        return ()


@dataclass(frozen=True)
class Predictor:
    """A trained network that is ready to predict.

    Attributes:
        run: the run folder of its retraining.
        network: in evaluation mode, on ``device``.
        about: what it expects and what its outputs mean.
        device: where it computes.
        precision: ``fp32`` or ``bf16``, as in the retraining's own evaluation.
    """

    run: RunFolder
    network: nn.Module
    about: Preprocessing
    device: torch.device
    precision: str

    @classmethod
    def open(
        cls,
        run: str | Path,
        *,
        results: Path = Path("results"),
        device: str = "auto",
        space: str | None = None,
    ) -> Predictor:
        """Return the network of a retraining or of a specialization.

        Args:
            run: the run folder, its name, or the end of its name.
            results: the results folder, for names.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:N``, ``mps``, ``xpu`` or ``xpu:N``.
            space: where a user's own space is now: ``file.py:Class``.

        Raises:
            UserError: there is no such run, it has no trained network, or its code is not known.
        """
        folder = _finished(results, str(run))
        place = pick(device)
        found = open_retrained(folder, space)
        about = found.about or _of_task(folder)
        network = on_device(found.network(), place)
        return cls(folder, network, about, place, options_of(folder).precision)

    def scores(self, batch: Tensor) -> Tensor:
        """Return probabilities or numbers ``(n, outputs)``, float32 on the CPU.

        Args:
            batch: examples ``(n, *shape)`` as they are stored, such as uint8 pixels.

        Raises:
            UserError: the device has too little memory.
        """
        casting = Objective(precision=self.precision).casting(self.device)
        try:
            with torch.inference_mode(), casting:
                outputs = self.network(self.about.normalised(batch.to(self.device)))
        except torch.OutOfMemoryError as error:
            raise UserError(
                f"--batch-size {len(batch)}: the device {self.device} has too little memory: "
                "choose a smaller one"
            ) from error
        outputs = outputs.float()
        if self.about.target == "class":
            outputs = outputs.softmax(1)
        elif self.about.target == "labels":
            outputs = outputs.sigmoid()
        found: Tensor = outputs.cpu()
        return found

    def predict(self, inputs: Sequence[Input], batch_size: int = BATCH) -> Iterator[Prediction]:
        """Yield a prediction for each example, in the order of the inputs.

        An example that cannot be read has a prediction with an ``error``, and the others go on.

        Args:
            inputs: see :func:`nasbench.engine.unlabelled.examples`.
            batch_size: examples that the network sees at once.

        Raises:
            UserError: an input does not exist or does not fit the network.
        """
        check(inputs)
        if batch_size < 1:
            raise UserError(f"--batch-size {batch_size}: must be at least 1")
        every = examples(inputs, self.about)
        while batch := list(islice(every, batch_size)):
            readable = [found for _, found in batch if not isinstance(found, str)]
            scores = iter(self._finite(readable))
            for name, found in batch:
                error = found if isinstance(found, str) else ""
                values = () if error else next(scores)
                if values and not all(map(math.isfinite, values)):
                    values, error = (), "the network's outputs are no finite numbers"
                yield Prediction(name, values, self.about.names, self.about.target, error)

    def _finite(self, readable: Sequence[Array]) -> list[tuple[float, ...]]:
        if not readable:
            return []
        scores = self.scores(torch.from_numpy(np.stack(readable)))
        return [tuple(row) for row in scores.tolist()]


def predict(
    run: str | Path,
    inputs: Sequence[Input],
    *,
    results: Path = Path("results"),
    device: str = "auto",
    batch_size: int = BATCH,
    space: str | None = None,
) -> Iterator[Prediction]:
    """Yield the prediction of a retraining's network for each example, in order.

    The arguments and errors are those of :meth:`Predictor.open` and :meth:`Predictor.predict`.
    """
    predictor = Predictor.open(run, results=results, device=device, space=space)
    return predictor.predict(inputs, batch_size)


def _finished(results: Path, run: str) -> RunFolder:
    """Return the folder of a retraining that ended with a network.

    Raises:
        UserError: there is none of that name, or it has no network.
    """
    folder = find(results, run, "RUN", TRAINED, ("done",))
    if retrained(folder.path) is not None:
        return folder
    verb, status = folder.info.get("verb"), folder.status
    if verb not in TRAINED:
        hint = f"is a {verb}: train what it found with nasbench retrain {folder.path}"
    elif status != "done":
        hint = f"is {status} and has no weights yet"
    else:
        hint = "has no weights: a cross-validation keeps none"
    raise UserError(f"RUN {run}: {hint}")


def _of_task(folder: RunFolder) -> Preprocessing:
    """Return the preprocessing of a run of a version that did not write it, from its data."""
    config = options_of(folder)
    name = config.task or Checkpoint.read(folder.path).task
    try:
        sources.check_known(name)
        known_code.check_places(sources.places({**config.to_json(), "task": name}))
        about = load_task(config, name).preprocessing
    except UserError as error:
        raise UserError(
            f"{folder.path} has no preprocessing.json, and the task that it trained on cannot be "
            f"opened: {error}"
        ) from error
    if about is None:
        raise UserError(
            f"{folder.path} has no preprocessing.json: the task {name} normalizes its examples "
            "in a way of its own"
        )
    return about


@dataclass(frozen=True)
class Columns:
    """The columns of a table of predictions.

    Attributes:
        about: of the network.
        top: the number of best classes, each with its probability; ``None`` for the best one and
            the probability of every class. Labels and numbers have a column each.
    """

    about: Preprocessing
    top: int | None = None

    def __post_init__(self) -> None:
        if self.top is None:
            return
        if self.about.target != "class":
            raise UserError(f"--top {self.top}: is for classes, and the network predicts others")
        if not 1 <= self.top <= self.about.outputs:
            raise UserError(f"--top {self.top}: must be 1 to {self.about.outputs}")

    @property
    def head(self) -> list[str]:
        """The names of the columns."""
        if self.about.target == "numbers":
            return ["file", *self.about.names]
        if self.about.target == "labels":
            return ["file", "labels", *self.about.names]
        pairs = ["class", "probability"]
        for place in range(2, (self.top or 1) + 1):
            pairs += [f"class_{place}", f"probability_{place}"]
        return ["file", *pairs, *(self.about.names if self.top is None else ())]

    def cells(self, prediction: Prediction) -> list[str]:
        """Return the row of a prediction."""
        scores = [number(score) for score in prediction.scores]
        if prediction.target == "numbers":
            return [prediction.name, *scores]
        if prediction.target == "labels":
            return [prediction.name, "+".join(prediction.labels), *scores]
        best = prediction.top(self.top or 1)
        pairs = [cell for name, score in best for cell in (name, number(score))]
        return [prediction.name, *pairs, *(scores if self.top is None else ())]


def number(score: float) -> str:
    """Return a float32 score with all its digits that count."""
    return f"{score:.8g}"


def write_csv(path: Path, columns: Columns, predictions: Iterable[Prediction]) -> None:
    """Write a table row by row, whole or not at all.

    A spreadsheet would run a cell that begins like a formula: a path of that kind is written as
    ``./=x.png``, which is the same file, and a class gets an apostrophe.

    Args:
        path: of the table.
        columns: of the table.
        predictions: its rows; those of unreadable examples have none.

    Raises:
        UserError: it cannot be written, or an input fails; there is no table then.
    """

    def fill(file: IO[bytes]) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
        table = csv.writer(text, lineterminator="\n")
        table.writerow(_safe(cell) for cell in columns.head)
        for prediction in predictions:
            if not prediction.error:
                name, *cells = columns.cells(prediction)
                name = f"./{name}" if _is_formula(name) else name
                table.writerow([name, *map(_safe, cells)])
        text.flush()
        text.detach()

    atomic.write(path, fill)


def _safe(cell: str) -> str:
    return f"'{cell}" if _is_formula(cell) else cell


def _is_formula(cell: str) -> bool:
    if not cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False
