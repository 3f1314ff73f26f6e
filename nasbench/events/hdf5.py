"""The HDF5 files of event images: a group for each person, a dataset for each walk.

A dataset is (4, height, width) in float32, so ``file["0"]["1"]`` is an image, as in files that
other scripts wrote; those have no attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.destination import destination
from nasbench.events.sink import Sink
from nasbench.optional import require

FORMAT = "nasbench-events/1"


class Files:
    """The files under way, one for each split, under temporary names."""

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
        """Write an image (4, height, width) to ``place``: split, person, walk.

        Raises:
            UserError: there is one already.
            OSError: it could not be written.
        """
        split, person, walk = place
        file, sink = self._file(split)
        group = file.require_group(person)
        if walk in group:
            raise UserError(f"two images of person {person} have the name {walk}; rename a file")
        chunks = pixels.shape  # an image is read as a whole
        kept = {"chunks": chunks, "compression": "gzip", "compression_opts": 1, "shuffle": True}
        try:
            group.create_dataset(walk, data=pixels, **kept).attrs.update(attributes)
        finally:
            sink.check()

    def _file(self, split: str | None) -> tuple[Any, Sink]:
        path = destination(self._out, split)
        if path not in self._open:
            sink = Sink(_temporary(path), "w+")
            file = self._h5py.File(sink, "w")
            self._open[path] = file, sink
            file.attrs.update({"format": FORMAT, **self._attributes, "split": split or "none"})
        return self._open[path]

    def finish(self) -> list[Path]:
        """Give all files their names once all of them are whole, and return them.

        Raises:
            OSError: a file could not be written; none has its name.
        """
        for file, sink in self._open.values():
            file.close()
            sink.settle()
        for path in self._open:
            _temporary(path).replace(path)
        return list(self._open)

    def discard(self) -> None:
        """Take away what is not finished."""
        for path, (file, sink) in self._open.items():
            with suppress(OSError, RuntimeError):  # what HDF5 says of a file that is not whole
                file.close()
            sink.close()
            _temporary(path).unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


@contextmanager
def files(out: Path, attributes: dict[str, str]) -> Iterator[Files]:
    """Yield files that are whole when ``finish`` was called, and otherwise not there.

    Args:
        out: the file's name; a split's name is added to it.
        attributes: of every file.

    Raises:
        UserError: h5py is missing, the folder cannot be written, or the disk is full.
    """
    opened = Files(out, attributes)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        yield opened
    except OSError as error:
        raise UserError(
            f"cannot write {out}: {error.strerror or error}; what was written before is kept"
        ) from error
    finally:
        opened.discard()
