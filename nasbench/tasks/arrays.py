"""Arrays as a task: ``data.npz``, ``X.npy,y.npy``, and arrays or datasets in memory.

The names of arrays say what they are, in the usual spellings: ``x``, ``images`` or ``data`` with
``y`` or ``labels``, alone or with ``train``, ``val`` and ``test`` before or after.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.config import TaskConfig
from nasbench.data import packed
from nasbench.data.packed import PARTS
from nasbench.errors import UserError
from nasbench.events import npz
from nasbench.tasks import datasets, own_data, packing, sources
from nasbench.tasks.base import Task
from nasbench.tasks.packing import Raw, Source

EXAMPLES = ("x", "xs", "images", "image", "img", "imgs", "data", "examples", "inputs", "input",
            "features", "signals", "tokens", "arr0")  # fmt: skip
TARGETS = ("y", "ys", "labels", "label", "targets", "target", "outputs", "classes", "arr1")
GROUPS = ("groups", "group", "patients", "patient", "subjects", "subject")
NAMES = ("classnames", "labelnames", "targetnames")
_PARTS = re.compile(r"train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?")
_SMALL = 2**28  # bytes of targets or groups, which are read as a whole
_WHOLE = 2**32  # bytes of examples in Fortran's order in an .npz, likewise
_SHOWN = 8

Array = NDArray[Any]
Roles = dict[tuple[str, str], str]
"""The name of the array of each kind, ``x``, ``y``, ``groups`` or ``names``, and part."""


def load(name: str, config: TaskConfig) -> Task:
    """Return the task of an ``.npz`` file or of ``.npy`` files.

    Args:
        name: ``data.npz`` or ``X.npy,y.npy``.
        config: how the data are read.

    Raises:
        UserError: a file cannot be read, or its arrays do not fit.
    """
    packing.refuse(name, config, "size", "channels", "skip_bad", "columns")
    paths = sources.paths(name)
    if len(paths) == 1 and paths[0].suffix.lower() == ".npz":
        key = packed.key("npz", packing.stamp(*paths), config.target)
    else:
        key = packed.key("npy", packing.stamp(*paths), config.target)

    def pack() -> None:
        raw = _of_npz(paths[0]) if paths[0].suffix.lower() == ".npz" else _of_npy(name, paths)
        packing.pack(name, key, raw, config.target, f"arrays of {sources.short(name)}")

    if len(paths) > 1 and any(path.suffix.lower() == ".npz" for path in paths):
        raise UserError(f"--task {name}: give one .npz file, or .npy files")
    return own_data.cached(sources.short(name), key, pack)


def from_memory(
    train: Any,
    test: Any = None,
    *,
    val: Any = None,
    groups: Any = None,
    target: str | None = None,
    class_names: Sequence[str] = (),
    size: int | None = None,
    channels: int | None = None,
    name: str = "data",
) -> Task:
    """Pack data that are in memory, or a dataset, and return them as a task.

    The task's name is the path of the packed folder, so ``--task``, a worker process and a later
    retraining open the same data by it.

    Args:
        train: ``(X, y)``, two arrays, tensors, lists or frames; or a ``torch`` dataset of pairs of
            example and target. ``X`` is ``(n, ...)`` as :func:`nasbench.tasks.packing.layout`
            says, ``y`` ``(n,)`` or ``(n, k)``.
        test: the same for the test set; without one, a fifth of ``train`` is sealed, stratified,
            always the same.
        val: the same for a validation set of the user's own.
        groups: integers or text ``(n,)`` of ``train``: no split parts examples of one group.
        target: ``class``, ``labels`` or ``numbers``; recognized by default.
        class_names: of the classes ``0 .. k-1``, or of the columns of ``y``.
        size: side to which a dataset's pictures are resized, in pixels.
        channels: of a dataset's pictures: 1 is gray, 3 is color.
        name: a few letters that the folder's name begins with.

    Raises:
        UserError: the data do not fit; see :mod:`nasbench.tasks.checks`.
    """
    given = {"train": train, "val": val, "test": test}
    given = {part: one for part, one in given.items() if one is not None}
    if target not in (None, "class", "labels", "numbers"):
        raise UserError(f"--target {target}: allowed: class, labels, numbers")
    if any(datasets.is_dataset(one) for one in given.values()):
        if groups is not None:
            raise UserError("groups: are for arrays, and train is a dataset")
        config = TaskConfig(target=target, size=size, channels=channels)
        return datasets.load(name, given, [], config, class_names=class_names)
    packing.refuse(name, TaskConfig(size=size, channels=channels), "size", "channels")
    return of_pairs(name, given, target, groups=groups, class_names=class_names)


def of_pairs(
    where: str,
    given: Mapping[str, Any],
    target: str | None,
    *,
    groups: Any = None,
    class_names: Sequence[str] = (),
    name: str | None = None,
) -> Task:
    """Return the task of pairs ``(X, y)`` in memory, packed under a digest of their content.

    Args:
        where: what the user gave, for messages, and the beginning of the folder's name.
        given: the pair of each part, ``train`` at least.
        target: ``class``, ``labels`` or ``numbers`` if the user decides.
        groups: of ``train``.
        class_names: of the classes or columns.
        name: of the task; by default the path of the packed folder.

    Raises:
        UserError: the data do not fit.
    """
    pairs = {part: _pair(part, one) for part, one in given.items()}
    raw = Raw(
        {part: Source.of(x) for part, (x, _) in pairs.items()},
        {part: y for part, (_, y) in pairs.items()},
        {} if groups is None else _grouped(np.asarray(groups), pairs),
        tuple(map(str, class_names)),
    )
    for part, (x, y) in pairs.items():
        if not x.ndim or not y.ndim:
            raise UserError(f"{where}: {part}: X and y must be arrays with a row for each example")
    key = packing.content_key(where, raw, target)
    note = f"arrays of {sum(len(y) for _, y in pairs.values()):,} examples in memory"
    return own_data.cached(
        name or str(packed.place(key)), key, lambda: packing.pack(where, key, raw, target, note)
    )


def _pair(part: str, given: Any) -> tuple[Array, Array]:
    """Return examples and targets as arrays."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise UserError(
            f"{part}: is {type(given).__name__}: must be a pair (X, y) of arrays, or a dataset"
        )
    x, y = (_as_array(part, one) for one in given)
    return x, y


