"""Converts recordings to HDF5 files of event images, in several processes.

A worker writes the images of a recording one by one to a spool file in a temporary folder and
returns their number, so no process holds more than one image at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nasbench.errors import UserError
from nasbench.events.events import RecordingError, Size
from nasbench.events.formats import check_chip, may_crash, parts
from nasbench.events.hdf5_writer import ImageWriter, check_output, image_writer
from nasbench.events.images import CHANNELS, Image, Kind, Window, images
from nasbench.events.processes import Progress, parallel_map, scratch_folder
from nasbench.events.recordings import Recording, find, synthetic_attributes
from nasbench.events.text import COLUMNS


@dataclass(frozen=True)
class ImageOptions:
    """How images are made.

    Attributes:
        columns: the column order of text files, a permutation of ``txyp``.
        size: of the sensor; by default the recording's own.
        chip: of AEDAT 2.0 files whose header names none, one of ``aedat.SENSORS``.
        window: which events make one image.
        channels: indices into ``CHANNELS``, in the order of the image's channels.
    """

    columns: str = COLUMNS
    size: Size | None = None
    chip: str | None = None
    window: Window = field(default_factory=Window)
    channels: tuple[int, ...] = tuple(range(len(CHANNELS)))


@dataclass(frozen=True)
class Converted:
    """The images of a recording, or why there are none.

    Attributes:
        recording: the recording.
        spool: the file of its images, one after the other.
        shape: of each image, ``(4, height, width)``.
        stated: of each image, its number of events and the times in microseconds of the first
            and last one.
        error: why there are no images, in one line; empty otherwise.
    """

    recording: Recording
    spool: Path
    shape: tuple[int, ...] = ()
    stated: list[tuple[int, int, int]] = field(default_factory=list)
    error: str = ""

    def pixels(self) -> Iterator[NDArray[np.float32]]:
        """Yield the images, and delete their spool file."""
        with self.spool.open("rb") as file:
            for _ in self.stated:
                yield np.fromfile(file, np.float32, int(np.prod(self.shape))).reshape(self.shape)
        self.spool.unlink()


def convert_recording(
    options: ImageOptions, folder: Path, numbered: tuple[int, Recording]
) -> Converted:
    """Make the images of one recording.

    Args:
        options: how images are made.
        folder: for the spool file.
        numbered: a number, the spool file's name, and the recording.

    Raises:
        OSError: the images cannot be written, which is not an error of the recording.
    """
    number, recording = numbered
    spool, shape, stated = folder / str(number), (), []
    try:  # HDF5 stores names in UTF-8 only
        "".join((recording.person, recording.walk, recording.path.name)).encode()
    except UnicodeEncodeError:
        shown = str(recording).encode(errors="backslashreplace").decode()
        reason = f"{shown}: the name must be in UTF-8; rename the file or folder"
        return Converted(recording, spool, error=reason)
    try:
        with spool.open("wb") as file:
            for image in _images(recording, options):
                pixels = image.pixels[list(options.channels)]
                file.write(pixels.tobytes())
                shape = pixels.shape
                stated.append((image.events, image.first, image.last))
    except UserError as error:
        return Converted(recording, spool, error=str(error))
    if not stated:
        window = options.window
        unit = "events" if window.kind is Kind.EVENTS else "milliseconds"
        reason = f"{recording}: is shorter than one window of {window.length} {unit}"
        return Converted(recording, spool, error=reason)
    return Converted(recording, spool, shape, stated)


def _images(recording: Recording, options: ImageOptions) -> Iterator[Image]:
    """Yield the images of a recording; a file that cannot be read is a ``RecordingError``."""
    try:
        where = recording.path, options.columns, recording.index
        events = parts(*where, options.chip, options.size)
        yield from images(events, str(recording), options.window, options.size)
    except OSError as error:
        raise RecordingError(f"{recording}: {error.strerror or error}") from error


def convert_recordings(
    recordings: list[Recording], options: ImageOptions, folder: Path, jobs: int
) -> Iterator[Converted]:
    """Yield the images of each recording, in order.

    Args:
        recordings: the recordings to convert.
        options: how images are made.
        folder: for temporary files.
        jobs: number of processes; 1 works in this process, unless a file may crash its reader.

    Raises:
        OSError: temporary files cannot be written.
    """

    def killed(numbered: tuple[int, Recording]) -> Converted:
        number, recording = numbered
        reason = "reading it killed the process: it is damaged, or needs too much memory"
        return Converted(recording, folder / str(number), error=f"{recording}: {reason}")

    apart = min(jobs, len(recordings)) > 1 or any(may_crash(one.path) for one in recordings)
    yield from parallel_map(
        partial(convert_recording, options, folder),
        list(enumerate(recordings)),
        jobs,
        killed if apart else None,
    )


@dataclass
class Summary:
    """The result of a conversion.

    Attributes:
        recordings: number of recordings converted.
        images: number of images written.
        refused: one line for each recording that cannot be used.
        written: the files.
        size: of all images.
    """

    recordings: int = 0
    images: int = 0
    refused: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    size: Size | None = None


def convert(
    raw: Path, out: Path, options: ImageOptions, jobs: int, strict: bool, progress: Progress
) -> Summary:
    """Write the event images of all recordings of ``raw``; either all files or none are written.

    Args:
        raw: a recording or a folder of recordings; see :mod:`nasbench.events.recordings`.
        out: the HDF5 file; with splits, ``-train`` and ``-test`` are appended to its stem.
        options: how images are made.
        jobs: number of processes.
        strict: whether to stop at the first recording that cannot be used.
        progress: called with the number of recordings; see
            :data:`~nasbench.events.processes.Progress`.

    Raises:
        UserError: no recording could be used, or with ``strict`` not all of them, or ``out`` is
            a file of another kind.
    """
    recordings = find(raw)
    options = replace(options, chip=check_chip(options.chip, (one.path for one in recordings)))
    check_output(out, {recording.split for recording in recordings})
    attributes = {
        "axes": "channel,y,x",
        "channels": ",".join(CHANNELS[place] for place in options.channels),
        "columns": options.columns,
        "sensor": "as recorded" if options.size is None else str(options.size),
        "source": raw.resolve().name.encode(errors="backslashreplace").decode(),
        "window": str(options.window),
        **synthetic_attributes(recordings),
    }
    summary = Summary()
    with (
        image_writer(out, attributes) as writer,
        scratch_folder(out.parent) as folder,
        progress(len(recordings)) as advance,
    ):
        for converted in convert_recordings(recordings, options, folder, jobs):
            _add(converted, raw, writer, summary, strict)
            advance()
        if not summary.images:
            raise UserError(
                f"{raw}: no recording can be used; the first reason: {summary.refused[0]}"
            )
        summary.written = writer.finish()
    return summary


def _add(
    converted: Converted, raw: Path, writer: ImageWriter, summary: Summary, strict: bool
) -> None:
    """Write a recording's images, or note why there are none."""
    recording, reason = converted.recording, converted.error
    if not reason:
        size = Size(converted.shape[2], converted.shape[1])
        summary.size = summary.size or size
        if size != summary.size:
            reason = f"{recording}: its sensor is {size}; must be {summary.size}, like the others"
    if reason and strict:
        raise RecordingError(reason)
    if reason:
        summary.refused.append(reason)
        converted.spool.unlink(missing_ok=True)
        return
    source = str(recording.path.relative_to(raw)) if raw.is_dir() else raw.name
    several = len(converted.stated) > 1
    pairs = zip(converted.pixels(), converted.stated, strict=True)
    for number, (pixels, (events, first, last)) in enumerate(pairs):
        name = f"{recording.walk}-{number}" if several else recording.walk
        about = {"events": events, "first_us": first, "last_us": last}
        writer.add(
            (recording.split, recording.person, name),
            pixels,
            {"source": source, "walk": recording.walk, **about},
        )
    summary.recordings += 1
    summary.images += len(converted.stated)
