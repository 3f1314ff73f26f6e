"""``--task images/``: a folder of pictures with a subfolder for each class."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median_low
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.config import TaskConfig
from nasbench.data import copies, decoding, packed, packed_writer
from nasbench.data.decoding import Bad, Header
from nasbench.data.packed import About
from nasbench.data.watching import watcher
from nasbench.errors import UserError
from nasbench.tasks import packing
from nasbench.tasks.base import Task
from nasbench.tasks.own_data import cached, key_of_pictures

SPELLINGS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Names of folders above those of the classes, in small letters."""

_VERSION = 1  # of how pictures become bytes: a higher one packs them anew
_IGNORED = ("thumbs.db", "desktop.ini", "__macosx")
_NAMED = 5  # files that a message names
_FEW = 10  # training pictures of a class
_BLOCK = 2**25  # bytes that are moved at once

Array = NDArray[Any]


@dataclass(frozen=True)
class Found:
    """A picture in the folder.

    Attributes:
        name: path below the folder.
        part: ``train``, ``val``, ``test``, or ``""`` if the folder names no parts.
        label: name of its class.
        size: bytes of the file.
        changed: time of the last change, ns.
    """

    name: str
    part: str
    label: str
    size: int
    changed: int


@dataclass(frozen=True)
class Listing:
    """What lies in a folder of pictures; no picture has been opened.

    Attributes:
        folder: the folder.
        pictures: by part and class, sorted.
        classes: names of all class folders of the training part, sorted.
        bad: names with reasons: links out of the folder, empty class folders and the like.
        warnings: what else a user should know, a line each.
    """

    folder: Path
    pictures: list[Found]
    classes: list[str]
    bad: list[tuple[str, str]]
    warnings: list[str]


def load(name: str, config: TaskConfig) -> Task:
    """Return the task of a folder of pictures.

    Args:
        name: the folder.
        config: ``size``, ``channels``, ``skip_bad``.

    Raises:
        UserError: the folder or a picture is of no use.
    """
    packing.refuse(name, config, "columns")
    packing.refuse_target(name, config)
    folder = Path(name).expanduser()
    listing = _listing(folder)
    files = [(one.name, one.size, one.changed) for one in listing.pictures]

    def key_of(size: Any, channels: int | None) -> str:
        how = {"size": size, "channels": channels, "skip_bad": config.skip_bad}
        where = os.fsencode(folder.resolve())
        return packed.key("pictures", _VERSION, where, how, files, listing.bad)

    key = key_of_pictures(key_of, config)
    return augmented(cached(name, key, lambda: _Packing(listing, config, key).run()))


def augmented(task: Task) -> Task:
    """Return a task of pictures whose training shifts and, if they are in color, mirrors them.

    Those of numbers to predict stay as they are, since a position or an angle changes with them.
    """
    if task.target == "numbers":
        return task
    height, colour = task.spec.height, task.spec.channels == 3
    # As for CIFAR-10 and MNIST: writing and scans are rarely of use mirrored.
    shift = height // 8 if colour else height // 14
    return replace(task, augmentation=replace(task.augmentation, crop_padding=shift, flip=colour))