def _as_array(part: str, values: Any) -> Array:
    """Return an array of what may be a tensor on any device, a frame or nested lists."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:  # nested lists of unequal lengths
        reason = " ".join(str(error).split())[:120]
        raise UserError(f"{part}: cannot be made an array: {reason}") from error


def _grouped(groups: Array, pairs: Mapping[str, tuple[Array, Array]]) -> dict[str, Array]:
    if groups.ndim != 1 or len(groups) != len(pairs["train"][1]):
        raise UserError(
            f"groups: have the shape {groups.shape}: must be ({len(pairs['train'][1])},), "
            "one for each training example"
        )
    if len(pairs) > 1:
        raise UserError(
            "groups: are for data without parts of their own; without val and test, nasbench "
            "splits them and parts no group"
        )
    return {"train": groups}


def roles(names: Sequence[str]) -> tuple[Roles, list[str]]:
    """Return what the arrays of these names are, and the names that mean nothing.

    Raises:
        UserError: two names mean the same.
    """
    kinds = {"x": EXAMPLES, "y": TARGETS, "groups": GROUPS, "names": NAMES}
    found: Roles = {}
    others = []
    for name in names:
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        part = next(iter(_PARTS.findall(plain)), "train")
        part = next(one for one in PARTS if part.startswith(one))
        rest = _PARTS.sub("", plain, count=1)
        kind = next((one for one, spelled in kinds.items() if rest in spelled), None)
        if kind is None:
            others.append(name)
            continue
        role = kind, "" if kind == "names" else part
        if role in found:
            raise UserError(f"{found[role]} and {name} mean the same")
        found[role] = name
    return found, others


def complete(where: str, names: Sequence[str]) -> tuple[Roles, list[str], tuple[str, ...]]:
    """Return what arrays are, the parts, and a note on those that are not read.

    Args:
        where: what the user gave, for messages.
        names: of all arrays.

    Raises:
        UserError: examples or targets of a part are missing.
    """
    try:
        found, others = roles(names)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
    parts = [part for part in PARTS if ("x", part) in found or ("y", part) in found]
    for part in ["train", *parts]:
        for kind, allowed in (("x", EXAMPLES), ("y", TARGETS)):
            if (kind, part) not in found:
                what = "examples" if kind == "x" else "targets"
                spelled = f"{allowed[0]}, {allowed[2]}" if part == "train" else f"{kind}_{part}"
                raise UserError(
                    f"{where}: lacks the {what} of {part}, such as {spelled}; it holds "
                    f"{', '.join(list(names)[:_SHOWN]) or 'nothing'}"
                )
    notes = (f"not read: {', '.join(others[:_SHOWN])}",) if others else ()
    return found, parts, notes


def _of_npz(path: Path) -> Raw:
    """Return what an ``.npz`` file holds; examples are unpacked chunk by chunk."""
    try:
        with plain_files.open_bytes(path) as file, zipfile.ZipFile(file) as archive:
            names = [
                one.removesuffix(".npy") for one in archive.namelist() if one.endswith(".npy")
            ]
    except (*npz.DAMAGED, UserError) as error:
        raise UserError(f"{path}: not a readable .npz file ({_reason(error)})") from error
    found, parts, notes = complete(str(path), names)

    def small(kind: str, part: str) -> Array:
        member = found[kind, part]
        source = _member(path, member)
        if int(np.prod(source.shape)) * source.dtype.itemsize > _SMALL:
            raise UserError(f"{path}: {member} is larger than {_SMALL / 2**20:g} MB")
        rows = list(source.chunks())
        return np.concatenate(rows) if rows else np.empty(source.shape, source.dtype)

    return Raw(
        {part: _member(path, found["x", part]) for part in parts},
        {part: small("y", part) for part in parts},
        {part: small("groups", part) for part in parts if ("groups", part) in found},
        [str(one) for one in small("names", "")] if ("names", "") in found else (),
        notes=notes,
    )


def _member(path: Path, member: str) -> Source:
    """Return one array of an ``.npz`` file, of which only the header is read now."""
    with _opened(path, member) as (stream, size):
        shape, fortran, dtype = _header(stream)
        if dtype.hasobject:
            raise ValueError("holds Python objects, which are not unpickled")
        if not shape:
            raise ValueError("is a single value")
        if min(shape) < 0 or int(np.prod(shape, dtype=object)) * dtype.itemsize > size:
            raise ValueError("is cut")

    def chunks() -> Iterator[Array]:
        with _opened(path, member) as (stream, _):
            _header(stream)
            yield from _rows(stream, shape, fortran, dtype)

    return Source(shape, dtype, chunks)


@contextmanager
def _opened(path: Path, member: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open an array of an ``.npz`` file; the value is its stream and its unpacked size."""
    try:
        with (
            plain_files.open_bytes(path) as file,
            zipfile.ZipFile(file) as archive,
            archive.open(f"{member}.npy") as stream,
        ):
            yield stream, archive.getinfo(f"{member}.npy").file_size
    except (*npz.DAMAGED, UserError) as error:
        raise UserError(f"{path}: {member} cannot be read ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version != (2, 0):
        raise ValueError(f"its version is {version}")
    return np.lib.format.read_array_header_2_0(stream)


def _rows(
    stream: IO[bytes], shape: tuple[int, ...], fortran: bool, dtype: np.dtype[Any]
) -> Iterator[Array]:
    """Yield the rows of a stream of numbers, chunk by chunk."""
    each = packing.rows_at_once(shape, dtype)
    if fortran and len(shape) > 1:
        if int(np.prod(shape)) * dtype.itemsize > _WHOLE:
            raise ValueError(f"is larger than {_WHOLE / 2**30:g} GB and in Fortran's order")
        whole = np.frombuffer(_exactly(stream, int(np.prod(shape)) * dtype.itemsize), dtype)
        whole = whole.reshape(shape[::-1]).transpose()
        for start in range(0, shape[0], each):
            yield whole[start : start + each]
        return
    one = int(np.prod(shape[1:])) * dtype.itemsize
    for start in range(0, shape[0], each):
        count = min(each, shape[0] - start)
        yield np.frombuffer(_exactly(stream, count * one), dtype).reshape(count, *shape[1:])


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) != count:
        raise ValueError("is cut")
    return content


