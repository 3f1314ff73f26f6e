"""A set of labelled images, held whole in one device's memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from nasbench.data.split import stratified_split


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images as bytes, a quarter of the memory and of the traffic of floats; or as floats.

    Attributes:
        images: of shape ``(n, channels, height, width)``: uint8 with values 0 to 255, or float32
            with finite values in units of their own.
        labels: int64 of shape ``(n,)``, on the same device.
        groups: int64 of shape ``(n,)``, on the same device: images of one number belong
            together, such as those cut out of one recording, and no split parts them. ``None``
            where every image stands for itself.

    Raises:
        ValueError: a shape, a type or a device does not fit.
    """

    images: Tensor
    labels: Tensor
    groups: Tensor | None = None

    def __post_init__(self) -> None:
        images = self.images
        if images.dtype not in (torch.uint8, torch.float32) or images.dim() != 4:
            raise ValueError(
                f"images are {images.dtype} {tuple(images.shape)}: "
                "must be uint8 or float32 (n, c, h, w)"
            )
        self._check("labels", self.labels)
        if self.groups is not None:
            self._check("groups", self.groups)

    def _check(self, name: str, numbers: Tensor) -> None:
        """Raise unless there is one number for each image."""
        images = self.images
        if numbers.dtype != torch.int64 or numbers.shape != images.shape[:1]:
            raise ValueError(
                f"{name} are {numbers.dtype} {tuple(numbers.shape)}: "
                f"must be int64 ({len(images)},)"
            )
        if images.device != numbers.device:
            raise ValueError(f"images are on {images.device} but {name} on {numbers.device}")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where all tensors lie."""
        return self.images.device

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the set on ``device``; tensors already there are shared, not copied."""
        return self._each(lambda tensor: tensor.to(device))

    def subset(self, indices: Tensor) -> ImageSet:
        """Return copies of the rows ``indices``, int64 of shape ``(k,)``, in that order."""
        rows = indices.to(self.device)
        return self._each(lambda tensor: tensor.index_select(0, rows))

    def split(self, fraction: float, seed: int) -> tuple[ImageSet, ImageSet]:
        """Return ``(rest, held_out)``, each class in proportion; see :func:`stratified_split`.

        Raises:
            UserError: ``fraction`` is not between 0 and 1.
        """
        rest, held_out = stratified_split(self.labels, fraction, seed, self.groups)
        return self.subset(rest), self.subset(held_out)

    def _each(self, change: Callable[[Tensor], Tensor]) -> ImageSet:
        """Return the set whose tensors are what ``change`` makes of these."""
        groups = None if self.groups is None else change(self.groups)
        return ImageSet(change(self.images), change(self.labels), groups)

    @staticmethod
    def concat(first: ImageSet, second: ImageSet) -> ImageSet:
        """Return one set with the rows of ``first``, then those of ``second``.

        Groups of one number are taken to be one group; they are lost where one set has none.
        """
        groups = None
        if first.groups is not None and second.groups is not None:
            groups = torch.cat([first.groups, second.groups])
        return ImageSet(
            torch.cat([first.images, second.images]),
            torch.cat([first.labels, second.labels]),
            groups,
        )
