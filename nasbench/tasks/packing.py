"""Packs arrays of any source: recognizes their layout, checks them, and cuts a test share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.config import TaskConfig, flag
from nasbench.data import copies, packed, packed_writer
from nasbench.data.packed import PARTS, About
from nasbench.data.watching import watcher
from nasbench.errors import UserError
from nasbench.tasks import checks

CHUNK = 1 << 24
"""Bytes of examples that are read at once."""
OF_OWN_DATA = ("target", "size", "channels", "skip_bad", "columns")
"""Options that say how the user's own data are read; a task says it itself."""
_CHANNELS = (1, 2, 3, 4)  # of images whose channels may come last
_MOST_TOKENS = 2**24
_MOST_SIDES = 6

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Source:
    """The examples of one part, which are read chunk by chunk.

    Attributes:
        shape: ``(n, ...)`` as they are stored.
        dtype: as they are stored.
        chunks: returns an iterator over consecutive rows; each call begins anew.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: Callable[[], Iterator[Array]]

    @classmethod
    def of(cls, array: Array) -> Source:
        """Return the rows of an array, which may be mapped from a file."""

        def chunks() -> Iterator[Array]:
            each = rows_at_once(array.shape, array.dtype)
            for start in range(0, len(array), each):
                yield np.asarray(array[start : start + each])

        return cls(array.shape, array.dtype, chunks)


@dataclass(frozen=True, eq=False)
class Raw:
    """What a reader found, as it was stored; each mapping has the same parts.

    Attributes:
        examples: of each part: ``train`` and, if the source has them, ``val`` and ``test``.
        targets: of each part ``(n,)`` or ``(n, k)``, see :func:`nasbench.tasks.checks.targets`.
        groups: of each part ``(n,)``, integers or text; empty without groups.
        names: of the classes, or of the columns of targets.
        columns: names of the features of examples ``(n, features)``, for messages.
        notes: what the user should know.
        twins: of each part int64 ``(n,)``: copies share a number, in all parts. A test share that
            is cut off keeps them together. Without twins, equal bytes are copies.
        titles: names of the examples of each part, for messages.
    """

    examples: Mapping[str, Source]
    targets: Mapping[str, Array]
    groups: Mapping[str, Array] = field(default_factory=dict)
    names: Sequence[str] = ()
    columns: Sequence[str] = ()
    notes: Sequence[str] = ()
    twins: Mapping[str, Array] = field(default_factory=dict)
    titles: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """How stored examples become those of a task.

    Attributes:
        dtype: of the task's examples.
        axis: what happens to the axes: ``""``, ``last`` (channels come last) or ``gray`` (images
            without channels).
        words: the note for the user, ``""`` if nothing is changed.
    """

    dtype: np.dtype[Any]
    axis: str = ""
    words: str = ""

    def apply(self, rows: Array) -> Array:
        """Return rows ``(k, *shape)`` as the task has them."""
        if self.axis == "last":
            rows = np.moveaxis(rows, -1, 1)
        elif self.axis == "grey":
            rows = rows[:, None]
        return np.ascontiguousarray(rows, dtype=self.dtype)


def rows_at_once(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    """Return how many rows of an array a chunk holds."""
    return max(1, CHUNK // max(1, int(np.prod(shape[1:])) * dtype.itemsize))


def layout(where: str, source: Source) -> Layout:
    """Return the layout that a shape and a type mean.

    Images of 1 to 4 channels may be ``(n, height, width, channels)``. ``(n, a, b)`` are gray
    images if they are uint8 or square, else signals ``(channels, length)``. Integers ``(n,
    length)`` other than uint8 are numbers of tokens.

    Args:
        where: what the user gave, for messages.
        source: the training examples.

    Raises:
        UserError: examples of this shape or type cannot be trained on.
    """
    shape, dtype = source.shape, source.dtype
    sizes = ", ".join(map(str, shape))
    if not 2 <= len(shape) <= _MOST_SIDES or not all(shape):
        raise UserError(
            f"{where}: examples have the shape ({sizes}): must be (n, features), (n, channels, "
            "length), or images (n, channels, height, width) or (n, height, width, channels)"
        )
    if dtype.kind not in "biuf":
        raise UserError(f"{where}: examples are {dtype}: must be uint8, other integers or floats")
    if dtype.kind in "iu" and dtype != np.uint8 and len(shape) == 2:
        words = "integers (n, length) are read as tokens; features must be floats"
        return Layout(np.dtype(np.int64), "", words)
    kept = np.dtype(np.uint8 if dtype == np.uint8 else np.float32)
    if len(shape) == 4 and shape[3] in _CHANNELS and shape[1] not in _CHANNELS:
        return Layout(kept, "last", f"images ({sizes}) are read as (n, height, width, channels)")
    if len(shape) == 3 and (dtype == np.uint8 or shape[1] == shape[2]):
        return Layout(kept, "grey", f"examples ({sizes}) are read as gray images")
    return Layout(kept)


def refuse(name: str, config: TaskConfig, *options: str) -> None:
    """Raise if the user gives an option that data of this kind have no use for.

    Args:
        name: of the task.
        config: the options of the run.
        options: names of those that are for other data.

    Raises:
        UserError: it names the option.
    """
    for option, given in _given(config, options):
        what = "a CSV" if option == "columns" else "pictures"
        raise UserError(f"{given}: is for {what}, and --task {name} is none")


def refuse_target(name: str, config: TaskConfig) -> None:
    """Raise if the user asks for another target than the class that a folder says.

    Raises:
        UserError: it names the option.
    """
    if config.target not in (None, "class"):
        raise UserError(
            f"--target {config.target}: --task {name} has a folder for each class: allowed: class"
        )


def refuse_own(name: str, config: TaskConfig) -> None:
    """Raise if the user gives an option of own data to a task that says it itself.

    Raises:
        UserError: it names the option.
    """
    for _, given in _given(config, OF_OWN_DATA):
        raise UserError(f"{given}: is for data of your own, and {name} says it itself")


def _given(config: TaskConfig, options: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield those options that have no default value, and how the user wrote them."""
    plain = TaskConfig()
    for option in options:
        value = getattr(config, option)
        if value != getattr(plain, option):
            yield option, flag(option) if value is True else f"{flag(option)} {value}"


