"""A file for HDF5 to write to, which keeps a failed write until it is asked for.

Where the disk is full, HDF5 itself may crash, or say nothing and leave a torn file.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Sink(io.FileIO):
    """A file that takes all that is written, whole, or else tells so in ``check``."""

    failure: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Write all of ``data``, in several steps where one does not suffice."""
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
        """Raise where something could not be written.

        Raises:
            OSError: the first reason.
        """
        if self.failure is not None:
            raise self.failure

    def settle(self) -> None:
        """Bring all to the disk and close the file.

        Raises:
            OSError: not all of it is there.
        """
        self.check()
        os.fsync(self.fileno())
        self.close()
