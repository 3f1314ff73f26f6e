"""TensorBoard's view of the trials of a run: a curve of each, and HParams with the metric."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from nasbench.engine.callbacks import NullCallback
from nasbench.engine.event_file import summary_writer
from nasbench.engine.session import Session
from nasbench.optional import available

MOST = 1_000  # trials of a run: each is a folder that TensorBoard opens


class TrialEvents(NullCallback):
    """Writes ``tb/trial-N`` when a trial ends; it receives the epochs of trials in this process.

    Args:
        running: the run.
        metric: the name of the leading metric.
    """

    def __init__(self, running: Session, metric: str) -> None:
        self.folder = running.folder.path / "tb"
        self.writes = running.leads and available("torch.utils.tensorboard")
        self.tag = f"val_{metric}"
        self._epochs: list[dict[str, float]] = []

    def epoch(self, metrics: dict[str, float]) -> None:
        """Keep an epoch of the trial under way."""
        self._epochs.append(metrics)

    def write(
        self, number: int, chosen: Mapping[str, Any], value: float, reports: Sequence[float] = ()
    ) -> None:
        """Write a finished trial.

        Args:
            number: of the trial.
            chosen: its decisions or hyperparameters.
            value: its metric.
            reports: the metric after each epoch, of a trial whose epochs were not received.

        Raises:
            MachineError: a file cannot be written.
        """
        epochs, self._epochs = self._epochs, []
        if not self.writes or number >= MOST:
            return
        if not epochs:
            epochs = [{"epoch": i, self.tag: report} for i, report in enumerate(reports, start=1)]
        last = int(epochs[-1]["epoch"]) if epochs else 1
        writer = summary_writer(self.folder / f"trial-{number:04}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TensorBoard's own use of numpy and protobuf
            from torch.utils.tensorboard.summary import hparams

            plain = {name: _plain(one) for name, one in chosen.items()}
            for summary in hparams(plain, {self.tag: value}):  # type: ignore[no-untyped-call]
                writer.file_writer.add_summary(summary)
        for metrics in epochs:
            for name, measured in metrics.items():
                if name != "epoch":
                    writer.add_scalar(name, measured, int(metrics["epoch"]))
        if not epochs or self.tag not in epochs[-1]:
            writer.add_scalar(self.tag, value, last)
        writer.close()

    def discard(self) -> None:
        """Forget the epochs of a trial that failed."""
        self._epochs = []


def _plain(value: Any) -> bool | int | float | str:
    """Return a value that HParams can show."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value, default=str)