def pack(where: str, key: str, raw: Raw, target: str | None, note: str) -> Path:
    """Check examples and targets, and write them as a packed folder.

    Args:
        where: what the user gave, for messages.
        key: of the packed folder.
        raw: what was read.
        target: ``class``, ``labels`` or ``numbers`` if the user decides.
        note: where the data come from, in one line.

    Returns:
        The packed folder.

    Raises:
        UserError: a check fails; see :mod:`nasbench.tasks.checks`.
    """
    how = layout(where, raw.examples["train"])
    vocabulary = _check_examples(where, raw, how)
    given = checks.targets(where, raw.targets, target, raw.names)
    checks.check(where, given)
    groups = _group_numbers(where, raw.groups)
    rows = _parts(where, given.parts, groups, partial(_twins, raw, how))
    final = replace(
        given, parts={part: given.parts[of][which] for part, (of, which) in rows.items()}
    )
    for line in (*given.notes, *raw.notes, *([how.words] if how.words else [])):
        watcher().line(line)
    warnings = checks.check(where, final)
    about = About(
        target=final.target,
        outputs=final.outputs,
        class_names=final.names,
        vocabulary=vocabulary,
        note=note,
    )
    with packed_writer.writing(key, about) as out:
        hashes = _write(out, raw, how, final, rows, groups)
        out.about = replace(about, warnings=(*warnings, *_copies(raw, rows, hashes)))
    return out.folder


