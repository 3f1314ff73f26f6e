"""Commands in processes of their own that are killed, or find the disk full, at a file event.

A file event is a folder or file below a chosen place that is made, opened for writing, written,
flushed to the disk, renamed or removed. Between two of them a kill leaves the same files wherever
it comes, so that kills at all events are all kills; and the n-th event is the same one in every
repetition, on any machine.

The processes are forked from a server that has imported torch and nasbench, and has trained one
network, since torch loads some of itself in the first step.
"""

from __future__ import annotations

import builtins
import errno
import hashlib
import io
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import pytest
import torch

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["killing_preload"])
MODULES = (Path(__file__).parent, Path(__file__).parent / "engine", Path(__file__).parents[1])
TIMEOUT = 300
ROOM = 2**30  # bytes
INLINE = "NASBENCH_TESTS_INLINE"
"""A variable of the environment: all is done in the command's process, where events are seen."""
FULL, ONCE, SHORT = "full", "once", "short"
"""The disk is full from an event on; for one event alone; after half of a write."""


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        status: exit status; minus the signal's number where one ended it.
        out: its standard output.
        err: its standard error.
        log: the file events that it came to, such as ``open results/runs/…``.
    """

    status: int
    out: str
    err: str
    log: tuple[str, ...]

    @property
    def events(self) -> int:
        """How many file events it came to."""
        return len(self.log)


def run(
    words: Sequence[object],
    place: Path,
    *,
    at: int = 0,
    how: signal.Signals | str = signal.SIGKILL,
    snapshots: Path | None = None,
    **environment: str,
) -> Ended:
    """Run ``nasbench WORDS`` in a process of its own and wait for its end.

    Args:
        words: the command; ``{place}`` in a word becomes the place.
        place: the folder below which it writes.
        at: number of the file event at which something happens, from 1; 0 for never.
        how: a signal that comes before the event; or what the disk is from then on.
        snapshots: a folder that gets the place as it is before each event, by the event's number,
            if it is otherwise than before the event before.
        environment: variables set in the process.
    """
    notes = place.with_name(f"{place.name}.notes")
    shutil.rmtree(notes, ignore_errors=True)
    notes.mkdir(parents=True)
    place.mkdir(exist_ok=True)
    sent = [str(word).replace("{place}", str(place)) for word in words]
    given = (sent, place, notes, at, how, snapshots, environment)
    _start_server()
    process = CONTEXT.Process(target=_command, args=given)
    process.start()
    process.join(TIMEOUT)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"{sent} did not end in {TIMEOUT} s")
    texts = {name: (notes / name).read_text() for name in ("out", "err", "events")}
    shutil.rmtree(notes)
    return Ended(process.exitcode, texts["out"], texts["err"], tuple(texts["events"].splitlines()))


def in_processes(function: Callable[..., None], arguments: tuple[Any, ...], count: int) -> None:
    """Call a function in processes of their own, and raise what one of them raises.

    Args:
        function: at the top level of a module; gets the process's number before the arguments.
        arguments: the same for all.
        count: of processes.
    """
    _start_server()
    torch.multiprocessing.start_processes(
        function, args=arguments, nprocs=count, start_method="forkserver"
    )


def _start_server() -> None:
    """Start the server, if it is not running, where it finds what it imports."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, MODULES))
    forkserver.ensure_running()
    os.environ.pop("PYTHONPATH")
    if before is not None:
        os.environ["PYTHONPATH"] = before


