"""The surroundings of a call from Python: what it prints, what it restores, how it is stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nasbench import known_code
from nasbench.api.output import note
from nasbench.api.runs import Surroundings
from nasbench.api.spelling import in_python
from nasbench.data import watching
from nasbench.errors import UserError, one_line
from nasbench.faults import MachineError

# Runs draw from the process's global generators: two at once would mix their random numbers.
_ONE_AT_A_TIME = threading.RLock()


class Interrupted(KeyboardInterrupt):
    """A call was interrupted, and its state is saved; the message says how to continue.

    Attributes:
        run: the run folder, ``""`` if no run was under way.
        done: the results of the seeds that had ended before.
    """

    def __init__(self, message: str, run: str = "", done: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.run = run
        self.done = list(done)

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows in place of a traceback."""
        return [f"Interrupted: {one_line(str(self))}"]


@contextmanager
def calling(
    verb: str,
    quiet: bool,
    words: Iterable[str] = (),
    command: str | None = None,
    done: Sequence[Any] = (),
) -> Iterator[Surroundings]:
    """Run something for a program: its random generators and signals are as before afterwards.

    Code that a file names runs only if the call names it or this user has named it before.

    Args:
        verb: the function that was called, which continues an interrupted run.
        quiet: whether nothing is printed.
        words: the texts among the arguments: what the user named.
        command: the call, for the provenance.
        done: the results so far, for the exception of an interrupted call.

    Raises:
        UserError: with its message in Python's spelling.
        Interrupted: Ctrl-C, or the kernel was interrupted.
    """
    from nasbench.api.progress import shown
    from nasbench.api.reading import Reading
    from nasbench.seeding import kept_generators
    from nasbench.training.stopping import StopSignal

    said: list[str] = []

    def say(line: str) -> None:
        said.append(in_python(line))
        if not quiet:
            note(said[-1])

    with (
        _ONE_AT_A_TIME,
        spelled(verb, said, done),
        kept_generators(),
        known_code.typed(list(words)),
        watching.by(watching.Watcher() if quiet else Reading()),
        shown(quiet) as callback,
    ):
        command = command or f"nb.{verb}(...)"
        yield Surroundings(callback, StopSignal(), say, ("python", command))


@contextmanager
def spelled(verb: str, said: Sequence[str] = (), done: Sequence[Any] = ()) -> Iterator[None]:
    """Translate errors and interruptions into Python's spelling.

    Args:
        verb: the function that was called.
        said: lines for the user, such as which seeds did not run.
        done: the results so far.

    Raises:
        UserError: with its message in Python's spelling.
        Interrupted: the run was asked to stop.
    """
    try:
        yield
    except MachineError as error:
        again = f"; continue with: nb.{verb}(resume={error.run!r})" if error.run else ""
        error.args = (in_python(str(error)) + again,)
        raise
    except UserError as error:
        error.args = (in_python(str(error)),)
        raise
    except BaseException as stopped:
        from nasbench.training.stopping import Stopped

        if not isinstance(stopped, Stopped):
            raise
        again = f"; continue with: nb.{verb}(resume={stopped.run!r})" if stopped.run else ""
        message = "; ".join([f"{stopped}{again}", *said])
        raise Interrupted(message, stopped.run, done) from None


def as_written(verb: str, *given: Any, **options: Any) -> str:
    """Return a call as text for the provenance: ``nb.search('darts', epochs=1)``."""
    words = [repr(one) for one in given if one is not None]
    words += [f"{name}={_shown(value)}" for name, value in options.items() if value is not None]
    return f"nb.{verb}({', '.join(words)})"


def _shown(value: Any) -> str:
    if isinstance(value, Mapping | list | tuple | str | int | float):
        return repr(value)
    return repr(str(value))
