"""A space of vision transformers for small images, with elastic width, depth, heads and MLPs.

Chen et al., "AutoFormer: Searching Transformers for Visual Recognition", ICCV 2021, around the
network of Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021. Labels start with the
block, counted from 0.

Letters: B batch, C channels, H, W height and width, N tokens, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nasbench.nn import Conv2d, LayerNorm, LearnedTensor, Linear, MultiheadAttention
from nasbench.space import DataSpec, Repeat, SearchSpace, Size, ValueChoice

SHARES = (0.5, 0.75, 1.0)  # of the embedding
HEADS = (2, 4)
RATIOS = (2, 3, 4)
STEP = 16  # of the embedding: every share is a multiple of the heads
TOKENS = 8  # patches along the shorter side, by default
EPS = 1e-6  # of layer normalization, as in the authors' code


class Block(nn.Module):
    """Attention and an MLP, each behind layer normalization and with a shortcut.

    Args:
        embedding: features of a token.
        heads: of the attention; they divide the embedding.
        ratio: features of the MLP, as a multiple of the embedding.
        dropout_rate: in [0, 1).
    """

    def __init__(self, embedding: Size, heads: Size, ratio: Size, dropout_rate: float) -> None:
        super().__init__()
        hidden = embedding * ratio
        self.norm1 = LayerNorm(embedding, eps=EPS)
        self.attention = MultiheadAttention(
            embedding, heads, dropout=dropout_rate, batch_first=True
        )
        self.norm2 = LayerNorm(embedding, eps=EPS)
        self.mlp = nn.Sequential(
            Linear(embedding, hidden),
            nn.GELU(),
            nn.Dropout(dropout_rate),
            Linear(hidden, embedding),
        )
        self.dropout = nn.Dropout(dropout_rate)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, N, D)`` to the same shape."""
        y = self.norm1(x)
        x = x + self.dropout(self.attention(y, y, y, need_weights=False)[0])
        out: Tensor = x + self.dropout(self.mlp(self.norm2(x)))
        return out


class VitSmall(SearchSpace):
    """Vision transformers: an embedding, a depth, and heads and an MLP ratio for each block.

    An image is cut into patches; a class token and learned positions are added. ``embedding`` is
    a half, three quarters or the whole of the argument ``channels``, and ``depth`` from half of
    ``layers`` to ``layers``. ``b0_heads`` is 2 or 4, and ``b0_ratio`` 2, 3 or 4; the decisions of
    blocks that a shallow network lacks are inactive. With a depth of 8 there are
    3 * (6^4 + 6^5 + 6^6 + 6^7 + 6^8) architectures.

    All decisions slice shared weights: the space is for one-shot and for sampled strategies.

    Args:
        spec: the shape of the data.
        channels: the largest embedding, a multiple of 16.
        layers: the largest depth, at least 2.
        patch: side of a patch in pixels, which divides both sides of the image; 0 for the largest
            that gives at least 8 patches along the shorter side, or 2 for images below 16 pixels
            if it divides them.
        dropout_rate: dropout rate of attention, MLPs and embedding, in [0, 1).

    Raises:
        ValueError: an argument is out of its range, or the data are no images.
    """

    search_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "quick": {"channels": 64, "layers": 4}
    }

    def __init__(
        self,
        spec: DataSpec,
        *,
        channels: int = 192,
        layers: int = 8,
        patch: int = 0,
        dropout_rate: float = 0.0,
    ) -> None:
        super().__init__(spec)
        if channels < STEP or channels % STEP:
            raise ValueError(f"channels={channels}: must be a multiple of {STEP}")
        if layers < 2:
            raise ValueError(f"layers={layers}: must be at least 2")
        if not 0 <= dropout_rate < 1:
            raise ValueError(f"dropout_rate={dropout_rate}: must be in [0, 1)")
        colours, height, side = spec.image
        patch = patch or usual_patch(height, side)
        if patch < 1 or height % patch or side % patch:
            raise ValueError(f"patch={patch}: must divide the sides of {height}x{side} images")
        tokens = (height // patch) * (side // patch) + 1
        embedding = ValueChoice([int(share * channels) for share in SHARES], label="embedding")
        self.patches = Conv2d(colours, embedding, patch, patch)
        self.token = LearnedTensor(1, 1, embedding)
        self.positions = LearnedTensor(1, tokens, embedding)
        self.dropout = nn.Dropout(dropout_rate)

        def block(index: int) -> nn.Module:
            heads = ValueChoice(HEADS, label=f"b{index}_heads")
            ratio = ValueChoice(RATIOS, label=f"b{index}_ratio")
            return Block(embedding, heads, ratio, dropout_rate)

        self.blocks = Repeat(block, depth=(layers // 2, layers), label="depth")
        self.norm = LayerNorm(embedding, eps=EPS)
        self.head = Linear(embedding, spec.classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, H, W)`` to logits ``(B, classes)``."""
        y = self.patches(x).flatten(2).transpose(1, 2)
        y = torch.cat([self.token().expand(y.shape[0], -1, -1), y], dim=1)
        y = self.blocks(self.dropout(y + self.positions()))
        logits: Tensor = self.head(self.norm(y)[:, 0])
        return logits


def usual_patch(height: int, side: int) -> int:
    """Return the side of a patch that suits images of this size.

    Args:
        height: of the images, in pixels.
        side: their width.
    """
    most = max(2, min(height, side) // TOKENS)
    return max(size for size in range(1, most + 1) if gcd(height, side) % size == 0)
