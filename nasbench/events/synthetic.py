"""Synthetic recordings of walking persons, to use when the real ones are not available.

``walker`` moves limbs and ``camera`` turns them into events; no loop runs over pixels or events.
Recordings are text files in DVS128-Gait's layout, ``{train,test}/{person}/{walk}.txt``, and the
file ``synthetic.json`` marks their folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nasbench.errors import UserError
from nasbench.events.camera import FRAME_US, Scene, events, frames
from nasbench.events.events import Events
from nasbench.events.formats import SUFFIXES
from nasbench.events.processes import Progress, parallel_map
from nasbench.events.recordings import SPLITS, is_synthetic, mark_synthetic
from nasbench.events.walker import Person, Walk, skeleton

FRAMES = 150  # of a walk: 1.2 s, about one cycle of two steps
_PERSON, _WALK = 0, 1  # the purpose of a random stream


class WalkFile(NamedTuple):
    """One walk: ``split`` is ``train`` or ``test``, persons count from 0, walks from 1."""

    split: str
    person: int
    walk: int

    def below(self, folder: Path) -> Path:
        """Return the path of the walk's file."""
        return folder / self.split / str(self.person) / f"{self.walk}.txt"


def record(one: WalkFile, seed: int) -> Events:
    """Return the events of one walk, a function of the arguments alone."""
    person = Person.drawn(np.random.default_rng([seed, _PERSON, one.person]))
    names = SPLITS.index(one.split), one.person, one.walk
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
        out: the folder; an interrupted call with the same seed is completed.
        persons: number of persons, at least 1.
        walks: number of walks of each person, by split.
        seed: of all random draws, at least 0.
        jobs: number of processes.
        progress: called with the number of walks; see :data:`~nasbench.events.processes.Progress`.

    Returns:
        The number of files.

    Raises:
        UserError: ``out`` holds other recordings, or cannot be written.
    """
    files = [
        WalkFile(split, person, walk)
        for split in SPLITS
        for person in range(persons)
        for walk in range(1, walks[split] + 1)
    ]
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is not a folder")
    replaced = {one.below(out) for one in files} if is_synthetic(out, seed) else set()
    for path in sorted(out.rglob("*")):
        recording = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        if recording and path not in replaced:  # never overwritten, nor mixed with these
            raise UserError(f"{out} already holds {path.relative_to(out)}: choose another folder")
    try:
        mark_synthetic(out, seed)  # first, so that a call that was killed can be repeated
        with progress(len(files)) as advance:
            for _ in parallel_map(partial(_write_one, out, seed), files, jobs):
                advance()
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror or error}") from error
    return len(files)


def text(recorded: Events) -> bytes:
    """Return the lines ``t x y p`` of a recording."""
    table = np.stack([recorded.t, recorded.x, recorded.y, recorded.p], axis=1, dtype=np.int64)
    return ("%d %d %d %d\n" * len(table) % tuple(table.ravel().tolist())).encode()


def _write_one(out: Path, seed: int, one: WalkFile) -> None:
    path = one.below(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    temporary.write_bytes(text(record(one, seed)))
    temporary.replace(path)
