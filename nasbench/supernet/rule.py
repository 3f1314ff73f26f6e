"""How architecture parameters become the weights of a mixture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class Mixed(NamedTuple):
    """The weights of one decision in one forward pass.

    Attributes:
        weights: shape ``(n,)``, one for each candidate that is still in the mixture.
        running: which of them are computed; the others' weights are 0, and only their gradient
            counts. ``None`` for all.
    """

    weights: Tensor
    running: tuple[int, ...] | None = None


class Rule:
    """The softmax of DARTS; a subclass replaces what it does otherwise."""

    def begin(self, alphas: Mapping[str, Tensor]) -> None:
        """Get ready for a training pass, such as to draw for all decisions at once.

        Args:
            alphas: label to what :meth:`sample` will be given.
        """
        return

    def sample(self, label: str, alpha: Tensor) -> Mixed:
        """Return the weights of a training step; it may draw from torch's global stream.

        Args:
            label: the decision's name.
            alpha: its architecture parameters, shape ``(n,)``, without candidates that were
                taken out.
        """
        return Mixed(self.expected(label, alpha))

    def expected(self, label: str, alpha: Tensor) -> Tensor:
        """Return the weights that are read, shown, and used in evaluation; shape ``(n,)``."""
        return alpha.softmax(dim=0)
