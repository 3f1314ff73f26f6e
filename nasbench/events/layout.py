"""Which recordings a folder or a file holds, and what they are called.

DVS128-Gait's layout is ``{train,test}/{person}/{walk}.txt``. The folders train and test may be
missing, and so may the persons: such recordings belong to person 0.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
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
        UserError: there is nothing, or no file whose name ends like a recording's, or two would
            have the same name.
    """
    if raw.is_file():
        found = [Recording(raw, NOBODY, raw.name.partition(".")[0])]
    elif raw.is_dir():
        found = [_placed(path, raw) for path in _files(raw) if _is_recording(path)]
    else:
        raise UserError(f"{raw}: there is no such file or folder")
    if not found:
        raise UserError(f"{raw} holds no recordings; names ending in {', '.join(SUFFIXES)} are")
    several = len(found) > 1
    unpacked = [one for recording in _distinct(found) for one in _unpacked(recording, several)]
    _check_distinct(unpacked)
    return sorted(unpacked, key=_order)


def _files(raw: Path) -> Iterator[Path]:
    """Yield the files below a folder but hidden ones; links are followed, each folder once."""
    seen, starts = set(), [raw]
    for start in starts:  # grows by the links that are met: a folder itself comes before these
        for folder, inner, names in os.walk(start):
            here = Path(folder)
            about = here.stat()
            inner[:] = sorted(one for one in inner if not one.startswith("."))
            if (about.st_dev, about.st_ino) in seen:
                inner.clear()
                continue
            seen.add((about.st_dev, about.st_ino))
            starts += [here / one for one in inner if (here / one).is_symlink()]
            yield from (here / name for name in names if not name.startswith("."))


def _is_recording(path: Path) -> bool:
    """Whether a file is called like a recording, or like a compressed one, which is refused."""
    name = path
    if path.suffix.lower() == ".gz" and not path.with_suffix("").exists():
        name = path.with_suffix("")
    return name.suffix.lower() in SUFFIXES and path.is_file()


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


def _check_distinct(found: list[Recording]) -> None:
    """Raise where folders that differ make the same person: ``a/b-c`` and ``a-b/c``."""
    first: dict[tuple[str | None, str, str], Recording] = {}
    for one in found:
        other = first.setdefault((one.split, one.person, one.walk), one)
        if other is not one:
            raise UserError(
                f"{other} and {one} would both be walk {one.walk} of person {one.person}: "
                "rename a folder or a file"
            )


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
