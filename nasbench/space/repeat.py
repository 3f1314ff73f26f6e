"""Repeat: how many times a block is stacked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from nasbench.space.choice import Choice
from nasbench.space.domain import Domain


class Repeat(Choice):
    """A stack of blocks whose depth is decided.

    Args:
        factory: makes block ``i`` (counted from 0) when called with ``i``.
        depth: the depths to choose from, as a list, or as a pair ``(low, high)``, both included.
        label: the decision's name.

    Raises:
        ValueError: a depth is negative.
    """

    def __init__(
        self,
        factory: Callable[[int], nn.Module],
        depth: Sequence[int] | tuple[int, int],
        *,
        label: str,
    ) -> None:
        pair = isinstance(depth, tuple) and len(depth) == 2
        depths = tuple(range(depth[0], depth[1] + 1)) if pair else tuple(sorted(depth))
        if any(d < 0 for d in depths):
            raise ValueError(f"label {label!r}: depths {depths} must not be negative")
        super().__init__(Domain(label, "repeat", depths))
        self.depths = depths
        built = self.chosen if isinstance(self.chosen, int) else depths[-1]
        self.blocks = nn.ModuleList()
        for index in range(built):
            with self._build.under(label, [d for d in depths if d > index]):
                self.blocks.append(factory(index))

    def forward(self, x: Tensor) -> Tensor:
        """Return the stack's output, or the supernet's mixture over depths."""
        if not self.frozen:
            return self.relaxation().repeat(self, x)
        for block in self.blocks:
            x = block(x)
        return x
