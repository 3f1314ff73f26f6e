"""A set of examples with their targets, in the memory of one device or mapped from a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nasbench.data.split import stratified_split

DTYPES = (torch.uint8, torch.float32, torch.int64)
_CHUNK = 1 << 25  # bytes that a fingerprint reads at once


@dataclass(frozen=True)
class Mapped:
    """Which rows of a file the examples are: they are read when a batch needs them.

    Attributes:
        path: a ``.npy`` file of the shape ``(N, *shape)``.
        rows: int64 ``(n,)`` on the CPU.
        digest: the fingerprint of the set of these rows if it is known, else ``""``.
    """

    path: Path
    rows: Tensor
    digest: str = ""

    def open(self) -> Tensor:
        """Return the whole file as a tensor that the system reads page by page."""
        # Copy on write: torch warns of arrays that cannot be written to, and the file stays.
        return torch.from_numpy(np.load(self.path, mmap_mode="c", allow_pickle=False))


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Labelled examples: images as bytes, which need a quarter of the memory of floats, or others.

    Attributes:
        images: of shape ``(n, *shape)``, an image's shape being ``(channels, height, width)``:
            uint8 with values 0 to 255, float32 with finite values in any unit, or int64 numbers
            of tokens. Of a set that is mapped from a file, all rows of the file.
        labels: on the same device: int64 class indices of shape ``(n,)``, or float32 targets of
            shape ``(n, outputs)``: 0 and 1 for labels that may hold at once, or numbers.
        groups: int64 of shape ``(n,)``, on the same device: examples with the same number, such as
            frames of one recording, are never separated by a split. ``None`` if the examples are
            independent.
        mapped: the rows of a file that ``images`` are, ``None`` for tensors in memory. A mapped
            set stays on the CPU, and its batches are moved one by one.

    Raises:
        ValueError: a shape, dtype or device does not match.
    """

    images: Tensor
    labels: Tensor
    groups: Tensor | None = None
    mapped: Mapped | None = None

    def __post_init__(self) -> None:
        images = self.images
        if images.dtype not in DTYPES or images.dim() < 2:
            raise ValueError(
                f"images are {images.dtype} {tuple(images.shape)}: "
                "must be uint8 or float32 (n, c, h, w), or int64 tokens (n, length)"
            )
        labels, count = self.labels, len(self)
        numbers = labels.dtype == torch.float32 and labels.dim() == 2
        if not numbers or len(labels) != count:
            self._check("labels", labels)
        if self.groups is not None:
            self._check("groups", self.groups)

    @classmethod
    def map(
        cls,
        path: Path,
        labels: Tensor,
        groups: Tensor | None = None,
        rows: Tensor | None = None,
        digest: str = "",
    ) -> ImageSet:
        """Return examples that stay in a ``.npy`` file.

        Args:
            path: of the file, ``(N, *shape)`` of uint8, float32 or int64.
            labels: of the rows.
            groups: of the rows, or ``None``.
            rows: int64 ``(n,)``, the rows of the file; all of them by default.
            digest: the set's :meth:`fingerprint` if it is known: the file is then not read for it.
        """
        rows = torch.arange(len(labels)) if rows is None else rows
        mapped = Mapped(path, rows, digest)
        return cls(mapped.open(), labels, groups, mapped)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a worker process gets: of a mapped set, where its file is."""
        images = self.images if self.mapped is None else None
        return {**self.__dict__, "images": images}

    def __setstate__(self, state: dict[str, Any]) -> None:
        mapped = state["mapped"]
        if mapped is not None:
            state = {**state, "images": mapped.open()}
        self.__dict__.update(state)

    def _check(self, name: str, numbers: Tensor) -> None:
        """Check that there is one number for each example."""
        images, count = self.images, len(self)
        if numbers.dtype != torch.int64 or numbers.shape != (count,):
            raise ValueError(
                f"{name} are {numbers.dtype} {tuple(numbers.shape)}: must be int64 ({count},)"
            )
        if images.device != numbers.device:
            raise ValueError(f"images are on {images.device} but {name} on {numbers.device}")

    def __len__(self) -> int:
        return len(self.images) if self.mapped is None else len(self.mapped.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one example."""
        return tuple(self.images.shape[1:])

    def take(self, rows: Tensor | slice) -> Tensor:
        """Return the examples of some rows, ``(k, *shape)``, as they are stored.

        Args:
            rows: int64 ``(k,)`` on the device of the set, or a slice.
        """
        if self.mapped is not None:
            return self.images.index_select(0, self.mapped.rows[rows])
        return self.images[rows] if isinstance(rows, slice) else self.images.index_select(0, rows)

    def fingerprint(self) -> str:
        """Return the SHA-256 of images, labels and groups, with their shapes and types.

        It is equal for equal data, wherever the files are, and takes a tenth of a second for the
        150 MB of CIFAR-10.
        """
        if self.mapped is not None and self.mapped.digest:
            return self.mapped.digest
        digest = hashlib.sha256()
        for name in ("images", "labels", "groups"):
            tensor = getattr(self, name)
            if tensor is None:
                continue
            kind = tensor.new_empty(0).cpu().numpy().dtype.str
            shape = (len(self), *tensor.shape[1:])
            digest.update(f"{name} {kind} {shape}\n".encode())
            for part in self._parts() if name == "images" else (tensor,):
                digest.update(np.ascontiguousarray(part.detach().cpu().numpy()).data)
        return digest.hexdigest()

    def _parts(self) -> Iterator[Tensor]:
        """Yield the images in order, a mapped set's in parts that fit in memory."""
        if self.mapped is None:
            yield self.images
            return
        each = max(1, _CHUNK // max(1, self.images[0].nbytes))
        for start in range(0, len(self), each):
            yield self.take(slice(start, start + each))

    @property
    def device(self) -> torch.device:
        """The device of all tensors."""
        return self.images.device

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the set on ``device``; tensors that are already there are shared, not copied.

        A mapped set stays where it is.
        """
        return self if self.mapped is not None else self._each(lambda tensor: tensor.to(device))

    def subset(self, indices: Tensor) -> ImageSet:
        """Return the rows ``indices``, int64 of shape ``(k,)``, in that order.

        Tensors are copied; a mapped set keeps to its file.
        """
        rows = indices.to(self.device)
        if self.mapped is None:
            return self._each(lambda tensor: tensor.index_select(0, rows))
        return ImageSet(
            self.images,
            self.labels[rows],
            None if self.groups is None else self.groups[rows],
            replace(self.mapped, rows=self.mapped.rows[rows], digest=""),
        )

    def split(self, fraction: float, seed: int) -> tuple[ImageSet, ImageSet]:
        """Return ``(rest, held_out)``, each class in proportion; see :func:`stratified_split`.

        Raises:
            UserError: ``fraction`` is not between 0 and 1.
        """
        rest, held_out = stratified_split(self.labels, fraction, seed, self.groups)
        return self.subset(rest), self.subset(held_out)

    def _each(self, change: Callable[[Tensor], Tensor]) -> ImageSet:
        """Return the set with ``change`` applied to each tensor."""
        groups = None if self.groups is None else change(self.groups)
        return ImageSet(change(self.images), change(self.labels), groups)

    @staticmethod
    def concat(first: ImageSet, second: ImageSet) -> ImageSet:
        """Return one set with the rows of ``first``, then those of ``second``.

        Equal group numbers in both sets mean the same group. If one set has no groups, the result
        has none.
        """
        groups = None
        if first.groups is not None and second.groups is not None:
            groups = torch.cat([first.groups, second.groups])
        labels = torch.cat([first.labels, second.labels])
        one, other = first.mapped, second.mapped
        if one is not None and other is not None and one.path == other.path:
            rows = replace(one, rows=torch.cat([one.rows, other.rows]), digest="")
            return ImageSet(first.images, labels, groups, rows)
        every = slice(None)
        return ImageSet(torch.cat([first.take(every), second.take(every)]), labels, groups)


def channel_statistics(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and the standard deviation of each channel, for normalization.

    A constant channel has deviation 1.

    Args:
        images: ``(n, channels, ...)``; uint8 counts as 0 to 1, floats in their own unit.
    """
    white = 1 if images.is_floating_point() else 255
    pairs = [
        torch.std_mean(channel.double() / white, correction=0) for channel in images.unbind(1)
    ]
    return tuple(float(mean) for _, mean in pairs), tuple(float(std) or 1.0 for std, _ in pairs)
