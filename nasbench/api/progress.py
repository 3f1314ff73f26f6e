"""The progress of a run: a bar in a terminal or a notebook, else one line per epoch."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from nasbench import measures
from nasbench.api.output import in_notebook, leads, note
from nasbench.engine.callbacks import NullCallback
from nasbench.errors import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID
    from torch import Tensor

    from nasbench.training.loop import Callback

REFRESH_S = 0.25  # reading a metric waits for the device, so not at every step


def make(quiet: bool) -> Callback:
    """Return a progress bar, lines, or nothing if ``quiet``."""
    if quiet or not leads():
        return NullCallback()
    if in_notebook():
        return NotebookBar()
    return Bar() if sys.stderr.isatty() else Lines()


@contextmanager
def shown(quiet: bool) -> Iterator[Callback]:
    """Yield the progress display, and close an open bar in the end."""
    callback = make(quiet)
    try:
        yield callback
    finally:
        if isinstance(callback, Bar | NotebookBar):
            callback.close()


def words(metrics: dict[str, float]) -> str:
    """Return metrics on one line, shares in percent."""
    parts = []
    for name, value in metrics.items():
        if name in ("epoch", "seconds"):
            continue
        parts.append(f"{name.replace('_', ' ')} {measures.named(name).text(value)}")
    return ", ".join(parts)


def clock(seconds: float) -> str:
    """Return a duration such as ``2m05s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def say_length(epochs: int, steps: int, said: str) -> str:
    """Print the length of a training unless it is what was said last; return it."""
    text = f"{epochs} epoch{'s' * (epochs > 1)} of {steps} step{'s' * (steps > 1)}"
    if text != said:
        note(text)
    return text


class Lines(NullCallback):
    """One line per epoch, on the standard error."""

    def __init__(self) -> None:
        self.epochs = 0
        self._said = ""
        self._first = 0
        self._since = 0.0

    def phase(self, text: str) -> None:
        """Print the name of a phase."""
        note(text)

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        """Store the number of epochs; a continued run starts after ``epoch``."""
        self.epochs, self._first, self._since = epochs, epoch, time.perf_counter()
        if epoch:
            note(f"continuing after epoch {epoch} of {epochs}")
        else:
            self._said = say_length(epochs, steps, self._said)

    def epoch(self, metrics: dict[str, float]) -> None:
        """Print the epoch's line."""
        done = int(metrics["epoch"])
        each = (time.perf_counter() - self._since) / max(1, done - self._first)
        left = clock(each * (self.epochs - done))
        note(f"epoch {done}/{self.epochs}: {words(metrics)}; {left} left")


class Bar(NullCallback):
    """A progress bar with the running metrics and the time left."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._text = ""
        self._said = ""
        self._steps = 1
        self._shown = 0.0

    def phase(self, text: str) -> None:
        """Show the name of a phase."""
        self._text = f"{one_line(text)}: "
        self.close()

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        """Open the bar over all steps of all epochs."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.close()
        if not epoch:
            self._said = say_length(epochs, steps, self._said)
        self._steps = steps
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task(
            f"{self._text}epoch {epoch + 1}", total=epochs * steps, completed=epoch * steps
        )
        self._bar.start()

    def step(self, epoch: int, step: int, sums: dict[str, Tensor]) -> None:
        """Update the bar, a few times a second."""
        now = time.perf_counter()
        if self._bar is None or self._task is None or now - self._shown < REFRESH_S:
            return
        self._shown = now
        means = {name: float(total) / step for name, total in sums.items()}
        short = {k: v for k, v in means.items() if k == "loss" or k.endswith("accuracy")}
        text = f"{self._text}epoch {epoch + 1}: {words(short)}"
        self._bar.update(self._task, completed=epoch * self._steps + step, description=text)

    def epoch(self, metrics: dict[str, float]) -> None:
        """Show the epoch's metrics, and close the bar after the last."""
        if self._bar is None or self._task is None:
            return
        done = int(metrics["epoch"]) * self._steps
        short = {k: v for k, v in metrics.items() if k not in ("epoch", "seconds")}
        text = f"{self._text}epoch {int(metrics['epoch'])}: {words(short)}"
        self._bar.update(self._task, completed=done, description=text)
        if self._bar.finished:
            self.close()

    def close(self) -> None:
        """Remove the bar, if one is open."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class NotebookBar(NullCallback):
    """One line of a notebook's output that is replaced: a bar with the metrics and the time left.

    Front ends without HTML show the line as text.
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._text = ""
        self._since = self._shown = 0.0
        self._first = self._steps = self._epochs = 1

    def phase(self, text: str) -> None:
        """Show the name of a phase."""
        self._text = f"{one_line(text)}: "
        self.show(0.0, one_line(text))

    def start(self, epoch: int, epochs: int, steps: int) -> None:
        """Show an empty bar; a continued run starts after ``epoch``."""
        self._first, self._epochs, self._steps = epoch, epochs, steps
        self._since = time.perf_counter()
        self.show(epoch / epochs, f"{self._text}epoch {epoch + 1}/{epochs}")

    def step(self, epoch: int, step: int, sums: dict[str, Tensor]) -> None:
        """Update the bar, a few times a second."""
        if time.perf_counter() - self._shown < REFRESH_S:
            return
        means = {name: float(total) / step for name, total in sums.items()}
        short = {k: v for k, v in means.items() if k == "loss" or k.endswith("accuracy")}
        self._progress(epoch + step / self._steps, f"epoch {epoch + 1}", short)

    def epoch(self, metrics: dict[str, float]) -> None:
        """Show the epoch's metrics."""
        self._progress(metrics["epoch"], f"epoch {int(metrics['epoch'])}", metrics)

    def close(self) -> None:
        """Keep the last line as it is."""
        self._handle = None

    def _progress(self, done: float, where: str, metrics: dict[str, float]) -> None:
        each = (time.perf_counter() - self._since) / max(1e-9, done - self._first)
        left = clock(each * (self._epochs - done))
        text = f"{self._text}{where}/{self._epochs}: {words(metrics)}; {left} left"
        self.show(done / self._epochs, text)

    def show(self, share: float, text: str) -> None:
        """Show a bar that is filled to a share in [0, 1], and a line of text."""
        show: Any = sys.modules["IPython"].display

        self._shown = time.perf_counter()
        line = {
            "text/plain": text,
            "text/html": f'<div><progress max="1" value="{share:.4f}"></progress> '
            f"{escape(text)}</div>",
        }
        if self._handle is None:
            self._handle = show.display(line, raw=True, display_id=True)
        else:
            self._handle.update(line, raw=True)
