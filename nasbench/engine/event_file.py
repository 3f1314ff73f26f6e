"""TensorBoard's event file, written where an error can be told.

TensorBoard's own writer works in a thread, in which a full disk ends with a traceback and the run
goes on without its curves.
"""

from __future__ import annotations

import io
import itertools
import os
import socket
import time
import warnings
from pathlib import Path
from typing import Any

from nasbench.store.atomic import telling_what_failed

_numbers = itertools.count()


class EventFile:
    """A new event file in a folder; it has the interface of TensorBoard's ``EventFileWriter``.

    Events are kept in memory until :meth:`flush`.

    Args:
        folder: is created.

    Raises:
        MachineError: the file cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        where = f"{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self.path = folder / f"events.out.tfevents.{int(time.time()):010d}.{where}"
        self._pending = io.BytesIO()
        self._records = RecordWriter(self._pending)
        self.add_event(Event(wall_time=time.time(), file_version="brain.Event:2"))
        self.flush()

    def get_logdir(self) -> str:
        """Return the folder."""
        return str(self.path.parent)

    def add_event(self, event: Any) -> None:
        """Keep an ``Event`` for the next flush."""
        self._records.write(event.SerializeToString())

    def flush(self) -> None:
        """Append the events to the file.

        Raises:
            MachineError: they cannot be written.
        """
        with telling_what_failed(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(self._pending.getvalue())
        self._pending.seek(0)
        self._pending.truncate()

    def close(self) -> None:
        """Flush; the file is open during a flush alone."""
        self.flush()


def summary_writer(folder: Path) -> Any:
    """Return torch's ``SummaryWriter`` of a new event file in a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorBoard's own use of numpy and protobuf
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.writer import FileWriter

    class Writer(SummaryWriter):
        def _get_file_writer(self: Any) -> Any:
            if self.file_writer is None:
                self.file_writer = FileWriter.__new__(FileWriter)  # its own file is not opened
                self.file_writer.event_writer = EventFile(folder)
                self.all_writers = {str(folder): self.file_writer}
            return self.file_writer

    return Writer(str(folder))
