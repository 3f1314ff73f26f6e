"""What reading a user's own data shows: lines and a bar, as a terminal or a notebook has it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nasbench.api.output import in_notebook, leads, note
from nasbench.data.watching import Watcher

_LONG = 2_000  # steps that are announced where no bar can be shown


class Reading(Watcher):
    """Shows each line once, however many seeds of a command open the same data."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def line(self, text: str) -> None:
        """Print a line unless it was printed before."""
        if text not in self._shown:
            self._shown.add(text)
            note(text)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar in a terminal, else a line if it may take long."""
        if in_notebook():
            yield _in_notebook(what, total)
            return
        if not sys.stderr.isatty() or not leads():
            if total >= _LONG:
                note(f"{what}: {total:,}")
            yield lambda done: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Left

        text, console = TextColumn("{task.description}"), Console(stderr=True)
        columns = (text, BarColumn(bar_width=24), MofNCompleteColumn(), Left(compact=True))
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.advance(task, done)


def _in_notebook(what: str, total: int) -> Callable[[int], None]:
    """Show a bar in a notebook; return a function that counts steps."""
    from nasbench.api.progress import REFRESH_S, NotebookBar

    bar, done, shown = NotebookBar(), 0, time.monotonic()
    bar.show(0.0, f"{what}: {total:,}")

    def count(steps: int) -> None:
        nonlocal done, shown
        done += steps
        if done >= total or time.monotonic() - shown >= REFRESH_S:
            shown = time.monotonic()
            bar.show(done / max(1, total), f"{what}: {done:,} of {total:,}")

    return count
