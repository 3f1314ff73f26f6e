"""Augmentation of whole batches: one draw per image, no loop over images.

Shapes: ``(n, c, h, w)`` is (images, channels, height, width); ``p`` is the crop's padding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from nasbench.data.draws import Draws


@dataclass(frozen=True)
class Augmentation:
    """Random crop and mirror, normalisation, cutout.

    Attributes:
        mean: of each channel; of bytes with pixel values in [0, 1], of floats in their own units.
        std: of each channel likewise, above 0.
        crop_padding: pixels of value 0 added on every side before a crop of the original size.
        flip: whether half of the images are mirrored left to right.
        cutout: side in pixels of the square set to the mean (DeVries & Taylor 2017), 0 for none.
            It reaches ``cutout // 2`` pixels from its centre, so an odd side counts as the even
            one below it.

    Raises:
        ValueError: a value is out of its range or the channels differ in number.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_padding: int = 0
    flip: bool = False
    cutout: int = 0

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not all(one > 0 for one in self.std):
            raise ValueError(
                f"mean {self.mean} and std {self.std}: one of each per channel, std above 0"
            )
        for name in ("crop_padding", "cutout"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)}: must be at least 0")

    def with_cutout(self, side: int) -> Augmentation:
        """Return the same augmentation with a cutout of ``side`` pixels."""
        return replace(self, cutout=side)

    def draw(self, n: int, height: int, width: int, generator: torch.Generator) -> Draws:
        """Draw for ``n`` images of ``height`` times ``width`` pixels, on the CPU.

        Everything is drawn whether it is used or not, so that switching one augmentation on
        leaves the draws of the others as they were.
        """

        def uniform(count: int) -> Tensor:
            return torch.randint(count, (n,), generator=generator)

        offsets = 2 * self.crop_padding + 1
        return Draws(
            dy=uniform(offsets),
            dx=uniform(offsets),
            flip=uniform(2).bool(),
            cy=uniform(height),
            cx=uniform(width),
        )

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        """Return the augmented batch.

        Args:
            images: uint8 or float32 of shape ``(n, c, h, w)``.
            draws: of the same ``n`` images, on any device.

        Returns:
            float32 of the shape and on the device of ``images``.

        Raises:
            ValueError: there are not as many draws as images.
        """
        if len(draws) != len(images):
            raise ValueError(f"{len(draws)} draws for {len(images)} images")
        draws = draws.to(images.device)
        if self.crop_padding or self.flip:
            images = _crop(images, draws, self.crop_padding, self.flip)
        batch = self.plain(images)
        if self.cutout:
            batch.masked_fill_(_square(batch, draws, self.cutout // 2), 0.0)
        return batch

    def plain(self, images: Tensor) -> Tensor:
        """Return uint8 or float32 ``images`` of shape ``(n, c, h, w)`` normalised, as float32."""
        if images.shape[1] != len(self.mean):
            raise ValueError(f"{images.shape[1]} channels, but {len(self.mean)} means")
        white = 1 if images.is_floating_point() else 255
        scale, shift = _affine(self.mean, self.std, white, images.device)
        # One pass: every pixel is read once, from bytes as one byte, and written once.
        return torch.addcmul(shift, images, scale)


@lru_cache(maxsize=32)  # else every batch would wait for two tiny transfers to the device
def _affine(
    mean: tuple[float, ...], std: tuple[float, ...], white: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return scale and shift, ``(c, 1, 1)`` each, that normalise a pixel in one step.

    ``white``: the pixel value that counts as 1.
    """
    means = torch.tensor(mean, dtype=torch.float64).view(-1, 1, 1)
    stds = torch.tensor(std, dtype=torch.float64).view(-1, 1, 1)
    scale, shift = 1 / (white * stds), -means / stds
    return scale.float().to(device), shift.float().to(device)


def _crop(images: Tensor, draws: Draws, padding: int, flip: bool) -> Tensor:
    """Crop and mirror ``(n, c, h, w)`` images out of their padded copies."""
    n, c, h, w = images.shape
    padded = F.pad(images, (padding,) * 4) if padding else images
    rows = draws.dy[:, None] + torch.arange(h, device=images.device)
    cols = torch.arange(w, device=images.device).expand(n, w)
    if flip:
        cols = torch.where(draws.flip[:, None], w - 1 - cols, cols)
    cols = draws.dx[:, None] + cols
    # The channels share one index by a stride of 0; gathering bytes moves a quarter of floats.
    index = rows[:, :, None] * padded.shape[3] + cols[:, None, :]
    index = index.view(n, 1, h * w).expand(n, c, h * w)
    return padded.reshape(n, c, -1).gather(2, index).view(n, c, h, w)


def _square(batch: Tensor, draws: Draws, half: int) -> Tensor:
    """Return the bool mask ``(n, 1, h, w)`` of the squares, clipped at the borders."""
    ys = torch.arange(batch.shape[2], device=batch.device) - draws.cy[:, None]
    xs = torch.arange(batch.shape[3], device=batch.device) - draws.cx[:, None]
    inside_y, inside_x = (ys >= -half) & (ys < half), (xs >= -half) & (xs < half)
    return (inside_y[:, :, None] & inside_x[:, None, :]).unsqueeze(1)
