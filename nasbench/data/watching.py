"""Who is told what reading a user's data finds, and how far it is: lines and progress.

Readers of data print nothing. They call :func:`watcher`; a command or a notebook sets one with
:func:`by`, and elsewhere nothing is shown. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar


class Watcher:
    """Shows nothing; the base of those that do."""

    def line(self, text: str) -> None:
        """Show one line, such as the number of pictures of each class."""

    def progress(self, what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Return a context whose value is called with the steps done since the last call.

        Args:
            what: the work, such as ``reading pictures``.
            total: number of its steps.
        """
        return nullcontext(lambda done: None)


_watcher: ContextVar[Watcher] = ContextVar("watcher", default=Watcher())  # noqa: B039 (no state)


def watcher() -> Watcher:
    """Return who watches at present."""
    return _watcher.get()


@contextmanager
def by(one: Watcher) -> Iterator[None]:
    """Show what is read inside of the block to ``one``."""
    before = _watcher.set(one)
    try:
        yield
    finally:
        _watcher.reset(before)
