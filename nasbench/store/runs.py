"""Run folders: ``results/runs/<time>-<verb>-<name>-<task>-s<seed>-<id>/``."""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from nasbench import plain_json
from nasbench.errors import UserError
from nasbench.store import older
from nasbench.store.atomic import open_to_append, telling_what_failed, write_json
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.journal import Journal

FORMAT = "nasbench-run/1"
LOCK = ".lock"
"""The file in a run folder that a process locks while it works there."""

TRIALS = "trials"
"""The folder in a run folder that holds one folder for each command of an NNI experiment."""

_TRIES, _BETWEEN = 5, 0.05  # seconds
VERBS = ("search", "hpo", "retrain")
LATEST = "last"
"""What a user writes for the latest run."""

STATUSES = ("running", "done", "stopped", "failed")


class RunFolder:
    """One run on the disk: ``run.json``, ``journal.jsonl`` and the run's outputs.

    Args:
        path: an existing run folder.

    Raises:
        UserError: there is no ``run.json`` in it, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.journal = Journal(path / "journal.jsonl")
        try:
            self.info: dict[str, Any] = plain_json.read(path / "run.json")
        except UserError as error:
            raise UserError(f"{path} is not a run folder: run.json: {error}") from error
        if not isinstance(self.info, dict) or self.info.get("format") != FORMAT:
            raise UserError(f"{path / 'run.json'} is not of the format {FORMAT}")
        self.info = older.run_info(self.info)

    @classmethod
    def create(
        cls,
        results: Path,
        verb: str,
        name: str,
        info: dict[str, Any],
        checkpoint: Checkpoint | None = None,
    ) -> RunFolder:
        """Make a new folder under ``results/runs`` and write its ``run.json``.

        Args:
            results: the results folder.
            verb: ``search`` or ``retrain``.
            name: the strategy's name.
            info: must hold ``task`` and ``seed``.
            checkpoint: what the run retrains; written first, since a folder with ``run.json`` can
                be continued.

        Raises:
            UserError: the folder cannot be made.
        """
        now = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        words = f"{verb}-{name}-{info['task']}-s{info['seed']}-{secrets.token_hex(2)}"
        path = results / "runs" / f"{now}-{re.sub(r'[^A-Za-z0-9_.-]+', '_', words)}"
        with telling_what_failed(path):
            path.mkdir(parents=True)
        if checkpoint is not None:
            checkpoint.write(path / "checkpoint.json")
        fixed = {"format": FORMAT, "verb": verb, "name": name, "status": "running"}
        write_json(path / "run.json", {**fixed, **info})
        return cls(path)

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def status(self) -> str:
        """``running``, ``done``, ``stopped`` or ``failed``; a killed run counts as stopped."""
        status = str(self.info.get("status"))
        return "stopped" if status == "running" and not is_held(self.path / LOCK) else status

    def held(self) -> AbstractContextManager[None]:
        """Hold the folder's lock while a process works in it; see :func:`hold`.

        Raises:
            UserError: something in the folder leads elsewhere, so that the run could write there.
        """
        _check_inside(self.path)
        return hold(self.path)

    def update(self, **fields: Any) -> None:
        """Change fields of ``run.json``.

        Raises:
            UserError: it cannot be written.
        """
        self.info.update(fields)
        write_json(self.path / "run.json", self.info)


def _check_inside(run: Path) -> None:
    """Raise if a run folder holds a symbolic link, a device or a pipe.

    What a trial's own command left in its folder is removed before the trial is repeated.
    """
    for folder, folders, files in os.walk(run):
        for name in (*folders, *files):
            found = Path(folder) / name
            mode = found.lstat().st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                what = "a symbolic link" if stat.S_ISLNK(mode) else "neither a file nor a folder"
                raise UserError(f"{found} is {what}: a run writes only into its own folder")
        if Path(folder) == run / TRIALS:
            folders.clear()


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Create a folder and hold its lock while a process works in it; a kill releases the lock.

    Raises:
        UserError: another process holds it, or the folder cannot be written.
    """
    with telling_what_failed(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = open_to_append(folder / LOCK)  # nothing in it is changed
    with file:
        # Processes that only check whether the lock is held take it for an instant.
        for _ in range(_TRIES):
            if _lock(file):
                break
            time.sleep(_BETWEEN)
        else:
            raise UserError(f"another process is working in {folder}")
        yield


def all_runs(results: Path) -> Iterator[RunFolder]:
    """Yield the readable run folders under ``results/runs`` in the order of their names."""
    for path in sorted((results / "runs").glob("*/run.json")):
        try:
            yield RunFolder(path.parent)
        except UserError:
            continue


def find(results: Path, run: str, option: str = "--resume") -> RunFolder:
    """Return the run folder that ``run`` names: a path, a name, or the end of a name.

    Args:
        results: the results folder.
        run: what the user wrote.
        option: where, for the message of an error.

    Raises:
        UserError: there is none, or more than one.
    """
    if (Path(run) / "run.json").exists():
        return RunFolder(Path(run))
    found = [r for r in all_runs(results) if r.name == run or r.name.endswith(f"-{run}")]
    if len(found) == 1:
        return found[0]
    names = ", ".join(r.name for r in found or list(all_runs(results))[-3:]) or "none"
    many = "names several runs" if found else f"is no run under {results / 'runs'}; the latest"
    raise UserError(f"{option} {run} {many}: {names}")


def or_latest(
    given: str, results: Path, verbs: Collection[str] = VERBS, status: Collection[str] = ("done",)
) -> str:
    """Return ``given``, or the path of the latest run if it is ``last`` and no file is called so.

    Args:
        given: what the user wrote.
        results: the results folder.
        verbs: of the runs that are meant.
        status: of the runs that are meant.

    Raises:
        UserError: no run is meant.
    """
    if given != LATEST or os.path.lexists(given):
        return given
    for path in sorted((results / "runs").glob("*/run.json"), reverse=True):
        with suppress(UserError):
            run = RunFolder(path.parent)
            if run.info.get("verb") in verbs and run.status in status:
                return str(run.path)
    kinds = " or ".join(verbs)
    raise UserError(f"{LATEST}: {results / 'runs'} holds no {kinds} that is {' or '.join(status)}")


def is_held(lock: Path) -> bool:
    """Return whether a process holds this lock, that is, works in its folder."""
    try:
        with lock.open("rb") as file:
            return not _lock(file, shared=True)
    except OSError:
        return False


def _lock(file: IO[Any], shared: bool = False) -> bool:
    """Take the file's lock, which is released with the open file, and return whether it was free.

    On systems without such locks every folder counts as free.
    """
    try:
        import fcntl
    except ImportError:
        return True
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
