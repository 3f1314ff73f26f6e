"""ValueChoice: one of several numbers or names."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from nasbench.space.choice import Choice
from nasbench.space.domain import Domain, Scalar


class ValueChoice(Choice):
    """One of several plain values, to be used while the network is constructed.

    Args:
        values: the values: numbers, texts or booleans.
        label: the decision's name.

    Example:
        >>> width = ValueChoice([16, 32, 64], label="width")
        >>> conv = nn.Conv2d(3, width.value, 3)
    """

    def __init__(self, values: Sequence[Scalar], *, label: str) -> None:
        super().__init__(Domain(label, "value", tuple(values)))

    @property
    def value(self) -> Scalar:
        """The chosen value; in a supernet the largest number, or else the first value."""
        if self.frozen:
            assert self.chosen is not None
            assert not isinstance(self.chosen, tuple)
            return self.chosen
        values = self.domain.selectable
        numbers = [v for v in values if isinstance(v, int | float)]
        return max(numbers) if len(numbers) == len(values) else values[0]

    @property
    def number(self) -> int:
        """The value as a whole number, for widths, kernels and the like.

        Raises:
            TypeError: the value is not a whole number.
        """
        if not isinstance(self.value, int):
            raise TypeError(f"the value {self.value!r} of {self.label!r} is not a whole number")
        return self.value

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x``: a value has no layer of its own."""
        return x
