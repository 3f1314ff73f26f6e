"""A set of labelled images, held whole in one device's memory."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images as bytes, a quarter of the memory and of the traffic of floats.

    Attributes:
        images: uint8 of shape ``(n, channels, height, width)``, values 0 to 255.
        labels: int64 of shape ``(n,)``, on the same device.

    Raises:
        ValueError: a shape, a type or a device does not fit.
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if images.dtype != torch.uint8 or images.dim() != 4:
            raise ValueError(
                f"images are {images.dtype} {tuple(images.shape)}: must be uint8 (n, c, h, w)"
            )
        if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"labels are {labels.dtype} {tuple(labels.shape)}: must be int64 ({len(images)},)"
            )
        if images.device != labels.device:
            raise ValueError(f"images are on {images.device} but labels on {labels.device}")

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where both tensors lie."""
        return self.images.device

    def to(self, device: torch.device | str) -> ImageSet:
        """Return the set on ``device``; tensors already there are shared, not copied."""
        return ImageSet(self.images.to(device), self.labels.to(device))

    def subset(self, indices: Tensor) -> ImageSet:
        """Return copies of the rows ``indices``, int64 of shape ``(k,)``, in that order."""
        rows = indices.to(self.device)
        return ImageSet(self.images.index_select(0, rows), self.labels.index_select(0, rows))

    @staticmethod
    def concat(first: ImageSet, second: ImageSet) -> ImageSet:
        """Return one set with the rows of ``first``, then those of ``second``."""
        return ImageSet(
            torch.cat([first.images, second.images]), torch.cat([first.labels, second.labels])
        )
