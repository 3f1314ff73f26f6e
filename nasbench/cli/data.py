"""``nasbench data``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from nasbench.cli.output import note, tell
from nasbench.errors import UserError

CORES = os.cpu_count() or 1

app = typer.Typer(help="Prepare data sets.", rich_markup_mode=None)

Raw = Annotated[Path, typer.Argument(help="A folder of recordings, or a single recording.")]
Out = Annotated[Path, typer.Option("--out", help="HDF5 file to write; one per split.")]
WindowText = Annotated[
    str, typer.Option("--window", help="Events of one image: file, '20000 events' or 50ms.")
]
Sensor = Annotated[
    str | None,
    typer.Option("--sensor", help="WIDTHxHEIGHT. [default: the recording's own, or 128x128]"),
]
Chip = Annotated[
    str | None,
    typer.Option("--chip", help="Chip of AEDAT 2.0 files that name none, for example davis346."),
]
Channels = Annotated[
    str | None,
    typer.Option(
        "--channels",
        help="Order of the channels. [default: pos-count,neg-count,pos-time,neg-time]",
    ),
]
Columns = Annotated[str, typer.Option("--columns", help="Column order of text files.")]
Picture = Annotated[Path, typer.Option("--out", help="Picture to write: .png or .svg.")]
First = Annotated[int, typer.Option("--first", min=1, max=12, help="Number of images.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=1024, help="Number of processes.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first recording that cannot be used.")
]
Folder = Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write the recordings to.")]
Persons = Annotated[int, typer.Option("--persons", min=1, max=10**4, help="Number of persons.")]
Walks = Annotated[
    int, typer.Option("--walks", min=1, max=10**4, help="Walks per person, in train and in test.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Random seed.")]


@app.callback()
def _top() -> None:
    """Prepare data sets."""


@app.command("gait", epilog="Example: nasbench data gait origin --out gait.h5")
def gait(
    raw: Raw,
    out: Out = Path("gait.h5"),
    window: WindowText = "file",
    sensor: Sensor = None,
    chip: Chip = None,
    channels: Channels = None,
    columns: Columns = "txyp",
    jobs: Jobs = CORES,
    strict: Strict = False,
) -> None:
    """Convert event-camera recordings to event images."""
    from nasbench.events.convert import ImageOptions, convert
    from nasbench.events.events import parse_size
    from nasbench.events.images import CHANNELS, channel_order, parse_window
    from nasbench.events.processes import clean_up_on_sigterm, progress_bar
    from nasbench.events.text import check_columns

    options = ImageOptions(
        columns=check_columns(columns),
        size=None if sensor is None else parse_size(sensor),
        chip=chip,
        window=parse_window(window),
        channels=channel_order(channels or ",".join(CHANNELS)),
    )
    with clean_up_on_sigterm():
        done = convert(raw, out, options, jobs, strict, progress_bar)
    for line in done.refused:
        note(f"refused: {line}")
    tell(f"{done.recordings} recordings, {done.images} images, {len(done.refused)} refused")
    for path in done.written:
        tell(f"written: {path}")


@app.command("gait-synthetic", epilog="Example: nasbench data gait-synthetic origin --walks 50")
def gait_synthetic(
    out: Folder, persons: Persons = 21, walks: Walks = 20, seed: Seed = 0, jobs: Jobs = CORES
) -> None:
    """Write synthetic recordings of walking persons, as text in DVS128-Gait's layout."""
    from nasbench.events.processes import progress_bar
    from nasbench.events.recordings import SPLITS
    from nasbench.events.synthetic import write

    made = write(out, persons, dict.fromkeys(SPLITS, walks), seed, jobs, progress_bar)
    tell(f"written: {made} synthetic recordings in {out}")


@app.command("draw", epilog="Example: nasbench data draw walk.aedat --window 50ms --first 4")
def draw_event_images(
    raw: Raw,
    out: Picture = Path("events.png"),
    window: WindowText = "file",
    sensor: Sensor = None,
    chip: Chip = None,
    columns: Columns = "txyp",
    first: First = 6,
) -> None:
    """Draw the first event images of a recording, or one for each person or class."""
    from itertools import islice

    from nasbench.events.events import parse_size
    from nasbench.events.formats import check_chip, parts
    from nasbench.events.images import images, parse_window
    from nasbench.events.recordings import find
    from nasbench.events.text import check_columns
    from nasbench.report.plots import draw_event_images

    how, size = parse_window(window), None if sensor is None else parse_size(sensor)
    found, order = find(raw), check_columns(columns)
    persons = {recording.person: recording for recording in reversed(found)}
    chosen = list(persons.values())[::-1] if len(persons) > 1 else found[:1]
    chip = check_chip(chip, (one.path for one in chosen[:first]))
    shown = []
    for recording in chosen[:first]:
        events = parts(recording.path, order, recording.index, chip, size)
        made = images(events, str(recording), how, size)
        name = recording.path.stem if len(persons) == 1 else recording.person
        several = first if len(persons) == 1 else 1
        shown += [(f"{name}\n{i.events:,} events", i.pixels) for i in islice(made, several)]
    if not shown:
        raise UserError(f"{raw}: is shorter than one window of {window}; choose a shorter window")
    tell(f"written: {draw_event_images(shown, out)}")