def _of_npy(name: str, paths: Sequence[Path]) -> Raw:
    """Return what ``.npy`` files hold, which are mapped and not read into memory."""
    stems = [path.stem for path in paths]
    if len(paths) == 1:
        raise UserError(
            f"--task {name}: targets are missing: give examples and targets as X.npy,y.npy"
        )
    arrays = dict(zip(stems, map(packing.mapped, paths), strict=True))
    if len(arrays) != len(paths):
        raise UserError(f"--task {name}: two files have the same name")
    known = len(roles(stems)[0]) == len(stems) if len(paths) > 2 else _are_pair(stems)
    if len(paths) == 2 and not known:  # the first is X, the second y
        found: Roles = {("x", "train"): stems[0], ("y", "train"): stems[1]}
        parts: list[str] = ["train"]
        notes: tuple[str, ...] = ()
    else:
        found, parts, notes = complete(f"--task {name}", stems)
    return Raw(
        {part: Source.of(arrays[found["x", part]]) for part in parts},
        {part: np.asarray(arrays[found["y", part]]) for part in parts},
        {
            part: np.asarray(arrays[found["groups", part]])
            for part in parts
            if ("groups", part) in found
        },
        [str(one) for one in arrays[found["names", ""]]] if ("names", "") in found else (),
        notes=notes,
    )


def _are_pair(stems: Sequence[str]) -> bool:
    """Return whether the names of two files say which holds examples and which targets."""
    try:
        found, _ = roles(stems)
    except UserError:
        return False
    return {kind for kind, _ in found} == {"x", "y"}
