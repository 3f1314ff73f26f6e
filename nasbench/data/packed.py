"""The packed folder: a user's own data as arrays in the cache, whatever they were read from.

``<cache>/nasbench/data/<key>/`` holds ``task.json`` and for the parts ``train`` and ``test`` the
arrays ``<part>-examples.npy``, ``<part>-targets.npy`` and, with groups, ``<part>-groups.npy``.
Validation examples that the user set apart are the last rows of the training arrays. The key
says all that the content depends on, so a folder is written once and never changed.
:mod:`nasbench.tasks.own_data` opens it as a task.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_json
from nasbench.data.watching import watcher
from nasbench.errors import UserError
from nasbench.faults import telling_what_failed

FORMAT = "nasbench-data/1"
PARTS = ("train", "val", "test")
TEST_SHARE = 0.2
"""Share of the examples that :func:`cut` seals where the data name no test part."""

DESCRIPTION = "task.json"
"""The file of a packed folder that says what the others are."""
_DTYPES = ("|u1", "<f4", "<i8")
_CHUNK = 1 << 20  # numbers that are looked at together: their float64 take 8 MB
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
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:
        cache = cache if cache.is_absolute() else Path.home() / ".cache"
    except RuntimeError as error:
        raise UserError(
            "there is no home folder to keep the packed data in: set XDG_CACHE_HOME"
        ) from error
    return cache / "nasbench" / "data"


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
    targets: Array, groups: Array | None = None, share: float = TEST_SHARE, seed: int = 0
) -> tuple[Array, Array]:
    """Return the rows ``(rest, test)`` of data without a test part, sorted int64.

    The cut is stratified, keeps groups together, and is always the same for the same arguments.

    Args:
        targets: int64 ``(n,)`` or float32 ``(n, outputs)``.
        groups: int64 ``(n,)`` or ``None``.
        share: of the test rows, in (0, 1).
        seed: of the cut; a run's own seed has no part in it.

    Raises:
        UserError: there are too few examples, or too few groups.
    """
    import torch

    from nasbench.data.split import strata, stratified_split

    labels = strata(torch.from_numpy(np.ascontiguousarray(targets)))
    numbers = None if groups is None else torch.from_numpy(np.ascontiguousarray(groups))
    rest, test = stratified_split(labels, share, seed, numbers)
    if not len(test):
        what = "example" if groups is None else "group"
        raise UserError(
            f"a test share cannot be cut off: no class has more than one {what}; "
            "name a test part, or add examples"
        )
    return rest.numpy(), test.numpy()


def write(key: str, parts: Mapping[str, Part], about: About) -> Path:
    """Write a packed folder and return it; see :func:`writing`.

    Args:
        key: see :func:`key`.
        parts: ``train``, ``test`` and, if the user set examples apart for it, ``val``.
        about: what else is known.
    """
    with writing(key, about) as out:
        for name, part in parts.items():
            out.add(name, part.examples, part.targets, part.groups)
    return out.folder


def writing(key: str, about: About) -> Writer:
    """Return a context in which a packed folder is written part by part, in any order.

    The folder appears, complete, when the block ends without an error. If another process wrote
    it meanwhile, that one stays.

    Args:
        key: see :func:`key`.
        about: what else is known; ``with writing(key, about) as out: out.add("train", ...)``.
    """
    return Writer(key, about)


@contextmanager
def scratch(key: str) -> Iterator[Path]:
    """Yield a folder beside the packed ones, which is deleted in the end.

    If the process is killed before, whoever packs the key next deletes it.
    """
    folder = _temporary(key)
    with telling_what_failed(folder):
        folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _temporary(key: str) -> Path:
    return root() / f".{key}.{secrets.token_hex(4)}.tmp"


class Writer:
    """Writes a packed folder; rows are appended, so a set need not fit in memory."""

    def __init__(self, key: str, about: About) -> None:
        self.folder = place(key)
        self.about = about
        self._temporary = _temporary(key)
        self._parts: dict[str, _PartWriter] = {}

    def __enter__(self) -> Self:
        with telling_what_failed(self.folder):
            self._temporary.mkdir(parents=True)
        return self

    def add(self, part: str, examples: Array, targets: Array, groups: Array | None = None) -> None:
        """Append rows to a part.

        Args:
            part: ``train``, ``val`` or ``test``.
            examples: uint8, float32 or int64 ``(k, *shape)``.
            targets: int64 ``(k,)`` or float32 ``(k, outputs)``.
            groups: int64 ``(k,)`` or ``None``, the same for all rows of all parts.

        Raises:
            UserError: a value is not finite.
            ValueError: a shape, dtype or class does not fit.
            MachineError: the disk is full, or cannot be written.
        """
        if part not in PARTS:
            raise ValueError(f"part {part!r}: must be one of {', '.join(PARTS)}")
        self._check(part, examples, targets, groups)
        with telling_what_failed(self.folder):
            if part not in self._parts:
                path = self._temporary / f"{part}-examples.npy"
                self._parts[part] = _PartWriter(path, examples)
            self._parts[part].add(examples, targets, groups)

    def _check(self, part: str, examples: Array, targets: Array, groups: Array | None) -> None:
        first = next(iter(self._parts.values()), None)
        if examples.dtype.str not in _DTYPES or examples.ndim < 2:
            raise ValueError(f"examples are {examples.dtype} {examples.shape}")
        shape, dtype = examples.shape[1:], examples.dtype
        if first is not None and (first.shape, first.dtype) != (shape, dtype):
            raise ValueError(
                f"examples are {dtype} {shape}, and earlier ones {first.dtype} {first.shape}"
            )
        one = self.about.target == "class"
        wanted = ("<i8", (len(examples),)) if one else ("<f4", (len(examples), self.about.outputs))
        if (targets.dtype.str, targets.shape) != wanted:
            raise ValueError(f"targets are {targets.dtype} {targets.shape}: must be {wanted}")
        if groups is not None and (groups.dtype.str, groups.shape) != ("<i8", (len(examples),)):
            raise ValueError(f"groups are {groups.dtype} {groups.shape}")
        if one and len(targets) and not 0 <= targets.min() <= targets.max() < self.about.outputs:
            raise ValueError(f"classes must be from 0 to {self.about.outputs - 1}")
        words = self.about.vocabulary
        if words and examples.size and not 0 <= examples.min() <= examples.max() < words:
            raise ValueError(f"tokens must be from 0 to {words - 1}")
        for what, values in (("example", examples), ("target", targets)):
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                bad = np.flatnonzero(~np.isfinite(values).reshape(len(values), -1).all(1))[0]
                done = self._parts[part].count if part in self._parts else 0
                raise UserError(
                    f"{self.about.note or 'the data'}: {what} {done + bad} of the part {part} "
                    "holds a value that is not finite"
                )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                with telling_what_failed(self.folder):
                    self._finish()
        finally:
            for part in self._parts.values():
                part.close()
            shutil.rmtree(self._temporary, ignore_errors=True)

    def _finish(self) -> None:
        for name in ("train", "test"):
            if name not in self._parts or not self._parts[name].count:
                raise ValueError(f"the part {name} has no examples")
        train, test = self._parts["train"], self._parts["test"]
        counts = {name: self._parts[name].count for name in PARTS if name in self._parts}
        mean, std = train.moments.result()
        classes: dict[str, list[int]] = {}
        if self.about.target == "class":
            classes = {
                name: np.bincount(part.targets(), minlength=self.about.outputs).tolist()
                for name, part in self._parts.items()
            }
        if "val" in self._parts:
            train.append(self._parts["val"])
        digest = train.finish()
        test.finish()
        files = sorted(self._temporary.iterdir())
        content = {
            "format": FORMAT,
            "shape": train.shape,
            **asdict(self.about),
            "mean": mean,
            "std": std,
            "parts": counts,
            "class_counts": classes,
            "digest": digest,
            "fingerprints": {file.name: _sha256(file) for file in files},
            "stamps": {file.name: _stamp(file) for file in files},
        }
        with (self._temporary / DESCRIPTION).open("x", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            self._temporary.rename(self.folder)
        except OSError:
            if not self.folder.is_dir():
                raise


class _PartWriter:
    """Appends the rows of one part to its files."""

    def __init__(self, path: Path, examples: Array) -> None:
        self.path = path
        self.shape, self.dtype = examples.shape[1:], examples.dtype
        self.count = 0
        self.moments = _Moments()
        self._targets: list[Array] = []
        self._groups: list[Array] = []
        self._file: IO[bytes] = path.open("xb+")
        self._head()

    def _head(self) -> None:
        """Write the header, which has the same length whatever the number of rows."""
        self._file.seek(0)
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": (self.count, *self.shape),
        }
        np.lib.format.write_array_header_1_0(self._file, header)

    def add(self, examples: Array, targets: Array, groups: Array | None) -> None:
        each = max(1, _CHUNK // max(1, int(np.prod(self.shape))))
        for start in range(0, len(examples), each):
            rows = np.ascontiguousarray(examples[start : start + each])
            self._file.write(rows.data)
            self.moments.add(rows)
        self._note(len(examples), targets, groups)

    def _note(self, count: int, targets: Array, groups: Array | None) -> None:
        if self.count and bool(self._groups) is not (groups is not None):
            raise ValueError("groups: either all rows have them or none")
        self.count += count
        self._targets.append(np.array(targets))
        if groups is not None:
            self._groups.append(np.array(groups))

    def append(self, other: _PartWriter) -> None:
        """Move the rows of another part to the end of this one."""
        other._file.seek(0)
        np.lib.format.read_magic(other._file)
        np.lib.format.read_array_header_1_0(other._file)
        shutil.copyfileobj(other._file, self._file, 1 << 24)
        targets, groups = other._arrays()
        self._note(other.count, targets, groups)
        other.close()
        other.path.unlink()

    def targets(self) -> Array:
        return np.concatenate(self._targets)

    def _arrays(self) -> tuple[Array, Array | None]:
        return self.targets(), np.concatenate(self._groups) if self._groups else None

    def finish(self) -> str:
        """Complete the files and return the fingerprint of the rows as an ``ImageSet``."""
        self._head()
        _flush(self._file)
        digest = hashlib.sha256()
        digest.update(f"images {self.dtype.str} {(self.count, *self.shape)}\n".encode())
        while block := self._file.read(1 << 24):
            digest.update(block)
        targets, groups = self._arrays()
        for kind, name, values in (("targets", "labels", targets), ("groups", "groups", groups)):
            if values is None:
                continue
            digest.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
            digest.update(np.ascontiguousarray(values).data)
            with self.path.with_name(self.path.name.replace("examples", kind)).open("xb") as file:
                np.save(file, values)
                _flush(file)
        self.close()
        return digest.hexdigest()

    def close(self) -> None:
        self._file.close()


class _Moments:
    """Mean and deviation of each channel, from rows that come bit by bit (Chan et al., 1983)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Array | None = None
        self._squares: Array = np.zeros(0)

    def add(self, rows: Array) -> None:
        """Take rows ``(k, channels, ...)``; numbers of tokens are passed over."""
        if rows.dtype.kind == "i":
            return
        values = rows.reshape(*rows.shape[:2], -1).astype(np.float64)
        if rows.dtype == np.uint8:
            values /= 255
        count = values.shape[0] * values.shape[2]
        mean = values.mean((0, 2))
        squares = ((values - mean[:, None]) ** 2).sum((0, 2))
        if self._mean is None:
            self._count, self._mean, self._squares = count, mean, squares
            return
        total, apart = self._count + count, mean - self._mean
        self._squares += squares + apart**2 * (self._count * count / total)
        self._mean = self._mean + apart * (count / total)
        self._count = total

    def result(self) -> tuple[list[float], list[float]]:
        """Return mean and deviation; a constant channel has deviation 1, tokens have none."""
        if self._mean is None:
            return [], []
        std = np.sqrt(self._squares / self._count)
        std[std <= 1e-9 * np.abs(self._mean)] = 1.0
        return self._mean.tolist(), std.tolist()


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
                stamp, written = _stamp(path), self.stamps.get(name)
                same = written is not None and stamp[0] == written[0]
                if same and (thorough or stamp != written):
                    same = _sha256(path) == expected
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
    aside = _temporary(folder.name)
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


def _stamp(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
