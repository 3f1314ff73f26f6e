"""Writes packed folders: part by part, row by row, so that a set need not fit in memory."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np

from nasbench.data.packed import (
    DESCRIPTION,
    FORMAT,
    PARTS,
    About,
    Array,
    Part,
    place,
    sha256,
    stamp,
    temporary,
)
from nasbench.errors import UserError
from nasbench.faults import telling_what_failed

_DTYPES = ("|u1", "<f4", "<i8")
_CHUNK = 1 << 20  # numbers that are looked at together: their float64 take 8 MB


def write(key: str, parts: Mapping[str, Part], about: About) -> Path:
    """Write a packed folder and return it; see :func:`writing`.

    Args:
        key: see :func:`nasbench.data.packed.key`.
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
        key: see :func:`nasbench.data.packed.key`.
        about: what else is known; ``with writing(key, about) as out: out.add("train", ...)``.
    """
    return Writer(key, about)


class Writer:
    """Writes a packed folder; rows are appended, so a set need not fit in memory."""

    def __init__(self, key: str, about: About) -> None:
        self.folder = place(key)
        self.about = about
        self._temporary = temporary(key)
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
            "fingerprints": {file.name: sha256(file) for file in files},
            "stamps": {file.name: stamp(file) for file in files},
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


def _flush(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
