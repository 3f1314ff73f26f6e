"""TensorBoard: curves, the network's graph and the drawing."""

from __future__ import annotations

import contextlib
import io
import textwrap
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import nn

from nasbench.cost.probe import evaluating
from nasbench.engine.observers import Silent
from nasbench.graph import Graph
from nasbench.optional import available
from nasbench.report.drawing import dot_source, pictured


class ToTensorBoard(Silent):
    """Writes a run's ``tb`` folder.

    Args:
        folder: where the event files go.
        more: returns further scalars of an epoch.
    """

    def __init__(self, folder: Path, more: Callable[[], dict[str, float]] | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorBoard's own use of numpy and protobuf
            from torch.utils.tensorboard import SummaryWriter
        self.writer = SummaryWriter(str(folder))
        self.more = more

    def epoch(self, metrics: dict[str, float]) -> None:
        """Add one point to every curve."""
        extra = self.more() if self.more is not None else {}
        at = int(metrics["epoch"])
        for name, value in {**metrics, **extra}.items():
            if name != "epoch":
                self.writer.add_scalar(name, value, at)
        self.writer.flush()

    def graph(self, network: nn.Module, shape: tuple[int, int, int]) -> str:
        """Add the graph of ``network`` on one image of ``shape``.

        Returns:
            Why there is none, for a network that cannot be traced; else ``""``.
        """
        example = torch.zeros(1, *shape, device=next(network.parameters()).device)
        # torch prints its own words when it fails; the standard output is for results.
        silence = contextlib.redirect_stdout(io.StringIO())
        with evaluating(network), warnings.catch_warnings(), silence:
            warnings.simplefilter("ignore")  # tracing warns of every Python number
            try:
                self.writer.add_graph(network, example)
            except Exception as error:  # noqa: BLE001  (tracing runs the user's own code)
                return f"no graph for TensorBoard: {textwrap.shorten(str(error), 200)}"
        return ""

    def drawing(self, graphs: Sequence[Graph]) -> None:
        """Add the picture of the architecture where this machine can draw one."""
        if not available("PIL.Image"):
            return
        import numpy as np
        from PIL import Image

        png, _ = pictured(dot_source(graphs), "png")
        if png is not None:
            pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
            self.writer.add_image("architecture", pixels, dataformats="HWC")
        self.writer.flush()
