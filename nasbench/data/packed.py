"""The packed folder: a user's own data as arrays in the cache, whatever they were read from.

``<cache>/nasbench/data/<key>/`` holds ``task.json`` and for the parts ``train`` and ``test`` the
arrays ``<part>-examples.npy``, ``<part>-targets.npy`` and, with groups, ``<part>-groups.npy``.
Validation examples that the user set apart are the last rows of the training arrays. The key
says all that the content depends on, so a folder is written once and never changed.
:mod:`nasbench.data.packed_writer` writes it, :mod:`nasbench.tasks.own_data` opens it as a task.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_json
from nasbench.data import copies
from nasbench.data.watching import watcher
from nasbench.errors import UserError
from nasbench.faults import telling_what_failed
from nasbench.known_code import cache_folder

FORMAT = "nasbench-data/1"
PARTS = ("train", "val", "test")
TEST_SHARE = 0.2
"""Share of the examples that :func:`cut` seals where the data name no test part."""

DESCRIPTION = "task.json"
"""The file of a packed folder that says what the others are."""
_ABANDONED_S = 86_400  # seconds: a process that packs writes to its folder more often

Array = NDArray[Any]


class Damaged(UserError):
    """A packed folder was changed or cut since it was written."""


@dataclass(frozen=True, eq=False)
class Part:
    """The examples of one part.

    Attributes:
        examples: uint8, float32 or int64 ``(n, *shape)``; may be memory-mapped.
        targets: int64 ``(n,)`` of classes, or float32 ``(n, outputs)``.
        groups: int64 ``(n,)`` or ``None``: no split parts examples of the same number.
    """

    examples: Array
    targets: Array
    groups: Array | None = None


@dataclass(frozen=True, kw_only=True)
class About:
    """What is known of the data besides their arrays.

    Attributes:
        target: ``class``, ``labels`` or ``numbers``.
        outputs: number of classes, labels or numbers.
        class_names: of the outputs in order, ``()`` if they have none.
        vocabulary: number of different tokens, 0 for real numbers.
        note: where the data come from, in one line.
        warnings: what a user should know of them, a line each; shown whenever they are opened.
    """

    target: str
    outputs: int
    class_names: tuple[str, ...] = ()
    vocabulary: int = 0
    note: str = ""
    warnings: tuple[str, ...] = ()


def root() -> Path:
    """Return the folder of all packed folders: in ``$XDG_CACHE_HOME``, or in ``~/.cache``."""
    try:
        return cache_folder() / "data"
    except FileNotFoundError as error:
        raise UserError(
            "there is no home folder to keep the packed data in: set XDG_CACHE_HOME"
        ) from error


def key(*parts: Any) -> str:
    """Return the name of a packed folder.

    Args:
        parts: all that its content depends on: plain values, such as the kind of the source, the
            options that read it, and path, size and time of change of each file.
    """
    text = json.dumps([FORMAT, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def place(key: str) -> Path:
    """Return the packed folder of a key, which need not exist."""
    return root() / key


def cut(
    targets: Array,
    groups: Array | None = None,
    share: float = TEST_SHARE,
    seed: int = 0,
    *,
    twins: Array | None = None,
) -> tuple[Array, Array]:
    """Return the rows ``(rest, test)`` of data without a test part, sorted int64.

    The cut is stratified, keeps groups together, and copies, and is always the same for the same
    arguments.

    Args:
        targets: int64 ``(n,)`` or float32 ``(n, outputs)``.
        groups: int64 ``(n,)`` or ``None``.
        share: of the test rows, in (0, 1).
        seed: of the cut; a run's own seed has no part in it.
        twins: int64 ``(n,)``, the same number for copies of one example. Where these alone are
            more than the share, they are in the rest.

    Raises:
        UserError: there are too few examples, or too few groups.
    """
    import torch

    from nasbench.data.split import stratified_split

    labels = torch.from_numpy(np.ascontiguousarray(targets))
    together = copies.joined(groups, twins)
    free = np.arange(len(targets))
    if twins is not None and together is not None and together is not groups:
        # A test part of copies of one example would say nothing: those are trained on.
        _, which, counts = np.unique(twins, return_inverse=True, return_counts=True)
        many = counts[which] > max(1, share * len(targets))
        free = np.flatnonzero(~np.isin(together, together[many]))
    test = free
    if len(free):
        numbers = None
        if together is not None:
            numbers = torch.from_numpy(np.ascontiguousarray(together[free]))
        test = free[stratified_split(labels[free], share, seed, numbers)[1].numpy()]
    if not len(test):
        what = "group" if groups is not None else "example"
        if together is not groups:
            what += ", copies counting as one"
        raise UserError(
            f"a test share cannot be cut off: no class has more than one {what}; "
            "name a test part, or add examples"
        )
    return np.delete(np.arange(len(targets)), test), test


@contextmanager
def scratch(key: str) -> Iterator[Path]:
    """Yield a folder beside the packed ones, which is deleted in the end.

    If the process is killed before, whoever packs the key next deletes it.
    """
    folder = temporary(key)
    with telling_what_failed(folder):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def temporary(key: str) -> Path:
    """Return a new name beside the packed folders, which :func:`held` clears if it is left."""
    return root() / f".{key}.{secrets.token_hex(4)}.tmp"


@dataclass(frozen=True)
class Packed:
    """A packed folder whose description was read; its arrays are read when they are asked for.

    Attributes:
        folder: where it is.
        about: what is known besides the arrays.
        shape: of one example.
        mean: of each channel of the training examples; uint8 counts as 0 to 1.
        std: the standard deviation likewise.
        counts: number of examples of each part.
        class_counts: number of examples of each class in each part; empty for other targets.
        digest: fingerprint of the training and validation examples, as ``ImageSet.fingerprint``.
        fingerprints: SHA-256 of each file.
        stamps: size and time of change of each file when it was written.
    """

    folder: Path
    about: About
    shape: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    counts: Mapping[str, int]
    class_counts: Mapping[str, list[int]]
    digest: str
    fingerprints: Mapping[str, str]
    stamps: Mapping[str, list[int]]

    @property
    def size(self) -> int:
        """Bytes of all arrays."""
        return sum(stamp[0] for stamp in self.stamps.values())

    def path(self, part: str, kind: str) -> Path:
        """Return the file of a part's ``examples``, ``targets`` or ``groups``."""
        return self.folder / f"{part}-{kind}.npy"

    def has(self, part: str, kind: str) -> bool:
        """Return whether a part has such a file."""
        return self.path(part, kind).name in self.fingerprints

    def check(self, part: str, thorough: bool) -> None:
        """Raise if a file of a part is not as it was written.

        Args:
            part: ``train`` or ``test``.
            thorough: whether to read the files; else size and time of change are compared, and
                only a file that differs in its time is read.

        Raises:
            Damaged: a file is missing, was changed or was cut.
        """
        for name, expected in self.fingerprints.items():
            path = self.folder / name
            if not name.startswith(f"{part}-"):
                continue
            try:
                found, written = stamp(path), self.stamps.get(name)
                same = written is not None and found[0] == written[0]
                if same and (thorough or found != written):
                    same = sha256(path) == expected
            except OSError as error:
                raise self.damaged(name, "cannot be read") from error
            if not same:
                raise self.damaged(name, "was changed or cut")

    def array(self, part: str, kind: str) -> Array:
        """Return an array that the system reads page by page.

        Raises:
            Damaged: it is no such array.
        """
        try:
            found: Array = np.load(self.path(part, kind), mmap_mode="c", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self.damaged(self.path(part, kind).name, "cannot be read") from error
        return found

    def damaged(self, name: str, what: str) -> Damaged:
        """Return the error of a file, ``what`` being what is wrong with it."""
        return Damaged(
            f"the packed data {self.folder / name} {what}: delete {self.folder}, and the data are "
            "packed anew"
        )


def describe(folder: Path) -> Packed:
    """Read the description of a packed folder.

    Raises:
        Damaged: it is missing or not readable.
    """
    path = folder / DESCRIPTION
    try:
        content = plain_json.read(path, most=2**28)
        if content["format"] != FORMAT:
            raise ValueError(f"has the format {content['format']!r}")
        about = About(
            target=str(content["target"]),
            outputs=int(content["outputs"]),
            class_names=tuple(map(str, content["class_names"])),
            vocabulary=int(content["vocabulary"]),
            note=str(content["note"]),
            warnings=tuple(map(str, content["warnings"])),
        )
        return Packed(
            folder,
            about,
            tuple(map(int, content["shape"])),
            tuple(map(float, content["mean"])),
            tuple(map(float, content["std"])),
            {name: int(content["parts"].get(name, 0)) for name in PARTS},
            {name: list(map(int, counts)) for name, counts in content["class_counts"].items()},
            str(content["digest"]),
            dict(content["fingerprints"]),
            dict(content["stamps"]),
        )
    except (UserError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise Damaged(
            f"the packed data {path} cannot be read: delete {folder}, and the data are packed anew"
        ) from error


def discard(folder: Path) -> None:
    """Delete a packed folder; processes that read it keep what they have opened."""
    aside = temporary(folder.name)
    with telling_what_failed(folder):
        folder.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def held(key: str) -> Iterator[None]:
    """Let one process at a time pack a key; others wait, and a kill lets the next one go on.

    What killed processes left is deleted.
    """
    with telling_what_failed(root()):
        root().mkdir(parents=True, exist_ok=True)
        lock = (root() / f".{key}.lock").open("ab")
    with lock:
        _lock(lock)
        for left in root().glob(".*.tmp"):
            with suppress(OSError):  # another process may delete it, too
                if left.name.startswith(f".{key}.") or _age(left) > _ABANDONED_S:
                    shutil.rmtree(left, ignore_errors=True)
        yield


def _lock(file: IO[bytes]) -> None:
    """Take the lock of an open file; systems and disks without locks go without."""
    try:
        import fcntl
    except ImportError:
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        watcher().line("another process packs these data: waiting for it")
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return


def _age(folder: Path) -> float:
    """Return the seconds since a folder or a file in it was changed last."""
    return time.time() - max(path.stat().st_mtime for path in (folder, *folder.iterdir()))


def stamp(path: Path) -> list[int]:
    """Return size and time of change of a file."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
