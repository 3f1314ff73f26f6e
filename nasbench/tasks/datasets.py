"""A ``torch`` dataset as a task: its items are read once, checked, and packed.

The packed folder is found again by what the dataset says of itself: its code, its length, and the
content of its items, of at most :data:`SAMPLED` of them spread over the whole.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, IterableDataset

from nasbench.config import TaskConfig
from nasbench.data import packed
from nasbench.data.decoding import Header, flat, square, upright
from nasbench.data.watching import watcher
from nasbench.errors import UserError
from nasbench.faults import telling_what_failed
from nasbench.tasks import own_data, packing
from nasbench.tasks.base import Task
from nasbench.tasks.image_folder import augmented, side
from nasbench.tasks.packing import Raw, Source

SAMPLED = 1024
"""Items of each part that are read to see whether the data are those that were packed."""
_GREY = ("1", "L", "LA")
_MOST_TARGETS = 10**5  # numbers to predict of one item

Array = NDArray[Any]


@dataclass(frozen=True)
class Pictures:
    """How items that are pictures of Pillow become arrays.

    Attributes:
        size: side to which they are resized and cut, ``None`` for the sizes that they have.
        channels: 1 for gray, 3 for color.
    """

    size: int | None
    channels: int

    @classmethod
    def of(cls, found: Sequence[Any], config: TaskConfig) -> Pictures:
        """Return what fits pictures of which some were looked at, or what the user asks for."""
        size, channels = config.size, config.channels
        if size is None and len({one.size for one in found}) > 1:
            headers = [Header(one.size[0], one.size[1], one.mode in _GREY) for one in found]
            size = side(headers, config.most_side)
        if channels is None:
            channels = 1 if all(one.mode in _GREY for one in found) else 3
        return cls(size, channels)

    def array(self, picture: Any) -> Array:
        """Return a picture as uint8 ``(channels, height, width)``, as one of a file becomes."""
        made = flat(picture, self.channels)
        if self.size is not None:
            made = square(made, self.size)
        pixels = np.asarray(made)
        return pixels[None] if self.channels == 1 else np.moveaxis(pixels, -1, 0)


def is_dataset(given: Any) -> bool:
    """Return whether something is a dataset of items, and no array or collection of arrays."""
    if isinstance(given, Dataset):
        return True
    if isinstance(given, tuple | list | Mapping | str | bytes) or hasattr(given, "shape"):
        return False
    return hasattr(given, "__getitem__") and hasattr(given, "__len__")


def load(
    where: str,
    given: Mapping[str, Any],
    key: Sequence[Any],
    config: TaskConfig,
    *,
    class_names: Sequence[str] = (),
    note: str = "",
    name: str | None = None,
) -> Task:
    """Return the task of datasets.

    Args:
        where: what the user gave, for messages.
        given: of each part, ``train`` at least, a dataset whose items are pairs of an example (a
            tensor, an array, a picture or numbers) and a target (a class, a text, or numbers).
        key: what the items depend on besides what they are, such as the code.
        config: how they are read: target, and size and channels of pictures.
        class_names: of the classes ``0 .. k-1``; the attribute ``classes`` by default.
        note: where the data come from, in one line.
        name: of the task; by default the path of the packed folder.

    Raises:
        UserError: an item cannot be read or differs from others in its shape or type.
    """
    for part, one in given.items():
        if not is_dataset(one):
            raise UserError(
                f"{where}: {part} is {type(one).__name__}: must be a dataset, as the others are"
            )
    counts = {part: _length(where, part, one) for part, one in given.items()}
    names = list(class_names) or _class_names(given["train"])
    samples = [_sample(where, part, one, counts[part]) for part, one in given.items()]
    found = [picture for _, pictures in samples for picture in pictures]
    pictures = Pictures.of(found, config) if found else None
    if pictures is None:
        packing.refuse(where, config, "size", "channels")
    packing.refuse(where, config, "skip_bad", "columns")
    made_of = [digest for digest, _ in samples]
    place = packed.key("dataset", list(key), counts, made_of, config.target, names, str(pictures))
    if name is None:
        place = f"{packing.plain(where)}-{place[:16]}"

    def pack() -> None:
        with packed.scratch(place) as folder:
            read = {
                part: _Spool(where, part, folder, pictures).fill(one, counts[part])
                for part, one in given.items()
            }
            raw = Raw(
                {part: examples for part, (examples, _) in read.items()},
                {part: targets for part, (_, targets) in read.items()},
                names=names,
            )
            what = note or f"items of a dataset, {where}"
            packing.pack(where, place, raw, config.target, what)

    if name is None:  # opened again by its path, it is the same
        return own_data.cached(str(packed.place(place)), place, pack)
    task = own_data.cached(name, place, pack)
    return task if pictures is None else augmented(task)


def _length(where: str, part: str, dataset: Any) -> int:
    """Return the number of items; -1 of a dataset that can only be read from its beginning."""
    if isinstance(dataset, IterableDataset):
        return -1
    try:
        count = len(dataset)
    except (TypeError, NotImplementedError) as error:
        raise UserError(f"{where}: the dataset of {part} has no length") from error
    if not count:
        raise UserError(f"{where}: the dataset of {part} is empty")
    return count


def _class_names(dataset: Any) -> list[str]:
    names = getattr(dataset, "classes", None)
    if isinstance(names, tuple | list) and names and all(isinstance(one, str) for one in names):
        return list(names)
    return []


@dataclass(frozen=True)
class _Seen:
    """Size of a picture that is turned as its camera says, and the mode that it has."""

    size: tuple[int, int]
    mode: str


def _sample(where: str, part: str, dataset: Any, count: int) -> tuple[str, list[_Seen]]:
    """Return a digest of some items, read with the same random numbers, and their pictures."""
    if count < 0:
        places = list(range(SAMPLED))
    else:
        places = np.unique(np.linspace(0, count - 1, min(count, SAMPLED)).astype(int)).tolist()
    digest = hashlib.sha256()
    seen = []
    with _same_numbers():
        for place, item in zip(places, _items(where, part, dataset, places), strict=False):
            example, target = _pair(where, part, place, item)
            if _is_picture(example):
                with _telling(where, part, place):
                    pixels, plain = example.tobytes(), upright(example)
                    shown = plain.tobytes()
                seen.append(_Seen(plain.size, example.mode))
                digest.update(f"{example.mode} {example.size} {target!r}\n".encode())
                digest.update(pixels)
                if (plain.mode, plain.size, shown) != (example.mode, example.size, pixels):
                    digest.update(f"{plain.mode} {plain.size}\n".encode() + shown)
                continue
            array = _example(where, part, place, example, None)
            digest.update(f"{array.dtype.str} {array.shape} {target!r}\n".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest(), seen


def _items(where: str, part: str, dataset: Any, places: Iterable[int]) -> Iterator[Any]:
    """Yield the items at some places; of a dataset without length, all from its beginning."""
    if not isinstance(dataset, IterableDataset):
        for place in places:
            yield _item(where, part, dataset, place)
        return
    try:
        yield from dataset
    except UserError:
        raise
    except Exception as error:  # the user's code
        raise _unreadable(f"{where}: an item of {part}", error) from error


@contextmanager
def _same_numbers() -> Iterator[None]:
    """Let items that draw random numbers draw the same ones; the caller's stay as they were."""
    python, arrays = random.getstate(), np.random.get_state()  # noqa: NPY002 (items may use it)
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(0)
            np.random.seed(0)  # noqa: NPY002
            torch.manual_seed(0)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)  # noqa: NPY002


