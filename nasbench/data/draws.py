"""The random numbers behind one batch's augmentation, apart from their use."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Draws:
    """One draw for each of ``n`` images; every tensor has the shape ``(n,)``.

    Attributes:
        dy: int64, the crop's first row in the padded image, 0 to twice the padding.
        dx: int64, the crop's first column likewise.
        flip: bool, whether the crop is mirrored left to right.
        cy: int64, the row of the cutout's centre in the finished crop.
        cx: int64, the column of the cutout's centre.
    """

    dy: Tensor
    dx: Tensor
    flip: Tensor
    cy: Tensor
    cx: Tensor

    def __len__(self) -> int:
        return len(self.dy)

    def __getitem__(self, index: slice | Tensor) -> Draws:
        """Return the draws of the images that ``index`` selects, a shard for example."""
        return Draws(
            self.dy[index], self.dx[index], self.flip[index], self.cy[index], self.cx[index]
        )

    def to(self, device: torch.device | str) -> Draws:
        """Return the draws on ``device``."""
        if self.dy.device == torch.device(device):
            return self
        # Stacked, because five small transfers cost five times the latency of one.
        rows = torch.stack([self.dy, self.dx, self.flip.long(), self.cy, self.cx]).to(device)
        dy, dx, flip, cy, cx = rows.unbind()
        return Draws(dy, dx, flip.bool(), cy, cx)
