"""InputChoice: some of several inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from nasbench.space.choice import Choice
from nasbench.space.domain import Domain
from nasbench.space.layer_choice import Candidate, make

Reduction = Literal["sum", "mean", "concat", "none"]


class InputChoice(Choice):
    """Some of several inputs, each optionally through a layer of its own.

    Layers that belong to one input go into ``edges``: what is built outside of the choice is built
    under every architecture, used or not.

    Args:
        n_candidates: how many inputs there are.
        n_chosen: how many of them are chosen.
        label: the decision's name.
        reduction: how the chosen ones are joined: ``sum``, ``mean``, ``concat`` along the
            channels, or ``none`` for a list.
        edges: one function that makes a layer for each input; only the chosen inputs' layers are
            constructed under an architecture.

    Raises:
        ValueError: the numbers do not fit together, or the reduction is unknown.
    """

    def __init__(
        self,
        n_candidates: int,
        n_chosen: int = 1,
        *,
        label: str,
        reduction: Reduction = "sum",
        edges: Sequence[Candidate] | None = None,
    ) -> None:
        if not 1 <= n_chosen <= n_candidates:
            raise ValueError(f"label {label!r}: n_chosen={n_chosen} must be in 1..{n_candidates}")
        if reduction not in ("sum", "mean", "concat", "none"):
            raise ValueError(f"label {label!r}: reduction={reduction!r} is unknown")
        if edges is not None and len(edges) != n_candidates:
            raise ValueError(f"label {label!r}: {len(edges)} edges for {n_candidates} candidates")
        super().__init__(Domain(label, "input", tuple(range(n_candidates)), n_chosen))
        self.reduction = reduction
        self.edges = nn.ModuleDict() if edges is not None else None
        for index, edge in enumerate(edges or ()):
            if self.frozen and index not in self.selected:
                continue
            options = [o for o in self.domain.options if isinstance(o, tuple) and index in o]
            with self._build.under(label, options):
                assert self.edges is not None
                self.edges[str(index)] = make(edge)

    @property
    def selected(self) -> tuple[int, ...]:
        """The chosen inputs under an architecture, in ascending order."""
        assert isinstance(self.chosen, tuple)
        return self.chosen

    def edge(self, index: int, x: Tensor) -> Tensor:
        """Return input ``index`` after its own layer, if it has one."""
        if self.edges is None:
            return x
        output: Tensor = self.edges[str(index)](x)
        return output

    def reduce(self, tensors: list[Tensor]) -> Tensor | list[Tensor]:
        """Join the chosen tensors as ``reduction`` says."""
        if self.reduction == "none":
            return tensors
        if self.reduction == "concat":
            return torch.cat(tensors, dim=1)
        total = tensors[0]
        for tensor in tensors[1:]:
            total = total + tensor
        return total / len(tensors) if self.reduction == "mean" else total

    def forward(self, candidates: Sequence[Tensor]) -> Tensor | list[Tensor]:
        """Return the chosen inputs joined, or the supernet's mixture.

        Raises:
            ValueError: the number of inputs is not ``n_candidates``.
        """
        if len(candidates) != len(self.domain.candidates):
            raise ValueError(
                f"the choice {self.label!r} got {len(candidates)} inputs, "
                f"expected {len(self.domain.candidates)}"
            )
        if not self.frozen:
            return self.relaxation().input(self, list(candidates))
        return self.reduce([self.edge(index, candidates[index]) for index in self.selected])
