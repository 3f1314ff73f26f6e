"""Callbacks of a training: the journal, TensorBoard, and several at once."""

from __future__ import annotations

import contextlib
import io
import textwrap
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from nasbench.cost.probe import evaluating
from nasbench.engine.event_file import summary_writer
from nasbench.engine.session import Session
from nasbench.graph import Figure
from nasbench.optional import available
from nasbench.report.drawing import pictured
from nasbench.space import DataSpec
from nasbench.store.journal import Journal
from nasbench.training.loop import Callback


class NullCallback:
    """Ignores every event; the base of other callbacks."""

    def phase(self, text: str) -> None:
        """Do nothing."""

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        """Do nothing."""

    def step(self, epoch: int, step: int, sums: dict[str, Tensor]) -> None:
        """Do nothing."""

    def epoch(self, metrics: dict[str, float]) -> None:
        """Do nothing."""


class CallbackList:
    """Passes every event on to several callbacks."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.callbacks = callbacks

    def phase(self, text: str) -> None:
        """Pass it on."""
        for callback in self.callbacks:
            callback.phase(text)

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        """Pass it on."""
        for callback in self.callbacks:
            callback.start(epoch, epochs, steps)

    def step(self, epoch: int, step: int, sums: dict[str, Tensor]) -> None:
        """Pass it on."""
        for callback in self.callbacks:
            callback.step(epoch, step, sums)

    def epoch(self, metrics: dict[str, float]) -> None:
        """Pass it on."""
        for callback in self.callbacks:
            callback.epoch(metrics)


class JournalCallback(NullCallback):
    """Writes every epoch into the journal.

    Args:
        journal: of the run.
        more: returns further fields of an epoch, such as the mixing weights.
    """

    def __init__(self, journal: Journal, more: Callable[[], dict[str, Any]] | None = None) -> None:
        self.journal = journal
        self.more = more

    def epoch(self, metrics: dict[str, float]) -> None:
        """Append one event."""
        extra = self.more() if self.more is not None else {}
        self.journal.append("epoch", **{**metrics, **extra})


def journaled(
    running: Session, callback: Callback, more: Callable[[], dict[str, Any]]
) -> Callback:
    """Return ``callback`` with the run's journal before it; nothing but in the first process.

    Args:
        running: the run.
        callback: receives the events after the journal.
        more: returns additional fields for an epoch, such as the number of the trial.
    """
    if not running.leads:
        return NullCallback()
    return CallbackList([JournalCallback(running.folder.journal, more), callback])


SIDE = 400  # pixels of a confusion matrix
MOST_CLASSES = 30  # of its table


class TensorBoardCallback(NullCallback):
    """Writes a run's ``tb`` folder.

    Args:
        folder: where the event files go.
        more: returns further scalars of an epoch.
    """

    def __init__(self, folder: Path, more: Callable[[], dict[str, float]] | None = None) -> None:
        self.writer = summary_writer(folder)
        self.more = more

    def epoch(self, metrics: dict[str, float]) -> None:
        """Add one point to every curve."""
        extra = self.more() if self.more is not None else {}
        at = int(metrics["epoch"])
        for name, value in {**metrics, **extra}.items():
            if name != "epoch":
                self.writer.add_scalar(name, value, at)
        self.writer.flush()

    def graph(self, network: nn.Module, spec: DataSpec) -> str:
        """Add the graph of ``network`` on one example of zeros.

        Returns:
            Why there is none, for a network that cannot be traced; else ``""``.
        """
        kind = torch.int64 if spec.vocabulary else torch.float32
        device = next(network.parameters()).device
        example = torch.zeros(1, *spec.shape, device=device, dtype=kind)
        # torch prints its own words when it fails; the standard output is for results.
        silence = contextlib.redirect_stdout(io.StringIO())
        with evaluating(network), warnings.catch_warnings(), silence:
            warnings.simplefilter("ignore")  # tracing warns of every Python number
            try:
                # TensorBoard would trace a second time, to compare the values.
                trace: Any = torch.jit.trace
                self.writer.add_graph(trace(network, example, check_trace=False), example)
            except Exception as error:  # noqa: BLE001  (tracing runs the user's own code)
                return f"no graph for TensorBoard: {textwrap.shorten(str(error), 200)}"
        return ""

    def confusion(self, counts: Sequence[Sequence[int]], names: Sequence[str] = ()) -> None:
        """Add a confusion matrix: as a picture, and up to :data:`MOST_CLASSES` as a table.

        Args:
            counts: a row for each true class, a column for each answer.
            names: of the classes; their numbers by default.
        """
        table = torch.tensor(counts, dtype=torch.float64)
        shares = table / table.sum(1, keepdim=True).clamp(min=1)
        side = max(1, SIDE // len(counts))
        shades = shares.repeat_interleave(side, 0).repeat_interleave(side, 1)
        # White for no example, dark blue for all examples of a class.
        blue = torch.stack([1 - shades, 1 - 0.75 * shades, 1 - 0.4 * shades])
        self.writer.add_image("confusion, a row for each class", blue.float().numpy())
        labels = [name.replace("|", "/") for name in names] or [*map(str, range(len(counts)))]
        if len(counts) <= MOST_CLASSES:
            lines = [["class", *labels], ["---"] * (len(labels) + 1)]
            lines += [
                [f"**{label}**", *map(str, row)] for label, row in zip(labels, counts, strict=True)
            ]
            text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
            self.writer.add_text("confusion", text)
        self.writer.close()

    def drawing(self, figures: Sequence[Figure]) -> None:
        """Add the picture of the architecture where this machine can draw one."""
        if not available("PIL.Image"):
            return
        import numpy as np
        from PIL import Image

        png, _ = pictured(figures, "png", dpi=150)
        if png is not None:
            pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
            self.writer.add_image("architecture", pixels, dataformats="HWC")
        self.writer.flush()


def write_graph(running: Session, build: Callable[[], nn.Module], spec: DataSpec) -> None:
    """Write the graph of the network that a search or a tuning found, where TensorBoard is.

    Args:
        running: the run.
        build: returns the network; its random weights are not those of the run.
        spec: the shape of its data.

    Raises:
        MachineError: the file cannot be written.
    """
    if not running.leads or not available("torch.utils.tensorboard"):
        return
    board = TensorBoardCallback(running.folder.path / "tb")
    with torch.random.fork_rng(devices=[]):
        try:
            network = build()
        except Exception as error:  # noqa: BLE001  (the user's own code; a retraining tells it)
            note = f"no graph for TensorBoard: {textwrap.shorten(str(error), 200)}"
        else:
            note = board.graph(network, spec)
    board.writer.close()
    if note:
        running.folder.journal.append("note", text=note)
