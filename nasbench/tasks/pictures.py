"""Pictures that a list names, decoded to a file: shared by the tables that name pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.config import TaskConfig
from nasbench.data import copies, decoding
from nasbench.data.decoding import Bad, Header
from nasbench.data.watching import watcher
from nasbench.faults import telling_what_failed
from nasbench.tasks import packing
from nasbench.tasks.image_folder import side, sizes
from nasbench.tasks.packing import Source

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Read:
    """Decoded pictures.

    Attributes:
        spool: the file of their pixels.
        shape: of one picture, ``(channels, size, size)``.
        rows: of each picture, its place in the list, int64 ``(n,)``.
        bad: why others cannot be read, by their place in the list.
        twins: int64 ``(n,)``, a number that all copies of one picture share, whatever their sizes.
    """

    spool: Path
    shape: tuple[int, int, int]
    rows: Array
    bad: dict[int, str]
    twins: Array

    def source(self, places: Array) -> Source:
        """Return some of the pictures that were read, by their places among them."""
        shape = (len(places), *self.shape)

        def chunks() -> Iterator[Array]:
            each = packing.rows_at_once(shape, np.dtype(np.uint8))
            for start in range(0, len(places), each):
                # Mapped anew each time: pages of the last chunk do not pile up.
                pixels = np.memmap(self.spool, np.uint8, "r").reshape(-1, *self.shape)
                yield pixels[places[start : start + each]]

        return Source(shape, np.dtype(np.uint8), chunks)


def read(paths: Sequence[Path], config: TaskConfig, scratch: Path) -> Read:
    """Decode pictures into a file.

    Args:
        paths: of the pictures.
        config: ``size`` and ``channels``; by default the median side, and color if any has it.
        scratch: a folder for the file.
    """
    bad: dict[int, str] = {}
    good: dict[int, Header] = {}
    with watcher().progress("looking at pictures", len(paths)) as step:
        for place, header in enumerate(decoding.headers(paths)):
            if isinstance(header, Bad):
                bad[place] = header.reason
            else:
                good[place] = header
            step(1)
    if not good:
        empty = np.zeros(0, np.int64)
        return Read(scratch / "pictures", (1, 1, 1), empty, bad, empty)
    headers = list(good.values())
    grey = sum(one.grey for one in headers)
    channels = config.channels or (1 if grey == len(headers) else 3)
    size = config.size or side(headers, config.most_side)
    watcher().line(sizes(headers, grey, size, channels))
    spool = scratch / "pictures"
    rows, digests, thumbs = [], [], []
    decoded = decoding.pictures([paths[place] for place in good], size, channels)
    with (
        telling_what_failed(spool),
        spool.open("xb") as file,
        watcher().progress("decoding pictures", len(good)) as step,
    ):
        for place, picture in zip(good, decoded, strict=True):
            step(1)
            if isinstance(picture, Bad):
                bad[place] = picture.reason
                continue
            file.write(picture.pixels.data)
            rows.append(place)
            digests.append(picture.digest)
            thumbs.append(picture.thumb)
    shape = (channels, size, size)
    return Read(spool, shape, np.array(rows, np.int64), bad, _twins(digests, thumbs))


def _twins(digests: Sequence[bytes], thumbs: Sequence[Array]) -> Array:
    """Return a number for each picture that all its copies share."""
    if not digests:
        return np.zeros(0, np.int64)
    first = copies.same(np.array(digests, "V16"))
    unique = np.flatnonzero(first == np.arange(len(first)))
    pairs = unique[copies.alike(np.array(thumbs, np.uint8)[unique])]
    return copies.groups(first, pairs)
