"""Run folders: ``results/runs/<time>-<verb>-<name>-<task>-s<seed>-<id>/``."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from nasbench import plain_json
from nasbench.errors import UserError
from nasbench.store import older
from nasbench.store.atomic import open_to_append, telling_what_failed, write_json
from nasbench.store.checkpoint import Checkpoint
from nasbench.store.journal import Journal, number, table

FORMAT = "nasbench-run/1"
LOCK = ".lock"
"""The file in a run folder that a process locks while it works there."""

TRIALS = "trials"
"""The folder in a run folder that holds one folder for each command of an NNI experiment."""

BEST = "best.json"
"""The file in the run folder of a tuning with the hyperparameters of its best trial."""

_TRIES, _BETWEEN = 5, 0.05  # seconds
VERBS = ("search", "hpo", "retrain", "specialize")
VALIDATED = ("val_", "supernet_val_", "derived_val_")
"""Prefixes of what a run was validated by: a network, a mixture, a path of a supernet."""
LATEST = "last"
"""What a user writes for the latest run."""

_SECOND = len("20260131-120000")  # the time in front of a name
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_SHOWN = 4  # runs that an error names

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

    def validated(self, metric: str) -> float | None:
        """Return a metric of the result on the images of validation; ``None`` if it has none.

        Args:
            metric: its name.
        """
        found = {**self.info, **table(self.info.get("metrics"))}
        values = (number(found.get(f"{prefix}{metric}")) for prefix in VALIDATED)
        return next((value for value in values if value is not None), None)

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


def every_run(results: Path) -> list[Path]:
    """Return the run folders of a results folder and of its studies, the oldest first.

    Their names begin with the time in seconds; runs of one second are in the order in which their
    locks were made. Nothing in them is read.

    Args:
        results: the results folder.
    """
    places = [results / "runs", *(results / "studies").glob("*/runs")]
    found = [path.parent for place in places for path in place.glob("*/run.json")]
    return sorted(found, key=_begun)


def _begun(run: Path) -> tuple[str, int, str]:
    """Return what orders runs by the time they began."""
    try:
        made = (run / LOCK).stat().st_mtime_ns
    except OSError:
        made = 0
    return run.name[:_SECOND], made, str(run)


def find(
    results: Path,
    run: str,
    option: str = "--resume",
    verbs: Collection[str] = VERBS,
    status: Collection[str] = STATUSES,
) -> RunFolder:
    """Return the run that ``run`` names.

    It is a run folder or its ``checkpoint.json``; the name of a run, the end or another part of
    one; or ``last``. The studies of the results folder count as well.

    Args:
        results: the results folder.
        run: what the user wrote.
        option: where, for the message of an error.
        verbs: of the runs that are meant if several fit.
        status: of the run that ``last`` means.

    Raises:
        UserError: there is none, or more than one.
    """
    path = Path(run)
    path = path.parent if path.name == "checkpoint.json" else path
    if os.path.exists(path / "run.json"):  # noqa: PTH110 (a text may be too long)
        return RunFolder(path)
    if run == LATEST and not os.path.lexists(run):
        return _latest(results, verbs, status)
    found = _named(results, run, option, verbs)
    if found is None:
        names = ", ".join(one.name for one in every_run(results)[-3:]) or "none"
        raise UserError(f"{option} {run} is no run under {results / 'runs'}; the latest: {names}")
    return found


def located(
    given: str,
    results: Path,
    verbs: Collection[str] = VERBS,
    status: Collection[str] = ("done",),
) -> str:
    """Return the path of the run that ``given`` names, or ``given`` if it is something else.

    A file or folder of that name comes first, and the text of an architecture is no name.

    Args:
        given: what the user wrote.
        results: the results folder.
        verbs: of the runs that are meant if several fit.
        status: of the run that ``last`` means.

    Raises:
        UserError: several runs are meant, or ``last`` and there is none; or a number is the end
            of a name and may be an architecture's.
    """
    if os.path.lexists(given) or not _NAME.fullmatch(given):
        return given
    if given == LATEST:
        return str(_latest(results, verbs, status).path)
    if given.isdigit():
        if ends := [path.name for path in every_run(results) if path.name.endswith(f"-{given}")]:
            raise UserError(
                f"{given} is the end of the run {ends[-1]}, and a number may be an architecture: "
                "write more of the name, or name the format with --from"
            )
        return given
    found = _named(results, given, "RUN", verbs)
    return given if found is None else str(found.path)


def remove(run: RunFolder) -> None:
    """Delete a run folder.

    Raises:
        UserError: a process works in it, it is a symbolic link, or it cannot be deleted.
    """
    if run.path.is_symlink():
        raise UserError(f"{run.path} is a symbolic link: delete the folder that it leads to")
    if run.status == "running":
        raise UserError(f"{run.name} is running: stop it first")
    with hold(run.path), telling_what_failed(run.path):
        shutil.rmtree(run.path)


def _latest(results: Path, verbs: Collection[str], status: Collection[str]) -> RunFolder:
    """Return the newest run of one of these verbs and statuses."""
    for path in reversed(every_run(results)):
        with suppress(UserError):
            run = RunFolder(path)
            if run.info.get("verb") in verbs and run.status in status:
                return run
    kinds = " or ".join(verbs)
    raise UserError(f"{LATEST}: {results / 'runs'} holds no {kinds} that is {' or '.join(status)}")


def _named(results: Path, word: str, option: str, verbs: Collection[str]) -> RunFolder | None:
    """Return the run with this name, with this end, or else with this part in its name.

    Raises:
        UserError: there are several, also among those of the verbs.
    """
    every = every_run(results)
    fits: tuple[Callable[[str], bool], ...] = (
        lambda name: name == word,
        lambda name: name.endswith(f"-{word}"),
        lambda name: word in name,
    )
    paths = next(filter(None, ([p for p in every if fit(p.name)] for fit in fits)), [])
    runs = []
    for path in paths:
        with suppress(UserError):
            runs.append(RunFolder(path))
    if len(runs) > 1:
        runs = [run for run in runs if run.info.get("verb") in verbs] or runs
    if len(runs) < 2:
        return runs[0] if runs else None
    same = len({run.name for run in runs}) < len(runs)
    names = [str(run.path) if same else run.name for run in reversed(runs)][:_SHOWN]
    more = f" and {len(runs) - len(names)} more" if len(runs) > len(names) else ""
    raise UserError(f"{option} {word} names several runs: {', '.join(names)}{more}")


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
