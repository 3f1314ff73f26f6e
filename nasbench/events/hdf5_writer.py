"""Writes HDF5 files of event images: one group per person, one dataset per image.

A dataset is float32 ``(4, height, width)``, so ``file["0"]["1"]`` is an image, as in files written
by plain scripts; those have no attributes.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.optional import require

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FORMAT = "nasbench-events/1"
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def split_path(out: Path, split: str | None) -> Path:
    """Return the file of a split: ``gait.h5`` without one, else ``gait-train.h5``."""
    return out if split is None else out.with_name(f"{out.stem}-{split}{out.suffix}")


def check_output(out: Path, splits: Iterable[str | None]) -> None:
    """Check that the files of all splits are new, or HDF5 files that may be replaced.

    Raises:
        UserError: a recording or a file of another kind would be overwritten, or ``out`` is a
            folder.
    """
    if not out.name or out.is_dir():
        raise UserError(f"--out {out} is a folder: give a file, such as {out / 'gait.h5'}")
    for path in sorted({split_path(out, split) for split in splits}):
        if not path.exists():
            continue
        start = None
        if path.is_file():
            with path.open("rb") as file:
                start = file.read(len(SIGNATURE))
        if start not in (b"", SIGNATURE):
            raise UserError(
                f"{path} is not an HDF5 file and will not be overwritten: give another --out"
            )


class Sink(io.FileIO):
    """A file for HDF5 to write to, which keeps the first failed write for ``check`` to raise.

    On a full disk HDF5 itself may crash, or leave a truncated file without an error.
    """

    failure: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Write all of ``data``, in several steps if necessary."""
        rest = whole = memoryview(data).cast("B")
        try:
            while len(rest):
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = self.failure or error
        return len(whole)

    def truncate(self, size: int | None = None) -> int:
        """Set the length of the file."""
        try:
            return super().truncate(size)
        except OSError as error:
            self.failure = self.failure or error
            return size or 0

    def check(self) -> None:
        """Raise the first failure.

        Raises:
            OSError: something could not be written.
        """
        if self.failure is not None:
            raise self.failure

    def settle(self) -> None:
        """Flush everything to the disk and close the file.

        Raises:
            OSError: something could not be written.
        """
        self.check()
        os.fsync(self.fileno())
        self.close()


class ImageWriter:
    """Writes one file per split, under temporary names until :meth:`finish`."""

    def __init__(self, out: Path, attributes: dict[str, str]) -> None:
        self._h5py = require("h5py", "an HDF5 file")
        self._out, self._attributes = out, attributes
        self._open: dict[Path, tuple[Any, Sink]] = {}

    def add(
        self,
        place: tuple[str | None, str, str],
        pixels: NDArray[np.float32],
        attributes: dict[str, Any],
    ) -> None:
        """Write an image.

        Args:
            place: split, person, and name of the image.
            pixels: float32 ``(4, height, width)``.
            attributes: of the dataset.

        Raises:
            UserError: the person already has an image of this name.
            OSError: it could not be written.
        """
        split, person, name = place
        path = split_path(self._out, split)
        if path not in self._open:
            sink = Sink(_temporary(path), "w+")
            file = self._h5py.File(sink, "w")
            self._open[path] = file, sink
            file.attrs.update({"format": FORMAT, **self._attributes, "split": split or "none"})
        file, sink = self._open[path]
        group = file.require_group(person)
        if name in group:
            raise UserError(f"two images of person {person} have the name {name}; rename a file")
        chunks = pixels.shape  # an image is read as a whole
        kept = {"chunks": chunks, "compression": "gzip", "compression_opts": 1, "shuffle": True}
        try:
            group.create_dataset(name, data=pixels, **kept).attrs.update(attributes)
        finally:
            sink.check()

    def finish(self) -> list[Path]:
        """Move all files to their final names once all are complete, and return their paths.

        Raises:
            OSError: a file could not be written; none is moved.
        """
        for file, sink in self._open.values():
            file.close()
            sink.settle()
        for path in self._open:
            _temporary(path).replace(path)
        return list(self._open)

    def discard(self) -> None:
        """Delete unfinished files."""
        for path, (file, sink) in self._open.items():
            with suppress(OSError, RuntimeError):  # HDF5's complaints about an incomplete file
                file.close()
            sink.close()
            _temporary(path).unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


@contextmanager
def image_writer(out: Path, attributes: dict[str, str]) -> Iterator[ImageWriter]:
    """Yield a writer whose files are complete after ``finish``, and deleted otherwise.

    Args:
        out: the file; with splits, their names are appended to its stem.
        attributes: of every file.

    Raises:
        UserError: h5py is missing, the folder cannot be written, or the disk is full.
    """
    writer = ImageWriter(out, attributes)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        yield writer
    except OSError as error:
        raise UserError(
            f"cannot write {out}: {error.strerror or error}; existing files are unchanged"
        ) from error
    finally:
        writer.discard()
