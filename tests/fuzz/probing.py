"""Runs one command in this process and says which of the rules for bad input it breaks."""

from __future__ import annotations

import contextlib
import io
import signal
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from nasbench.cli import main

LONGEST = 500
"""Characters of a line, without ``error:``."""

SECONDS = 20
"""After which a command counts as hung; most take less than a tenth of a second."""


OF_RUNS = ("run.json", ".lock", "journal.jsonl", "state.pt", "state.prev.pt")
"""Files that a resumed run changes."""


class Hung(BaseException):
    """A command takes too long."""


@dataclass(frozen=True)
class Verdict:
    """What became of one input.

    Attributes:
        status: the exit status, ``None`` after a traceback.
        broken: the rule that it broke, ``""`` for none.
        detail: the error or the traceback's end.
        seconds: that it took.
    """

    status: int | None
    broken: str
    detail: str
    seconds: float = 0.0


def probe(words: Sequence[str], named: Sequence[str], folder: Path) -> Verdict:
    """Run a command, and hold it against the rules.

    The rules: no traceback; status 0 or 2; with 2, a last line of at most ``LONGEST`` printable
    characters that begins with ``error:`` and names the thing; files that were there are kept.

    Args:
        words: the command line.
        named: names of the thing; an option or a quoted value counts as well.
        folder: where files are kept, except in ``made/`` and those that describe a run.
    """
    before = _files(folder)
    out, err, start = io.StringIO(), io.StringIO(), time.perf_counter()
    try:
        with _limited(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(list(words))
    except Hung:
        return Verdict(None, "hangs", " ".join(words)[:200], SECONDS)
    except BaseException as error:  # noqa: BLE001 (any traceback counts)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(frame.filename).name}:{frame.lineno}"
        return Verdict(None, "traceback", f"{type(error).__name__}: {str(error)[:200]} ({where})")
    seconds, told = time.perf_counter() - start, err.getvalue()
    broken = _broken(status, told, named)
    after = _files(folder)
    if not broken and before != {path: after.get(path) for path in before}:
        broken = "changed a complete file"
    return Verdict(status, broken, told[-LONGEST:].strip(), seconds)


def _broken(status: int, told: str, named: Sequence[str]) -> str:
    if status not in (0, 2):
        return f"status {status}"
    if any(not character.isprintable() and character != "\n" for character in told):
        return "unprintable characters"
    lines = told.splitlines()
    if max((len(line.removeprefix("error: ")) for line in lines), default=0) > LONGEST:
        return "long line"
    if status == 0:
        return "error with status 0" if any(line.startswith("error:") for line in lines) else ""
    if not lines or not lines[-1].startswith("error: "):
        return "no line 'error:'"
    if sum(line.startswith("error:") for line in lines) > 1:
        return "several errors"
    if not any(name in lines[-1] for name in (*named, "--", "-o ", "'", '"', "=")):
        return "names nothing"
    return ""


def _files(folder: Path) -> Mapping[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in OF_RUNS and "made" not in path.parts
    }


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    """Raise :class:`Hung` in the main thread after ``SECONDS``."""

    def give_up(number: int, frame: FrameType | None) -> None:
        raise Hung

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