def _command(
    words: list[str],
    place: Path,
    notes: Path,
    at: int,
    how: signal.Signals | str,
    snapshots: Path | None,
    environment: dict[str, str],
) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(notes / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.environ.update(environment)
    sys.path[:0] = environment.get("PYTHONPATH", "").split(os.pathsep)
    log = os.open(notes / "events", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    _Disk(place, log, at, how, snapshots).watch()
    if environment.get(INLINE):
        _run_trials_here()
    from nasbench.cli import main

    try:
        status = main(words)
    except SystemExit as end:  # of a thread that multiprocessing would wait for
        status = int(end.code or 0)
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)


def _run_trials_here() -> None:
    """Run in this process what is run in another one: trials, and no check of an export."""
    from nasbench.engine import scheduler
    from nasbench.executors import InlineExecutor
    from nasbench.executors.attempts import prepare
    from nasbench.export import check

    check.agreement = lambda code, folder, truth: 0.0
    scheduler.open_executor = lambda engine, setup, context, judge, options: InlineExecutor(
        prepare(setup, context), judge
    )


class _Disk:
    """Sees each file event below a folder before it happens, and may prevent it."""

    def __init__(
        self, place: Path, log: int, at: int, how: signal.Signals | str, snapshots: Path | None
    ) -> None:
        self.place = str(place.resolve())
        self.log, self.at, self.how, self.snapshots = log, at, how, snapshots
        self.count, self.full, self.busy, self.before = 0, False, False, ""

    def watch(self) -> None:
        """Watch what this process does from now on."""
        events = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")

        def hook(event: str, args: tuple[Any, ...]) -> None:
            if event in events and not (event == "open" and _reads(args)):
                self.happens(event.removeprefix("os."), args[0])

        def fsync(file: Any) -> None:  # what a kill leaves needs no disk
            number = file if isinstance(file, int) else file.fileno()
            self.happens("fsync", f"/proc/self/fd/{number}")

        sys.addaudithook(hook)
        os.fsync = fsync
        raw = _watched_file(self)
        builtins.open = io.open = _opened(io.open, raw, self)
        if "nasbench.events.hdf5_writer" in sys.modules:
            sys.modules["nasbench.events.hdf5_writer"].Sink.__bases__ = (raw,)

    def below(self, path: Any) -> bool:
        """Return whether a path is below the folder."""
        if isinstance(path, bytes | int) or path is None:
            return False
        return f"{os.path.realpath(os.fspath(path))}/".startswith(f"{self.place}/")

    def happens(self, event: str, path: Any) -> bool:
        """Note an event and return whether a write is cut to its half.

        Raises:
            OSError: there is no space.
        """
        if self.busy or not self.below(path):
            return False
        where = os.path.realpath(os.fspath(path))
        if event == "mkdir" and Path(where).is_dir():
            return False
        if event in ("remove", "rmdir") and not os.path.lexists(path):
            return False
        self.busy = True
        try:
            return self._happens(event, where)
        finally:
            self.busy = False

    def _happens(self, event: str, where: str) -> bool:
        self.count += 1
        os.write(self.log, f"{event} {os.path.relpath(where, self.place)}\n".encode())
        if self.snapshots is not None:
            state = digest(Path(self.place))
            if state != self.before:
                shutil.copytree(self.place, self.snapshots / str(self.count))
            self.before = state
        frees = event in ("remove", "rmdir")
        if self.count == self.at:
            if isinstance(self.how, signal.Signals):
                os.kill(os.getpid(), self.how)
                return False
            self.full = self.how != ONCE
            if self.how == SHORT and event == "write":
                return True
            if not frees:
                raise _no_space(where)
        elif self.full and event != "rename" and not frees:
            raise _no_space(where)
        return False


def _no_space(where: str) -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), where)


def _watched_file(disk: _Disk) -> type[io.FileIO]:
    class Watched(io.FileIO):
        def write(self, data: Any) -> int:
            whole = memoryview(data).cast("B")
            try:
                half = disk.happens("write", f"/proc/self/fd/{self.fileno()}")
            except OSError as error:  # a write does not tell the name of the file
                raise OSError(error.errno, error.strerror) from None
            return super().write(whole[: len(whole) // 2] if half else whole) or 0

    return Watched


def _opened(plain: Callable[..., Any], raw: type[io.FileIO], disk: _Disk) -> Callable[..., Any]:
    """Return ``open``, whose files for writing below the folder are watched."""

    def opened(
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if not set(mode) & set("wax+") or not disk.below(file):
            return plain(file, mode, buffering, encoding, errors, newline, closefd, opener)
        found: Any = raw(file, mode.replace("b", "").replace("t", ""), closefd, opener)
        if buffering != 0:
            found = io.BufferedRandom(found) if "+" in mode else io.BufferedWriter(found)
        return found if "b" in mode else io.TextIOWrapper(found, encoding, errors, newline)

    return opened


def _reads(args: tuple[Any, ...]) -> bool:
    _, mode, flags = args
    writes = os.O_WRONLY | os.O_RDWR
    return not (set(mode) & set("wax+") if isinstance(mode, str) else int(flags) & writes)


def digest(folder: Path, temporary: bool = True) -> str:
    """Return a digest of all that is in a folder, with or without files of atomic writes."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".tmp" and not temporary:
            continue
        found.update(f"{path.relative_to(folder)}\0".encode())
        if path.is_file():
            found.update(path.read_bytes() + b"\0")
    return found.hexdigest()


def skip_without_proc() -> None:
    """Skip where the names of open files cannot be seen."""
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not tell the names of open files under /proc")


@contextmanager
def room(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder for thousands of small files: in memory where the system has such a place."""
    shared = Path("/dev/shm")
    usable = shared.is_dir() and os.access(shared, os.W_OK)
    if not usable or shutil.disk_usage(shared).free < ROOM:
        yield tmp_path
        return
    folder = shared / f"nasbench-tests-{os.getpid()}-{tmp_path.name}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
