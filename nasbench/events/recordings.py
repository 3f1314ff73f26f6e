"""Finds and names the recordings of a folder or file, and the mark of synthetic ones.

DVS128-Gait's layout is ``{train,test}/{person}/{walk}.txt``. The folders train and test are
optional, and so are the persons: without them, recordings belong to person 0.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from nasbench import plain_json
from nasbench.errors import UserError
from nasbench.events import npz
from nasbench.events.formats import SUFFIXES, Format, detect_format

SPLITS = ("train", "test")
DEFAULT_PERSON = "0"
SYNTHETIC_FILE = "synthetic.json"
SYNTHETIC_FORMAT = "nasbench-synthetic/1"


@dataclass(frozen=True)
class Recording:
    """A recording, and where its images are stored.

    Attributes:
        path: of its file.
        person: name of the HDF5 group of its images.
        walk: its name among the recordings of the person.
        split: ``train``, ``test``, or ``None`` without splits.
        index: its number in a packed ``.npz`` file, from 0.
    """

    path: Path
    person: str
    walk: str
    split: str | None = None
    index: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.index is None else f"{self.path}: recording {self.index}"


def find(raw: Path) -> list[Recording]:
    """Return the recordings of a file or a folder, sorted by split, person and walk.

    Raises:
        UserError: ``raw`` does not exist or holds no recordings, or two have the same name.
    """
    if raw.is_file():
        found = [Recording(raw, DEFAULT_PERSON, raw.name.partition(".")[0])]
    elif raw.is_dir():
        found = []
        for path in _recording_files(raw):
            *folders, name = path.relative_to(raw).parts
            split = folders.pop(0) if folders and folders[0] in SPLITS else None
            person = "-".join(folders) or DEFAULT_PERSON
            found.append(Recording(path, person, name.partition(".")[0], split))
    else:
        raise UserError(f"{raw}: no such file or folder")
    if not found:
        raise UserError(
            f"{raw} holds no recordings: their names must end in {', '.join(SUFFIXES)}"
        )
    used = Counter((one.split, one.person, one.walk) for one in found)
    first: dict[tuple[str | None, str, str], Recording] = {}
    for one in found:
        if used[one.split, one.person, one.walk] > 1:
            one = replace(one, walk=one.path.name)  # the part before the dot is ambiguous
        for unpacked in _unpacked(one, several=len(found) > 1):
            # Different folders may give the same person, as a/b-c and a-b/c do.
            place = unpacked.split, unpacked.person, unpacked.walk
            other = first.setdefault(place, unpacked)
            if other is not unpacked:
                raise UserError(
                    f"{other} and {unpacked} would both be walk {unpacked.walk} of person "
                    f"{unpacked.person}: rename a folder or a file"
                )
    return sorted(first.values(), key=_order)


def _recording_files(raw: Path) -> Iterator[Path]:
    """Yield the visible files below a folder that are named like a recording.

    Links are followed, and each folder is visited once. A compressed recording is included unless
    it has been unpacked beside it: reading it raises an error that says so.
    """
    seen, starts = set(), [raw]
    for start in starts:  # grows by the links found, so that a folder comes before links to it
        for folder, inner, names in os.walk(start):
            here = Path(folder)
            about = here.stat()
            inner[:] = sorted(one for one in inner if not one.startswith("."))
            if (about.st_dev, about.st_ino) in seen:
                inner.clear()
                continue
            seen.add((about.st_dev, about.st_ino))
            starts += [here / one for one in inner if (here / one).is_symlink()]
            for path in (here / name for name in names if not name.startswith(".")):
                plain = path
                if path.suffix.lower() == ".gz" and not path.with_suffix("").exists():
                    plain = path.with_suffix("")
                if plain.suffix.lower() in SUFFIXES and path.is_file():
                    yield path


def _unpacked(recording: Recording, several: bool) -> list[Recording]:
    """Return the recordings of a packed file, named by label; else the recording itself.

    With ``several`` files, names begin with that of the file, as a number alone is not unique.
    """
    try:
        packed = detect_format(recording.path) is Format.NPZ and npz.samples(recording.path)
    except (UserError, OSError):
        return [recording]  # its reader reports the error
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
    """Return a sort key with train before test, and ``2`` before ``10``."""
    key: list[tuple[int, int | str]] = [(0, SPLITS.index(recording.split or "train"))]
    for name in (recording.person, recording.walk):
        key += [*natural(name), (0, 0)]
    return key


def natural(name: str) -> list[tuple[int, int | str]]:
    """Return a sort key that compares the numbers in names: ``2`` comes before ``10``."""
    pieces = [piece for piece in re.split(r"(\d+)", name) if piece]
    return [(1, int(one)) if one.isdecimal() else (2, one) for one in pieces]


def mark_synthetic(folder: Path, seed: int) -> None:
    """Mark ``folder`` as holding synthetic recordings drawn from ``seed``; create it if missing.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{SYNTHETIC_FILE}"
    temporary.write_text(json.dumps({"format": SYNTHETIC_FORMAT, "seed": seed}) + "\n", "utf-8")
    temporary.replace(folder / SYNTHETIC_FILE)


def is_synthetic(folder: Path, seed: int) -> bool:
    """Return whether ``folder`` is marked as drawn from ``seed``."""
    try:
        mark = plain_json.read(folder / SYNTHETIC_FILE)
    except UserError:
        return False
    return bool(mark == {"format": SYNTHETIC_FORMAT, "seed": seed})


def synthetic_attributes(recordings: Iterable[Recording]) -> dict[str, str]:
    """Return the HDF5 attribute that marks images as synthetic, if a recording is."""
    paths = {recording.path.resolve() for recording in recordings}
    # In {split}/{person}/{walk}.txt the mark is also found from a single recording or person.
    folders = {folder for path in paths for folder in path.parents[:3]}
    synthetic = any((folder / SYNTHETIC_FILE).is_file() for folder in folders)
    return {"synthetic": "made-up walkers, no real recordings"} if synthetic else {}