def _copies(
    raw: Raw, rows: Mapping[str, tuple[str, Array]], hashes: Mapping[str, list[bytes]]
) -> tuple[str, ...]:
    """Return a note on test examples that are copies of training or validation examples."""
    seen: dict[str, list[Any]] = {part: list(one) for part, one in hashes.items()}
    if raw.twins:
        seen = {part: raw.twins[of][which].tolist() for part, (of, which) in rows.items()}
    titles = {
        part: [raw.titles[of][row] for row in which] if raw.titles else []
        for part, (of, which) in rows.items()
    }
    found = checks.copies(seen["train"] + seen.get("val", []), seen["test"])
    trained = titles["train"] + titles.get("val", [])
    return checks.copies_note(found, len(seen["test"]), trained, titles["test"])


def _check_examples(where: str, raw: Raw, how: Layout) -> int:
    """Check that parts fit each other and hold finite numbers; return the size of a vocabulary."""
    first = raw.examples["train"]
    for part, source in raw.examples.items():
        if len(raw.targets[part]) != source.shape[0]:
            raise UserError(
                f"{where}: {part} has {source.shape[0]:,} examples and "
                f"{len(raw.targets[part]):,} targets: must be as many"
            )
        if part in raw.groups and len(raw.groups[part]) != source.shape[0]:
            raise UserError(
                f"{where}: {part} has {source.shape[0]:,} examples and "
                f"{len(raw.groups[part]):,} groups: must be as many"
            )
        if part == "val" and raw.groups and (part in raw.groups) is not ("train" in raw.groups):
            # Both are rows of one set, which folds distribute whole group by whole group.
            have, lack = ("train", part) if "train" in raw.groups else (part, "train")
            raise UserError(
                f"{where}: {have} has groups and {lack} has none: give both or neither"
            )
        if source.shape[1:] != first.shape[1:] or layout(where, source).dtype != how.dtype:
            raise UserError(
                f"{where}: examples of {part} are {source.dtype} {source.shape[1:]}, and those of "
                f"train {first.dtype} {first.shape[1:]}: must be the same"
            )
    largest = 0
    for part, source in raw.examples.items():
        done = 0
        for rows in source.chunks() if how.dtype != np.uint8 else ():
            _check_finite(where, part, done, rows, raw.columns)
            done += len(rows)
            if how.dtype == np.int64 and rows.size:
                if rows.min() < 0 or rows.max() >= _MOST_TOKENS:
                    bad = rows.min() if rows.min() < 0 else rows.max()
                    raise UserError(
                        f"{where}: token {bad}: must be 0 to {_MOST_TOKENS - 1}; features "
                        "that are no tokens must be floats"
                    )
                largest = max(largest, int(rows.max()) + 1)
    return largest


def _check_finite(where: str, part: str, done: int, rows: Array, columns: Sequence[str]) -> None:
    if rows.dtype.kind != "f":
        return
    with np.errstate(over="ignore"):
        good = np.isfinite(rows.astype(np.float32, copy=False)).reshape(len(rows), -1)
    if good.all():
        return
    row, place = (int(one) for one in np.argwhere(~good)[0])
    at = f", column {columns[place]}" if columns else ""
    value = rows.reshape(len(rows), -1)[row, place]
    raise UserError(
        f"{where}: {part} example {done + row + 1}{at} holds {value}: "
        "must be finite numbers of float32"
    )


def _group_numbers(where: str, raw: Mapping[str, Array]) -> dict[str, Array]:
    """Return groups as numbers that are the same in all parts, checked not to be parted."""
    if not raw:
        return {}
    checks.check_groups(where, raw)
    texts = {part: np.asarray(values).astype(str) for part, values in raw.items()}
    every = np.unique(np.concatenate(list(texts.values())))
    return {part: np.searchsorted(every, one).astype(np.int64) for part, one in texts.items()}


def _twins(raw: Raw, how: Layout) -> Array:
    """Return a number for each training example that its copies share, int64 ``(n,)``."""
    if raw.twins:
        return raw.twins["train"]
    source = raw.examples["train"]
    hashes: list[bytes] = []
    with watcher().progress("looking for copies", source.shape[0]) as step:
        for chunk in source.chunks():
            hashes += checks.digests(how.apply(chunk))
            step(len(chunk))
    return copies.same(np.array(hashes, "V16"))