def shown(name: str) -> str:
    """Return a file's name as text, whatever its bytes are."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _listing(folder: Path) -> Listing:
    try:
        tops = _folders(folder)
        parts = {
            part: found
            for part, names in SPELLINGS.items()
            if (found := [t for t in tops if t.lower() in names and _folders(folder / t)])
        }
        return _listed(folder, tops, parts)
    except OSError as error:
        raise UserError(
            f"{shown(str(error.filename or folder))}: {plain_files.reason(error)}"
        ) from error


def _listed(folder: Path, tops: list[str], parts: dict[str, list[str]]) -> Listing:
    """Return what lies in a folder whose subfolders and parts are known."""
    named, warnings = f"--task {shown(str(folder))}", []
    for part, found in parts.items():
        if len(found) > 1:
            raise UserError(f"{named}: {' and '.join(found)} both mean the part {part}: keep one")
    if parts and "train" not in parts:
        raise UserError(
            f"{named}: has {next(iter(parts.values()))[0]}/ but no train/ with a folder for each "
            "class"
        )
    if not tops:
        raise UserError(f"{named}: has no subfolders: each class needs one with its pictures")
    walk = _Walk(folder)
    for part, (top,) in parts.items() if parts else [("", ("",))]:
        for label in _folders(folder / top):
            walk.enter(part, label, Path(top, label))
    if parts:
        used = {found[0] for found in parts.values()}
        if left := [top for top in tops if top not in used]:
            warnings.append(f"left out beside train/: {_some(left)}")
    if walk.others:
        others = _count(walk.others, "file")
        warnings.append(f"{others} without a picture's name left out: {_some(walk.others)}")
    trained = {label for part, label in walk.counts if part in ("", "train")}
    classes = sorted(trained, key=os.fsencode)
    if not walk.pictures:
        raise UserError(
            f"{named}: has no pictures in its {_count(classes, 'class folder')} "
            f"({_some(classes)}); pictures end in .png, .jpg, .gif, .bmp, .webp, .tif"
        )
    for (part, label), count in sorted(walk.counts.items()):
        if part not in ("", "train") and label not in classes:
            raise UserError(
                f"{named}: the class {shown(label)} of {parts[part][0]}/ is not in "
                f"{parts['train'][0]}/: allowed: {_some(classes, 20)}"
            )
        if not count and part in ("", "train"):
            walk.bad.append((str(Path(*parts.get(part, ()), label)), "a class without pictures"))
    pictures = sorted(walk.pictures, key=lambda one: (one.part, os.fsencode(one.name)))
    return Listing(folder, pictures, classes, walk.bad, warnings)


def _folders(folder: Path) -> list[str]:
    """Return the names of the subfolders that are not hidden, sorted."""
    with os.scandir(folder) as entries:
        return sorted(
            (one.name for one in entries if not _is_hidden(one.name) and one.is_dir()),
            key=os.fsencode,
        )


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _IGNORED


class _Walk:
    """Collects the pictures of class folders and of the folders in them."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.real = folder.resolve()
        self.pictures: list[Found] = []
        self.counts: Counter[tuple[str, str]] = Counter()
        self.bad: list[tuple[str, str]] = []
        self.others: list[str] = []

    def enter(self, part: str, label: str, below: Path, above: tuple[Path, ...] = ()) -> None:
        """Collect what a folder of a class holds.

        Args:
            part: of the pictures.
            label: their class.
            below: the folder, relative to the root.
            above: the real paths of the folders around it.
        """
        self.counts[part, label] += 0
        real = (self.root / below).resolve()
        if not real.is_relative_to(self.real):
            self.bad.append((str(below), "a link out of the folder"))
            return
        if real in above:
            self.bad.append((str(below), "a link to a folder around it"))
            return
        with os.scandir(self.root / below) as entries:
            inside = sorted(entries, key=lambda one: os.fsencode(one.name))
        for one in inside:
            name = str(below / one.name)
            if _is_hidden(one.name):
                continue
            if one.is_dir():
                self.enter(part, label, below / one.name, (*above, real))
            elif os.path.splitext(one.name)[1].lower() not in decoding.SUFFIXES:  # noqa: PTH122
                self.others.append(name)
            elif one.is_symlink() and not self._leads_inside(one.path):
                self.bad.append((name, "a link out of the folder"))
            elif not one.is_file():
                self.bad.append((name, "a broken link" if one.is_symlink() else "no plain file"))
            else:
                found = one.stat()
                self.counts[part, label] += 1
                self.pictures.append(Found(name, part, label, found.st_size, found.st_mtime_ns))

    def _leads_inside(self, path: str) -> bool:
        return Path(path).resolve().is_relative_to(self.real)


