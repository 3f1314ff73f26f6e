"""Mixtures as one sum over all edges and candidates that end in a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nasbench.supernet.fast.branches import BranchSum
from nasbench.supernet.fast.features import Features
from nasbench.supernet.fast.terms import Candidate
from nasbench.supernet.fast.units import Branch


class FastSums:
    """Sums of weighted candidates; what edges of one state have in common is computed once."""

    def __init__(self) -> None:
        self._candidates: dict[nn.Module, Candidate] = {}
        self._features: dict[int, Features] = {}

    def forget(self) -> None:
        """Let go of the states of the last forward pass."""
        self._features.clear()

    def features(self, state: Tensor) -> Features:
        """Return what is known of ``state``."""
        # The entry holds the state, so its number belongs to no other tensor.
        if id(state) not in self._features:
            self._features[id(state)] = Features(state)
        return self._features[id(state)]

    def sum(self, parts: Sequence[tuple[Tensor, nn.Module, Tensor]]) -> Tensor:
        """Return the sum of weights, each a scalar, times what candidates make of states.

        Args:
            parts: weight, candidate and state ``(B, C, H, W)``.
        """
        known = [(w, self._candidate(module), self.features(x)) for w, module, x in parts]
        plain = [(w, one.image(x)) for w, one, x in known if not one.branch]
        if len(plain) == len(known) and any(image.dim() != 4 for _, image in plain):
            return _plain_sum(plain)  # a head's candidates make no images
        groups: dict[object, list[Part]] = {}
        for w, one, x in known:
            if one.branch:
                image = x.branch_input(one.branch[0])
                groups.setdefault(_kind(one.branch), []).append(Part(w, one.branch, image))
        first, *others = list(groups.values()) or [[]]
        total = _sum(first, plain)
        for group in others:
            total = total + _sum(group, [])
        return total

    def _candidate(self, module: nn.Module) -> Candidate:
        if module not in self._candidates:
            self._candidates[module] = Candidate(module)
        return self._candidates[module]


class Part(NamedTuple):
    """A branch of a sum: its weight, its units and its input."""

    weight: Tensor
    branch: Branch
    image: Tensor


def _kind(branch: Branch) -> object:
    """Return what the branches of one sum must agree in."""
    return [(unit.pointwise.weight.shape, unit.norm.eps) for unit in branch][-1]


def _plain_sum(plain: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    terms = [weight * output for weight, output in plain]
    return sum(terms[1:], terms[0])


def _sum(parts: Sequence[Part], plain: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    inputs: dict[int, tuple[int, Tensor]] = {}
    places = [inputs.setdefault(id(p.image), (len(inputs), p.image))[0] for p in parts]
    output: Tensor = BranchSum.apply(
        [part.branch for part in parts],
        places,
        torch.stack([*(part.weight for part in parts), *(w for w, _ in plain)]),
        *(image for _, image in inputs.values()),
        *(p for part in parts for unit in part.branch for p in unit.parameters),
        *(image for _, image in plain),
    )
    return output
