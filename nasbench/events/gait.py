"""Recordings in DVS128-Gait's layout to HDF5 files of event images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from nasbench.errors import UserError
from nasbench.events import destination, layout
from nasbench.events.convert import Made, Options, convert_all
from nasbench.events.events import Refused, Size
from nasbench.events.hdf5 import Files, files
from nasbench.events.images import CHANNELS
from nasbench.events.scratch import scratch
from nasbench.events.synthetic import marker

Advance = Callable[[], None]
Progress = Callable[[int], AbstractContextManager[Advance]]


@dataclass
class Summary:
    """What was done: recordings read, images made, one line for each refused one, the files."""

    recordings: int = 0
    images: int = 0
    refused: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    size: Size | None = None  # of all images


def make(
    raw: Path, out: Path, options: Options, jobs: int, strict: bool, progress: Progress
) -> Summary:
    """Write the event images of all recordings of ``raw``, whole files or none.

    Args:
        raw: a file, or a folder; see ``layout``.
        out: the HDF5 file; with splits ``-train`` and ``-test`` are added to its name.
        options: how images are made.
        jobs: processes.
        strict: whether the first refused recording ends all.
        progress: called with the number of recordings, and then after each.

    Raises:
        UserError: nothing could be read, or with ``strict`` not everything, or ``out`` is a file
            of another kind.
    """
    recordings = layout.find(raw)
    destination.check(out, {recording.split for recording in recordings})
    summary = Summary()
    with (
        files(out, _attributes(raw, options) | marker.attributes(recordings)) as opened,
        scratch(out.parent) as folder,
        progress(len(recordings)) as advance,
    ):
        for made in convert_all(recordings, options, folder, jobs):
            _take(made, raw, opened, summary, strict)
            advance()
        if not summary.images:
            raise UserError(
                f"{raw}: nothing could be read; the first reason: {summary.refused[0]}"
            )
        summary.written = opened.finish()
    return summary


def _attributes(raw: Path, options: Options) -> dict[str, str]:
    return {
        "axes": "channel,y,x",
        "channels": ",".join(CHANNELS[place] for place in options.channels),
        "columns": options.columns,
        "sensor": "as recorded" if options.size is None else str(options.size),
        "source": raw.resolve().name.encode(errors="backslashreplace").decode(),
        "window": str(options.window),
    }


def _take(made: Made, raw: Path, opened: Files, summary: Summary, strict: bool) -> None:
    """Write a recording's images, or note why there are none."""
    reason = made.refused or _other_size(made, summary)
    if reason and strict:
        raise Refused(reason)
    if reason:
        summary.refused.append(reason)
        made.spool.unlink(missing_ok=True)
        return
    recording = made.recording
    for walk, pixels, stated in zip(_names(made), made.pixels(), made.stated, strict=True):
        about = dict(zip(("events", "first_us", "last_us"), stated, strict=True))
        source = str(recording.path.relative_to(raw)) if raw.is_dir() else raw.name
        place = (recording.split, recording.person, walk)
        opened.add(place, pixels, {"source": source, "walk": recording.walk, **about})
    summary.recordings += 1
    summary.images += len(made.stated)


def _other_size(made: Made, summary: Summary) -> str:
    """Return why the images do not fit to those before; empty where they do."""
    size = Size(made.shape[2], made.shape[1])
    summary.size = summary.size or size
    if size == summary.size:
        return ""
    return f"{made.recording}: its sensor is {size}; {summary.size} is allowed, as before"


def _names(made: Made) -> Iterator[str]:
    """Yield the images' names: the walk's, with a number behind where it has several."""
    walk, several = made.recording.walk, len(made.stated) > 1
    for number in range(len(made.stated)):
        yield f"{walk}-{number}" if several else walk