def _parts(
    where: str,
    targets: Mapping[str, Array],
    groups: Mapping[str, Array],
    twins: Callable[[], Array],
) -> dict[str, tuple[str, Array]]:
    """Return of which given part, and which of its rows, each part is; a test share is cut off."""
    rows = {part: (part, np.arange(len(values))) for part, values in targets.items()}
    if "test" not in rows:
        try:
            train, test = packed.cut(targets["train"], groups.get("train"), twins=twins())
        except UserError as error:
            raise UserError(f"{where}: {error}") from error
        rows |= {"train": ("train", train), "test": ("train", test)}
        watcher().line(f"no test part is given: {len(test):,} examples are sealed as the test set")
    return {part: rows[part] for part in PARTS if part in rows}


def _write(
    out: packed_writer.Writer,
    raw: Raw,
    how: Layout,
    final: checks.Targets,
    rows: Mapping[str, tuple[str, Array]],
    groups: Mapping[str, Array],
) -> dict[str, list[bytes]]:
    """Write all parts in one pass over each source; return the hashes of the examples."""
    hashes: dict[str, list[bytes]] = {part: [] for part in rows}
    total = sum(source.shape[0] for source in raw.examples.values())
    with watcher().progress("packing examples", total) as step:
        for given, source in raw.examples.items():
            done = 0
            for chunk in source.chunks():
                made = how.apply(chunk)
                for part, (of, which) in rows.items():
                    if of != given:
                        continue
                    first, last = np.searchsorted(which, (done, done + len(made)))
                    inside = which[first:last]
                    if not len(inside):
                        continue
                    chosen = made[inside - done]
                    hashes[part] += checks.digests(chosen)
                    own = groups[given][inside] if given in groups else None
                    out.add(part, chosen, final.parts[part][first:last], own)
                done += len(made)
                step(len(made))
    return hashes


def stamp(*paths: Path) -> list[tuple[str, int, int]]:
    """Return path, size and time of change of files, by which a key notices that they changed.

    Raises:
        UserError: one cannot be looked at.
    """
    found = []
    for path in paths:
        try:
            about = path.stat()
        except OSError as error:
            raise UserError(f"{path}: {error.strerror or error}") from error
        found.append((str(path.absolute()), about.st_size, about.st_mtime_ns))
    return found


def content_key(name: str, raw: Raw, *more: Any) -> str:
    """Return a key for data in memory: a readable name and a digest of all that they hold.

    Args:
        name: of the task, of which letters, digits, ``-`` and ``_`` are kept.
        raw: the data.
        more: what else the packed folder depends on.
    """
    digest = hashlib.sha256()
    for part, source in raw.examples.items():
        digest.update(f"{part} {source.dtype.str} {source.shape}\n".encode())
        for rows in source.chunks():
            digest.update(np.ascontiguousarray(rows).data.cast("B"))
        for values in (raw.targets[part], raw.groups.get(part)):
            if values is not None:
                digest.update(repr((values.dtype.str, values.shape, values.tolist())).encode())
    return f"{plain(name)}-{packed.key(digest.hexdigest(), list(raw.names), *more)[:16]}"


def plain(name: str) -> str:
    """Return a name as the beginning of a folder's name: ASCII letters, digits and ``-``."""
    kept = "".join(one if one.isalnum() and one.isascii() else "-" for one in name)
    return kept.strip("-")[:40] or "data"


def mapped(path: Path) -> Array:
    """Return the array of an ``.npy`` file, mapped and not read into memory.

    Raises:
        UserError: it is no such file, or holds objects.
    """
    try:
        with plain_files.open_bytes(path):  # no pipe or device
            pass
        found: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, UserError) as error:
        raise UserError(
            f"{path}: not a readable .npy file ({plain_files.reason(error)})"
        ) from error
    if not isinstance(found, np.ndarray) or not found.ndim:
        raise UserError(f"{path}: holds no array of examples")
    return found
