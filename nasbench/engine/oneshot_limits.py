"""Limits of a one-shot search: a penalty for mixtures, and the way back for what is over them.

The penalty is that of ProxylessNAS (Cai, Zhu, Han; ICLR 2019, section 3.3), with the part above
the limit in place of the whole cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import torch
from torch import Tensor

from nasbench.engine.limits import FLAGS, Limits
from nasbench.errors import UserError
from nasbench.space import Arch, Domains, Value
from nasbench.supernet.expected_cost import ExpectedCost

SWAPS = 10  # for each decision, before the way back counts as lost

Strengths = Mapping[str, Sequence[float]]  # label to the weights of its candidates


class OneShotLimits:
    """What a one-shot strategy is told of its limits.

    Args:
        costs: the limits, and what measures architectures.
        domains: the decisions.
        device: of the mixing weights.
    """

    def __init__(self, costs: Limits, domains: Domains, device: torch.device) -> None:
        self.costs = costs
        self.domains = domains
        self._device = device

    @cached_property
    def tables(self) -> dict[str, ExpectedCost]:
        """Cost to its table; measured when it is first needed."""
        return {name: self._table(name) for name in self.costs.limits}

    def _table(self, name: str) -> ExpectedCost:
        return ExpectedCost.measured(
            self.domains, lambda arch: self.costs.cost(arch, name), self._device
        )

    def penalty(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return by how much a mixture is expected to be over the limits, as shares of them."""
        limits = self.costs.limits.items()
        over = [torch.relu(self.tables[name](weights) / limit - 1) for name, limit in limits]
        return torch.stack(over).sum().float()

    def nearest(self, arch: Arch, weights: Strengths) -> Arch:
        """Return ``arch`` if it keeps the limits, else what does after few and weak swaps.

        Swap by swap, that decision changes which loses least strength for what it saves.

        Args:
            arch: what a strategy stands for.
            weights: how strong it finds every candidate.

        Raises:
            UserError: no architecture was found that keeps the limits.
        """
        seen = {arch}
        for _ in range(SWAPS * len(self.domains)):
            over = self._over(arch)
            if not over:
                return arch
            others = [other for other in self._others(arch, weights) if other not in seen]
            gains = {other: self._saved(arch, other, over) for other in others}
            ways = [other for other in others if gains[other] > 0]
            if not ways:
                break
            had = strength(self.domains, arch, weights)
            lost = {o: max(0.0, had - strength(self.domains, o, weights)) for o in ways}
            # Where nothing is lost, the largest saving is the best.
            arch = min(ways, key=lambda o: (lost[o] / gains[o], -gains[o]))
            seen.add(arch)
        given = ", ".join(f"{FLAGS[name]} {limit:g}" for name, limit in self.costs.limits.items())
        raise UserError(f"{given}: no architecture was found that keeps them together")

    def _over(self, arch: Arch) -> list[str]:
        """Return the limits that ``arch`` breaks; latency is measured where it keeps the rest."""
        over: list[str] = []
        for name, limit in self.costs.limits.items():
            if not (name == "latency_ms" and over) and self.costs.cost(arch, name) > limit:
                over.append(name)
        return over

    def _saved(self, arch: Arch, other: Arch, over: Sequence[str]) -> float:
        """Return by how many shares of the broken limits ``other`` should be cheaper."""
        return sum(
            (self.tables[name].of(arch) - self.tables[name].of(other)) / self.costs.limits[name]
            for name in over
        )

    def _others(self, arch: Arch, weights: Strengths) -> Iterator[Arch]:
        """Yield what is one step away; a new decision takes its strongest or cheapest option."""
        cheapest = {label: self._cheapest(label) for label in self.domains}
        strongest = {label: self._strongest(label, weights) for label in self.domains}
        for label, value in arch.items():
            for option in self.domains[label].steps(value):
                for rest in (strongest, cheapest):
                    yield self.domains.completed({**rest, **arch, label: option})

    def _strongest(self, label: str, weights: Strengths) -> Value:
        options = self.domains[label].options
        return max(options, key=lambda option: _held(self.domains, label, option, weights))

    def _cheapest(self, label: str) -> Value:
        """Return the option that takes the smallest share of the limits."""

        def share(option: Value) -> float:
            limits = self.costs.limits.items()
            return sum(self.tables[name].extra(label, option) / limit for name, limit in limits)

        return min(self.domains[label].options, key=share)


def strength(domains: Domains, arch: Arch, weights: Strengths) -> float:
    """Return the sum of the weights of what was chosen."""
    return sum(_held(domains, label, value, weights) for label, value in arch.items())


def _held(domains: Domains, label: str, value: Value, weights: Strengths) -> float:
    """Return an option's weight; 0 where the decision has none of its own."""
    if label not in weights:
        return 0.0
    chosen = value if isinstance(value, tuple) else (value,)
    return sum(weights[label][domains[label].candidates.index(c)] for c in chosen)
