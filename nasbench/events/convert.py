"""Many recordings to their images, in several processes.

A worker writes the images of a recording one by one to a file in a temporary folder and tells how
many there are, so no process holds more than one of them, however many windows a recording has.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.events import Refused, Size
from nasbench.events.formats import may_kill, parts
from nasbench.events.images import CHANNELS, Image, images
from nasbench.events.layout import Recording
from nasbench.events.processes import shared
from nasbench.events.text import COLUMNS
from nasbench.events.window import Kind, Window


@dataclass(frozen=True)
class Options:
    """How images are made.

    Attributes:
        columns: the order of a text file's columns.
        size: the sensor's, the recordings' own by default.
        window: which events make one image.
        channels: which of ``CHANNELS`` stands at each place.
    """

    columns: str = COLUMNS
    size: Size | None = None
    window: Window = field(default_factory=Window)
    channels: tuple[int, ...] = tuple(range(len(CHANNELS)))


@dataclass(frozen=True)
class Made:
    """What became of a recording.

    Attributes:
        recording: it.
        spool: the file with its images, one after the other.
        shape: of each image: 4, height, width.
        stated: of each image: its number of events, first and last time in microseconds.
        refused: why it has no images, in one line; empty otherwise.
    """

    recording: Recording
    spool: Path
    shape: tuple[int, ...] = ()
    stated: list[tuple[int, int, int]] = field(default_factory=list)
    refused: str = ""

    def pixels(self) -> Iterator[NDArray[np.float32]]:
        """Yield the images, and take their file away."""
        with self.spool.open("rb") as file:
            for _ in self.stated:
                yield np.fromfile(file, np.float32, int(np.prod(self.shape))).reshape(self.shape)
        self.spool.unlink()


def convert(options: Options, folder: Path, numbered: tuple[int, Recording]) -> Made:
    """Make the images of one recording; ``numbered``: its number and itself.

    Raises:
        OSError: there is no room for the images, which is no fault of the recording.
    """
    number, recording = numbered
    spool, shape, stated = folder / str(number), (), []
    try:
        _check_name(recording)
        with spool.open("wb") as file:
            for image in _drawn(recording, options):
                pixels = image.pixels[list(options.channels)]
                file.write(pixels.tobytes())
                shape = pixels.shape
                stated.append((image.events, image.first, image.last))
    except UserError as error:
        return Made(recording, spool, refused=str(error))
    if not stated:
        return Made(recording, spool, refused=_too_short(recording, options.window))
    return Made(recording, spool, shape, stated)


def _check_name(recording: Recording) -> None:
    """Raise where HDF5, which takes UTF-8 only, cannot store the name."""
    try:
        "".join((recording.person, recording.walk, recording.path.name)).encode()
    except UnicodeEncodeError as error:
        shown = str(recording).encode(errors="backslashreplace").decode()
        raise Refused(f"{shown}: names in UTF-8 are allowed; rename the file or folder") from error


def _drawn(recording: Recording, options: Options) -> Iterator[Image]:
    """Yield the images of a recording; a file that cannot be read is refused."""
    try:
        events = parts(recording.path, options.columns, recording.index)
        yield from images(events, str(recording), options.window, options.size)
    except OSError as error:
        raise Refused(f"{recording}: {error.strerror or error}") from error


def _too_short(recording: Recording, window: Window) -> str:
    unit = "events" if window.kind is Kind.EVENTS else "milliseconds"
    return f"{recording}: it is shorter than one window; {window.length} {unit} are needed"


def convert_all(
    recordings: list[Recording], options: Options, folder: Path, jobs: int
) -> Iterator[Made]:
    """Yield what becomes of each recording, in their order.

    Args:
        recordings: what to read.
        options: how.
        folder: for temporary files.
        jobs: processes; with 1 all is done in this one, unless the reading could kill it.

    Raises:
        OSError: there is no room for temporary files.
    """
    numbered = list(enumerate(recordings))
    apart = min(jobs, len(recordings)) > 1 or any(may_kill(one.path) for one in recordings)
    killed = partial(_killed, folder) if apart else None
    yield from shared(partial(convert, options, folder), numbered, jobs, killed)


def _killed(folder: Path, numbered: tuple[int, Recording]) -> Made:
    number, recording = numbered
    reason = "it is damaged, or takes too much memory: reading it killed the process"
    return Made(recording, folder / str(number), refused=f"{recording}: {reason}")