def _item(where: str, part: str, dataset: Any, place: int) -> Any:
    with _telling(where, part, place):
        return dataset[place]


@contextmanager
def _telling(where: str, part: str, place: int) -> Iterator[None]:
    """Name the item at which the block, which runs the user's code or a decoder, fails."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        raise _unreadable(f"{where}: item {place} of {part}", error) from error


def _unreadable(what: str, error: Exception) -> UserError:
    reason = " ".join(str(error).split())[:200]
    return UserError(f"{what} cannot be read: {type(error).__name__}: {reason}")


def _is_picture(example: Any) -> bool:
    """Return whether an example is a picture of Pillow."""
    return hasattr(example, "convert") and hasattr(example, "getbands")


def _pair(where: str, part: str, place: int, item: Any) -> tuple[Any, Any]:
    """Return example and target of an item, the target as a plain value.

    Raises:
        UserError: it is no such pair.
    """
    if not isinstance(item, tuple | list) or len(item) != 2:
        shown = type(item).__name__
        shown += f" of {len(item)}" if isinstance(item, tuple | list) else ""
        raise UserError(
            f"{where}: item {place} of {part} is {shown}: must be a pair (example, target)"
        )
    example, target = item
    return example, _target(where, part, place, target)


def _example(where: str, part: str, place: int, given: Any, pictures: Pictures | None) -> Array:
    if pictures is not None and _is_picture(given):
        with _telling(where, part, place):
            return pictures.array(given)
    made: Array
    if isinstance(given, torch.Tensor):
        given = given.detach().cpu()
        made = (given.float() if given.dtype == torch.bfloat16 else given).numpy()
    else:
        try:
            made = np.asarray(given)
        except (TypeError, ValueError):
            made = np.empty(0, object)
    if made.dtype.kind not in "biuf" or not made.ndim or not made.size:
        raise UserError(
            f"{where}: item {place} of {part}: the example is {type(given).__name__}: must be a "
            "tensor, an array or a picture, not empty"
        )
    return made


def _target(where: str, part: str, place: int, given: Any) -> Any:
    """Return a target as a plain value: an integer, a number, a text, or a list of numbers."""
    if isinstance(given, torch.Tensor):
        given = given.detach().cpu().numpy()
    if isinstance(given, np.ndarray | np.generic):
        given = given.tolist()
    if isinstance(given, tuple):
        given = list(given)
    if isinstance(given, list):
        given = [one.item() if hasattr(one, "item") else one for one in given]
    each = given if isinstance(given, list) else [given]
    if not 1 <= len(each) <= _MOST_TARGETS or not all(
        isinstance(one, int | float | str) for one in each
    ):
        raise UserError(
            f"{where}: item {place} of {part}: the target is {type(given).__name__} "
            f"{str(given)[:60]!r}: must be an integer, a text, or numbers"
        )
    return given


class _Spool:
    """Reads the items of one part into a file, so that they need not fit in memory."""

    def __init__(self, where: str, part: str, folder: Path, pictures: Pictures | None) -> None:
        self.where, self.part, self.pictures = where, part, pictures
        self.path = folder / f"{part}.bin"

    def fill(self, dataset: Any, count: int) -> tuple[Source, Array]:
        """Return the examples, mapped from the file, and the targets."""
        targets: list[Any] = []
        first: Array | None = None
        with (
            telling_what_failed(self.path),
            self.path.open("xb") as file,
            watcher().progress(f"reading items of {self.part}", max(count, 0)) as step,
            _same_numbers(),
        ):
            items = _items(self.where, self.part, dataset, range(count))
            for place, item in enumerate(items):
                given, target = _pair(self.where, self.part, place, item)
                example = _example(self.where, self.part, place, given, self.pictures)
                if first is None:
                    first = example.copy()
                self._check(place, first, example, targets, target)
                file.write(np.ascontiguousarray(example).data)
                targets.append(target)
                step(1)
        if first is None:
            raise UserError(f"{self.where}: the dataset of {self.part} is empty")
        self._tell_if_random(dataset, count)
        shape = (len(targets), *first.shape)
        return Source.of(np.memmap(self.path, first.dtype, "r", shape=shape)), np.asarray(targets)

    def _check(
        self, place: int, first: Array, example: Array, targets: Sequence[Any], target: Any
    ) -> None:
        at = f"{self.where}: item {place} of {self.part}"
        if example.shape != first.shape:
            raise UserError(
                f"{at} has the shape {example.shape}, and item 0 {first.shape}: all must be "
                "equal; resize or pad them in the dataset"
            )
        if example.dtype != first.dtype:
            raise UserError(f"{at} is {example.dtype}, and item 0 {first.dtype}: must be equal")
        if targets and _kind(target) != _kind(targets[0]):
            raise UserError(
                f"{at}: the target is {str(target)[:60]!r}, and that of item 0 "
                f"{str(targets[0])[:60]!r}: must be of one kind"
            )

    def _tell_if_random(self, dataset: Any, count: int) -> None:
        if count < 0:
            return
        with _same_numbers():  # the second one draws what follows
            items = [_item(self.where, self.part, dataset, 0) for _ in range(2)]
        once, again = (
            _example(self.where, self.part, 0, item[0], self.pictures) for item in items
        )
        if once.shape != again.shape or not np.array_equal(once, again, equal_nan=True):
            watcher().line(
                f"note: {self.part} items change from one reading to the next, as by a random "
                "transform: they are packed as they were read once"
            )


def _kind(target: Any) -> Any:
    if isinstance(target, list):
        return len(target)
    return "text" if isinstance(target, str) else "number"
