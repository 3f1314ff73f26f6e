"""Which recordings a folder or a file holds, and what they are called.

DVS128-Gait's layout is ``{train,test}/{person}/{walk}.txt``. The folders train and test may be
missing, and so may the persons: such recordings belong to person 0.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from nasbench.errors import UserError
from nasbench.events import npz
from nasbench.events.formats import SUFFIXES, Format, recognise

SPLITS = ("train", "test")
NOBODY = "0"


@dataclass(frozen=True)
class Recording:
    """A recording, and the place of its images.

    Attributes:
        path: its file.
        person: the group that its images go to.
        walk: its name among those of the person.
        split: ``train``, ``test``, or ``None`` where there are no splits.
        index: its place in a packed ``.npz`` file.
    """

    path: Path
    person: str
    walk: str
    split: str | None = None
    index: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.index is None else f"{self.path}: recording {self.index}"


def find(raw: Path) -> list[Recording]:
    """Return the recordings of a file or a folder, by split, person and walk.

    Raises:
        UserError: there is nothing, or no file whose name ends like a recording's.
    """
    if raw.is_file():
        found = [Recording(raw, NOBODY, raw.name.partition(".")[0])]
    elif raw.is_dir():
        files = [path for path in raw.rglob("*") if path.suffix.lower() in SUFFIXES]
        visible = [path for path in files if path.is_file() and not _hidden(path, raw)]
        found = [_placed(path, raw) for path in visible]
    else:
        raise UserError(f"{raw}: there is no such file or folder")
    if not found:
        raise UserError(f"{raw} holds no recordings; names ending in {', '.join(SUFFIXES)} are")
    several = len(found) > 1
    unpacked = [one for recording in _distinct(found) for one in _unpacked(recording, several)]
    return sorted(unpacked, key=_order)


def _hidden(path: Path, raw: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(raw).parts)


def _placed(path: Path, raw: Path) -> Recording:
    """Name a recording by the folders it lies in."""
    *folders, name = path.relative_to(raw).parts
    split = folders.pop(0) if folders and folders[0] in SPLITS else None
    return Recording(path, "-".join(folders) or NOBODY, name.partition(".")[0], split)


def _distinct(found: list[Recording]) -> list[Recording]:
    """Name recordings by their whole file names where the first part of it is not enough."""
    used = Counter((one.split, one.person, one.walk) for one in found)
    return [
        replace(one, walk=one.path.name) if used[one.split, one.person, one.walk] > 1 else one
        for one in found
    ]


def _unpacked(recording: Recording, several: bool) -> list[Recording]:
    """Return the recordings of a packed file by their labels, or the one that it is.

    ``several``: there are other files, so that a number alone could be taken.
    """
    try:
        packed = recognise(recording.path) is Format.NPZ and npz.samples(recording.path)
    except (UserError, OSError):
        return [recording]  # its reader tells what is wrong
    if not packed:
        return [recording]
    seen: Counter[tuple[int, int]] = Counter()
    found = []
    for index, (label, split) in enumerate(packed):
        seen[label, split] += 1
        walk = f"{recording.walk}-" * several + str(seen[label, split])
        found.append(Recording(recording.path, str(label), walk, SPLITS[split != 0], index))
    return found


def _order(recording: Recording) -> list[tuple[int, int | str]]:
    """Return a key that sorts ``2`` before ``10``, train before test."""
    key: list[tuple[int, int | str]] = [(0, SPLITS.index(recording.split or "train"))]
    for name in (recording.person, recording.walk):
        key += [*natural(name), (0, 0)]
    return key


def natural(name: str) -> list[tuple[int, int | str]]:
    """Return a key that sorts names by the numbers in them: ``2`` before ``10``."""
    pieces = [piece for piece in re.split(r"(\d+)", name) if piece]
    return [(1, int(one)) if one.isdecimal() else (2, one) for one in pieces]