class _Packing:
    """Decodes the pictures of a listing and writes the packed folder."""

    def __init__(self, listing: Listing, config: TaskConfig, key: str) -> None:
        self.listing, self.config, self.key = listing, config, key
        self.named = f"--task {shown(str(listing.folder))}"
        self.warnings = list(listing.warnings)
        self.bad = list(listing.bad)

    def run(self) -> None:
        """Write the packed folder; nothing is written if a picture is bad."""
        pictures = self.listing.pictures
        if len(self.listing.classes) == 1:
            raise UserError(
                f"{self.named}: has one class only, {shown(pictures[0].label)}: a classifier "
                "needs at least two folders of pictures"
            )
        headers = self._headers()
        good = [found for found in headers if isinstance(found, Header)]
        if not good:
            self._refuse_bad()
        grey = sum(found.grey for found in good)
        channels = self.config.channels or (1 if grey == len(good) else 3)
        size = self.config.size or side(good, self.config.most_side)
        pairs = zip(pictures, headers, strict=True)
        readable = [one for one, found in pairs if isinstance(found, Header)]
        with packed.scratch(self.key) as scratch:
            spool = scratch / "pictures"
            kept, digests, thumbs = self._decode(readable, size, channels, spool)
            if not kept or (self.bad and not self.config.skip_bad):
                self._refuse_bad()
            self._warn_of_bad()
            watcher().line(sizes(good, grey, size, channels))
            names, targets = self._classes(kept)
            groups = self._copies(kept, digests, thumbs)
            rows = self._parts(kept, targets, groups)
            counts = np.bincount(targets[rows["train"]], minlength=len(names)).tolist()
            few = [
                f"{n} ({count})" for n, count in zip(names, counts, strict=True) if count < _FEW
            ]
            if few:
                self.warnings.append(f"classes with few pictures to train on: {_some(few)}")
            about = About(
                target="class",
                outputs=len(names),
                class_names=tuple(map(shown, names)),
                note=f"pictures of {shown(str(self.listing.folder))}",
                warnings=tuple(self.warnings),
            )
            self._write(spool, (channels, size, size), rows, targets, about)

    def _headers(self) -> list[Header | Bad]:
        pictures, found = self.listing.pictures, []
        paths = [self.listing.folder / one.name for one in pictures]
        with watcher().progress("looking at pictures", len(paths)) as advance:
            for one, header in zip(pictures, decoding.headers(paths), strict=True):
                found.append(header)
                if isinstance(header, Bad):
                    self.bad.append((one.name, header.reason))
                advance(1)
        return found

    def _decode(
        self, pictures: Sequence[Found], size: int, channels: int, spool: Path
    ) -> tuple[list[Found], Array, Array]:
        """Write the pixels of all readable pictures to a file.

        Returns:
            The pictures, their digests ``(n,)`` and their thumbnails ``(n, THUMB, THUMB)``.
        """
        kept, digests, thumbs = [], [], []
        paths = [self.listing.folder / one.name for one in pictures]
        decoded = decoding.pictures(paths, size, channels)
        with (
            watcher().progress("decoding pictures", len(paths)) as advance,
            spool.open("xb") as file,
        ):
            for one, picture in zip(pictures, decoded, strict=True):
                if isinstance(picture, Bad):
                    self.bad.append((one.name, picture.reason))
                else:
                    file.write(picture.pixels.data)
                    kept.append(one)
                    digests.append(picture.digest)
                    thumbs.append(picture.thumb)
                advance(1)
        side = decoding.THUMB
        return kept, np.array(digests, "V16"), np.array(thumbs, np.uint8).reshape(-1, side, side)

    def _refuse_bad(self) -> None:
        bad = sorted(self.bad)
        whole = ""
        if len(bad) > _NAMED:
            path = packed.root() / f"{self.key}-bad.txt"
            lines = (f"{shown(name)}: {reason}\n" for name, reason in bad)
            path.write_text("".join(lines), encoding="utf-8")
            whole = f"; all of them: {path}"
        raise UserError(
            f"{self.named}: {_count(bad, 'file or folder', 'files or folders')} of no use: "
            f"{_some([f'{name} ({reason})' for name, reason in bad])}; --skip-bad leaves them "
            f"out{whole}"
        )

    def _warn_of_bad(self) -> None:
        if self.bad:
            for name, reason in sorted(self.bad):
                watcher().line(f"left out: {shown(name)} ({reason})")
            self.warnings.append(
                f"{_count(self.bad, 'file or folder', 'files or folders')} left out: "
                f"{_some([name for name, _ in sorted(self.bad)])}"
            )

    def _classes(self, kept: Sequence[Found]) -> tuple[list[str], Array]:
        """Return the names of the classes and the class of each picture, int64 ``(n,)``."""
        counts = Counter(one.label for one in kept if one.part in ("", "train"))
        names = [name for name in self.listing.classes if counts[name]]
        least = 2 if any(one.part == "test" for one in kept) else 3
        few = [f"{name} ({counts[name]})" for name in names if counts[name] < least]
        if few or len(names) < 2:
            what = "classes with too few pictures" if few else "one class only"
            raise UserError(
                f"{self.named}: {what}: {_some(few or names)}; "
                + (f"at least {least} pictures are needed" if few else "at least 2 are needed")
            )
        number = {name: place for place, name in enumerate(names)}
        unknown = sorted({one.label for one in kept if one.label not in number})
        if unknown:
            raise UserError(f"{self.named}: no training pictures of the class {_some(unknown)}")
        return names, np.array([number[one.label] for one in kept], np.int64)

    def _copies(self, kept: Sequence[Found], digests: Array, thumbs: Array) -> Array | None:
        """Return what pictures are copies of each other, and warn of those in several parts."""
        first = copies.same(digests)
        unique = np.flatnonzero(first == np.arange(len(kept)))
        pairs = unique[copies.alike(thumbs[unique])]
        groups = copies.groups(first, pairs)
        if np.array_equal(groups, np.arange(len(kept))):
            return None
        members: dict[int, list[int]] = {}
        for row, group in enumerate(groups.tolist()):
            members.setdefault(group, []).append(row)
        several = [[kept[row] for row in rows] for rows in members.values() if len(rows) > 1]
        for part, other, what in (
            ("test", "train", "test pictures are copies of training pictures"),
            ("test", "val", "test pictures are copies of validation pictures"),
            ("val", "train", "validation pictures are copies of training pictures"),
        ):
            found = [
                f"{shown(one.name)} = {shown(theirs.name)}"
                for group in several
                for theirs in [o for o in group if o.part == other][:1]
                for one in group
                if one.part == part
            ]
            if found:
                self.warnings.append(f"{len(found)} {what}: {_some(found)}")
        mixed = [group for group in several if len({one.label for one in group}) > 1]
        if mixed:
            named = [" = ".join(shown(one.name) for one in group[:2]) for group in mixed]
            self.warnings.append(f"pictures in several classes: {_some(named)}")
        return groups

    def _parts(
        self, kept: Sequence[Found], targets: Array, groups: Array | None
    ) -> dict[str, Array]:
        """Return the rows of each part; a test share is cut off if the folder names none."""
        parts = np.array([one.part or "train" for one in kept])
        rows = {part: np.flatnonzero(parts == part) for part in packed.PARTS}
        if not len(rows["test"]):
            train = rows["train"]
            rest, test = packed.cut(targets[train], None if groups is None else groups[train])
            rows["train"], rows["test"] = train[rest], train[test]
            share = f"{packed.TEST_SHARE:.0%}"
            together = "" if groups is None else ", copies of a picture together"
            watcher().line(
                f"no test part: {share} of each class cut off once and sealed{together}"
            )
        for part in ("val", "test"):
            absent = np.bincount(targets[rows[part]], minlength=targets.max() + 1) == 0
            if len(rows[part]) and absent.any():
                names = sorted({kept[r].label for r in np.flatnonzero(absent[targets]).tolist()})
                self.warnings.append(
                    f"classes without a picture in the part {part}: {_some(names)}"
                )
        return rows

    def _write(
        self,
        spool: Path,
        shape: tuple[int, int, int],
        rows: dict[str, Array],
        targets: Array,
        about: About,
    ) -> None:
        with packed_writer.writing(self.key, about) as out:
            for part, own in rows.items():
                for some in _blocks(own, int(np.prod(shape))):
                    # Mapped anew each time: pages of the last block do not pile up.
                    pixels = np.memmap(spool, np.uint8, "r").reshape(-1, *shape)
                    out.add(part, pixels[some], targets[some])


