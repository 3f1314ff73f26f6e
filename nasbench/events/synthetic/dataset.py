"""Made-up walks as text files in DVS128-Gait's layout, ``{train,test}/{person}/{walk}.txt``.

The file ``synthetic.json`` beside ``train`` and ``test`` marks the folder; see ``marker``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nasbench.errors import UserError
from nasbench.events.events import Events
from nasbench.events.formats import SUFFIXES
from nasbench.events.gait import Progress
from nasbench.events.layout import SPLITS
from nasbench.events.processes import shared
from nasbench.events.synthetic import marker
from nasbench.events.synthetic.scene import Scene, frames
from nasbench.events.synthetic.sensor import FRAME_US, events
from nasbench.events.synthetic.walker import Person, Walk, skeleton

FRAMES = 150  # of a walk: 1.2 s, about one cycle of two steps
_PERSON, _WALK = 0, 1  # what a random stream is for


class Place(NamedTuple):
    """A walk's file: ``split`` is ``train`` or ``test``, person counts from 0, walk from 1."""

    split: str
    person: int
    walk: int

    def below(self, folder: Path) -> Path:
        """Return the path of the file."""
        return folder / self.split / str(self.person) / f"{self.walk}.txt"


def record(place: Place, seed: int) -> Events:
    """Return the events of one walk; they depend on nothing but the arguments."""
    person = Person.drawn(np.random.default_rng([seed, _PERSON, place.person]))
    names = SPLITS.index(place.split), place.person, place.walk
    stream = np.random.default_rng([seed, _WALK, *names])
    walk = Walk.drawn(stream)
    limbs, radii = skeleton(person, walk, np.arange(FRAMES) * FRAME_US / 1e6)
    scene = Scene.drawn(stream, len(limbs))
    return events(frames(limbs, radii, scene), stream)


def write(
    out: Path, persons: int, walks: Mapping[str, int], seed: int, jobs: int, progress: Progress
) -> int:
    """Write the files of all walks below ``out``, the same bytes for the same seed.

    Args:
        out: the folder; it may hold the files of an earlier call with this seed, and is completed.
        persons: how many.
        walks: how many of each person, by split.
        seed: of all that is random, at least 0.
        jobs: processes.
        progress: called with the number of walks, and then after each.

    Returns:
        The number of files.

    Raises:
        UserError: ``out`` holds other recordings, or cannot be written.
    """
    places = [
        Place(split, person, walk)
        for split in SPLITS
        for person in range(persons)
        for walk in range(1, walks[split] + 1)
    ]
    _check_others(out, {place.below(out) for place in places}, seed)
    try:
        marker.write(
            out, seed
        )  # before all others, so that a call that was killed can be repeated
        with progress(len(places)) as advance:
            for _ in shared(partial(_write_one, out, seed), places, jobs):
                advance()
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error
    return len(places)


def text(recorded: Events) -> bytes:
    """Return the lines ``t x y p`` of a recording."""
    table = np.stack([recorded.t, recorded.x, recorded.y, recorded.p], axis=1, dtype=np.int64)
    return ("%d %d %d %d\n" * len(table) % tuple(table.ravel().tolist())).encode()


def _write_one(out: Path, seed: int, place: Place) -> None:
    path = place.below(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(text(record(place, seed)))
    temporary.replace(path)


def _check_others(out: Path, ours: set[Path], seed: int) -> None:
    """Raise where recordings would be overwritten, or mixed with ours."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is no folder")
    replaced = ours if marker.is_of(out, seed) else set()
    for path in sorted(out.rglob("*")):
        recording = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        if recording and path not in replaced:
            raise UserError(f"{out} holds {path.relative_to(out)} already: choose another folder")
