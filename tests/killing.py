"""Commands in processes of their own that are killed at a chosen file event.

A file event is a folder or file below ``--out`` that is made, opened for writing, renamed or
removed. Between two of them a kill leaves the same files wherever it comes, so that kills at all
events are all kills; and the n-th event is the same one in every repetition, on any machine.
TensorBoard's files, which a thread of its own writes, do not count.

The processes are forked from a server that has imported torch and nasbench, and nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        *("torch", "torchvision", "sklearn.datasets", "torch.utils.tensorboard"),
        *("nasbench.cli", "nasbench.engine.search", "nasbench.engine.hpo", "retrain.train"),
    ]
)
TIMEOUT = 300


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: exit status; minus the signal's number where one ended it.
        out: its standard output.
        err: its standard error.
        events: how many file events it came to.
    """

    status: int
    out: str
    err: str
    events: int


def run(
    words: Sequence[object],
    out: Path,
    *,
    at: int = 0,
    by: signal.Signals = signal.SIGKILL,
    snapshots: Path | None = None,
    **environment: str,
) -> Ended:
    """Run ``nasbench WORDS --out OUT`` in a process of its own and wait for its end.

    Args:
        words: the command.
        out: its results folder.
        at: number of the file event before which a signal comes, from 1; 0 for never.
        by: the signal.
        snapshots: a folder that gets ``out`` as it is before each event, by the event's number.
        environment: variables set in the process.
    """
    notes = out.with_name(f"{out.name}.notes")
    shutil.rmtree(notes, ignore_errors=True)
    notes.mkdir(parents=True)
    sent = [*map(str, words), "--out", str(out)]
    given = (sent, out, notes, at, by, snapshots, environment)
    process = CONTEXT.Process(target=_command, args=given)
    process.start()
    process.join(TIMEOUT)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{sent} did not end in {TIMEOUT} s")
    texts = {name: (notes / name).read_text() for name in ("out", "err", "events")}
    events = texts.pop("events").count("\n")
    return Ended(process.exitcode, texts["out"], texts["err"], events)


def _command(
    words: list[str],
    out: Path,
    notes: Path,
    at: int,
    by: signal.Signals,
    snapshots: Path | None,
    environment: dict[str, str],
) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(notes / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.update(environment)
    sys.path[:0] = environment.get("PYTHONPATH", "").split(os.pathsep)
    log = os.open(notes / "events", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count = 0

    def happens(event: str, path: str) -> None:
        nonlocal count
        count += 1
        os.write(log, f"{event} {path}\n".encode())
        if snapshots is not None:
            shutil.copytree(out, snapshots / str(count)) if out.exists() else None
        if count == at:
            os.kill(os.getpid(), by)

    _watch(out, happens)
    from nasbench.cli import main

    sys.exit(main(words))


def _watch(out: Path, happens: Callable[[str, str], None]) -> None:
    """Call ``happens`` before each file event below a folder."""
    below, busy = str(out.resolve()), False

    def hook(event: str, args: tuple[object, ...]) -> None:
        nonlocal busy
        if busy or event not in ("open", "os.rename", "os.remove", "os.mkdir", "os.truncate"):
            return
        path = args[0]
        if isinstance(path, bytes | int) or path is None or (event == "open" and _reads(args)):
            return
        place = os.path.realpath(os.fspath(path))
        if not place.startswith(below) or f"{os.sep}tb" in place[len(below) :]:
            return
        if event == "os.mkdir" and Path(place).is_dir():
            return
        busy = True
        try:
            happens(event, place)
        finally:
            busy = False

    sys.addaudithook(hook)


def _reads(args: tuple[object, ...]) -> bool:
    _, mode, flags = args
    writes = os.O_WRONLY | os.O_RDWR
    return not (set(mode) & set("wax+") if isinstance(mode, str) else int(flags) & writes)
