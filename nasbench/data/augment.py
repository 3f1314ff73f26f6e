"""Augmentation of whole batches, without a loop over images.

Shapes: ``(n, c, h, w)`` is (images, channels, height, width); ``p`` is the crop's padding.
Examples of another shape, such as signals ``(n, c, length)``, are normalized alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Draws:
    """The random numbers of one batch's augmentation; every tensor has the shape ``(n,)``.

    Attributes:
        dy: int64, first row of the crop in the padded image, 0 to twice the padding.
        dx: int64, first column of the crop likewise.
        flip: bool, whether the crop is mirrored left to right.
        cy: int64, row of the cutout's center in the crop.
        cx: int64, column of the cutout's center.
    """

    dy: Tensor
    dx: Tensor
    flip: Tensor
    cy: Tensor
    cx: Tensor

    def __len__(self) -> int:
        return len(self.dy)

    def __getitem__(self, index: slice | Tensor) -> Draws:
        """Return the draws of the images that ``index`` selects, such as those of one process."""
        return Draws(
            self.dy[index], self.dx[index], self.flip[index], self.cy[index], self.cx[index]
        )

    def to(self, device: torch.device | str) -> Draws:
        """Return the draws on ``device``."""
        if self.dy.device == torch.device(device):
            return self
        # Stacked, because five small transfers take five times as long as one.
        rows = torch.stack([self.dy, self.dx, self.flip.long(), self.cy, self.cx]).to(device)
        dy, dx, flip, cy, cx = rows.unbind()
        return Draws(dy, dx, flip.bool(), cy, cx)


@dataclass(frozen=True)
class Augmentation:
    """Random crop, flip, normalization and cutout.

    Attributes:
        mean: of each channel; uint8 images count as 0 to 1, floats in their own unit.
        std: standard deviation of each channel likewise, above 0.
        crop_padding: pixels of value 0 added to each side before a crop of the original size.
        flip: whether each image is mirrored left to right with probability 1/2.
        cutout: side in pixels of the square set to the mean (DeVries and Taylor, 2017), 0 for
            none. It reaches ``cutout // 2`` pixels from its center, so an odd side equals the even
            one below it.

    Raises:
        ValueError: a value is out of range, or mean and std differ in length.
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

    def draw(self, n: int, shape: tuple[int, ...], generator: torch.Generator) -> Draws | None:
        """Draw the random numbers for a batch, on the CPU.

        Everything is drawn whether it is used or not, so that enabling one augmentation does not
        change the draws of the others.

        Args:
            n: number of images.
            shape: of one image, ``(channels, height, width)``.
            generator: on the CPU; the draws are a function of its state.

        Returns:
            The draws, or ``None`` for examples that are no images.

        Raises:
            ValueError: crop, flip or cutout of what is no image.
        """
        if len(shape) != 3:
            if self.crop_padding or self.flip or self.cutout:
                raise ValueError(f"crop, flip and cutout are for images, and these are {shape}")
            return None
        _, height, width = shape

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

    def apply(self, images: Tensor, draws: Draws | None) -> Tensor:
        """Return the augmented batch.

        Args:
            images: uint8 or float32 of shape ``(n, c, h, w)``, or other examples ``(n, *shape)``.
            draws: of the same ``n`` images, on any device; ``None`` to normalize alone.

        Returns:
            float32 of the shape and on the device of ``images``.

        Raises:
            ValueError: the numbers of draws and images differ.
        """
        if draws is None:
            return self.plain(images)
        if len(draws) != len(images):
            raise ValueError(f"{len(draws)} draws for {len(images)} images")
        draws = draws.to(images.device)
        if self.crop_padding or self.flip:
            images = _crop(images, draws, self.crop_padding, self.flip)
        batch = self.plain(images)
        if self.cutout:
            half = self.cutout // 2
            ys = torch.arange(batch.shape[2], device=batch.device) - draws.cy[:, None]
            xs = torch.arange(batch.shape[3], device=batch.device) - draws.cx[:, None]
            inside_y, inside_x = (ys >= -half) & (ys < half), (xs >= -half) & (xs < half)
            square = (inside_y[:, :, None] & inside_x[:, None, :]).unsqueeze(1)  # (n, 1, h, w)
            batch.masked_fill_(square, 0.0)
        return batch

    def plain(self, images: Tensor) -> Tensor:
        """Normalize uint8 or float32 ``images`` of shape ``(n, c, ...)``; return float32.

        Numbers of tokens, int64, and examples without statistics are returned as they are.
        """
        if images.dtype == torch.int64 or not self.mean:
            return images
        if images.shape[1] != len(self.mean):
            raise ValueError(f"{images.shape[1]} channels, but {len(self.mean)} means")
        white = 1 if images.is_floating_point() else 255
        scale, shift = _affine(self.mean, self.std, white, images.dim() - 2, images.device)
        # One pass: every pixel is read once, as a single byte from uint8, and written once.
        return torch.addcmul(shift, images, scale)


@lru_cache(maxsize=32)  # otherwise each batch would wait for two tiny transfers
def _affine(
    mean: tuple[float, ...], std: tuple[float, ...], white: int, sides: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return a scale and a shift that normalize a pixel in one step.

    Args:
        mean: of each channel.
        std: of each channel.
        white: the pixel value that counts as 1.
        sides: of an example besides its channels: 2 for images.
        device: of the result.

    Returns:
        Two float32 tensors of shape ``(c, 1, 1)`` for images.
    """
    form = (-1, *(1,) * sides)
    means = torch.tensor(mean, dtype=torch.float64).view(form)
    stds = torch.tensor(std, dtype=torch.float64).view(form)
    scale, shift = 1 / (white * stds), -means / stds
    return scale.float().to(device), shift.float().to(device)


def _crop(images: Tensor, draws: Draws, padding: int, flip: bool) -> Tensor:
    """Return the cropped and flipped images.

    Args:
        images: shape ``(n, c, h, w)``.
        draws: of the ``n`` images, on their device.
        padding: pixels of value 0 added to each side before the crop.
        flip: whether the images whose draw says so are mirrored.
    """
    n, c, h, w = images.shape
    padded = F.pad(images, (padding,) * 4) if padding else images
    rows = draws.dy[:, None] + torch.arange(h, device=images.device)
    cols = torch.arange(w, device=images.device).expand(n, w)
    if flip:
        cols = torch.where(draws.flip[:, None], w - 1 - cols, cols)
    cols = draws.dx[:, None] + cols
    # All channels share one index (stride 0); bytes are a quarter of the data of floats.
    index = rows[:, :, None] * padded.shape[3] + cols[:, None, :]
    index = index.view(n, 1, h * w).expand(n, c, h * w)
    return padded.reshape(n, c, -1).gather(2, index).view(n, c, h, w)
