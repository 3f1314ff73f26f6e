"""Random examples of any shape, to measure, trace and check networks with."""

from __future__ import annotations

import torch
from torch import Tensor

from nasbench.space.spec import DataSpec


def noise(spec: DataSpec, n: int, stream: torch.Generator | None = None) -> Tensor:
    """Return ``n`` random examples ``(n, *shape)``: normal float32 numbers, or int64 tokens.

    Args:
        spec: the shape of the data.
        n: the number of examples.
        stream: of the numbers; torch's global one by default.
    """
    if spec.vocabulary:
        return torch.randint(spec.vocabulary, (n, *spec.shape), generator=stream)
    return torch.randn(n, *spec.shape, generator=stream)