def _blocks(rows: Array, each: int) -> Iterator[Array]:
    step = max(1, _BLOCK // each)
    for start in range(0, len(rows), step):
        yield rows[start : start + step]


def side(headers: Sequence[Header], most: int | None) -> int:
    """Return the side to which pictures are resized: the median of their shorter sides.

    It is rounded down to a multiple of four, which networks halve twice.
    """
    middle = median_low(min(found.width, found.height) for found in headers)
    middle = middle if most is None else min(middle, most)
    return middle - middle % 4 if middle > 4 else middle


def sizes(headers: Sequence[Header], grey: int, size: int, channels: int) -> str:
    """Return the sizes of the pictures, and what is made of them, in a line."""
    widths, heights = ([getattr(h, one) for h in headers] for one in ("width", "height"))
    least, most = f"{min(widths)}x{min(heights)}", f"{max(widths)}x{max(heights)}"
    every = least if least == most else f"{least} to {most}"
    kinds = [f"{n:,} {what}" for n, what in ((grey, "gray"), (len(headers) - grey, "color")) if n]
    made = f"{size}x{size} {'gray' if channels == 1 else 'color'}"
    return f"pictures of {every} pixels ({', '.join(kinds)}) become {made}"


def _some(names: Sequence[str], most: int = _NAMED) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(shown(name) for name in names[:most]) + more


def _count(things: Sequence[Any], one: str, several: str | None = None) -> str:
    return f"{len(things):,} {one if len(things) == 1 else several or one + 's'}"
