"""What the network that mixing weights stand for is expected to cost.

Cai, Zhu, Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", ICLR
2019, section 3.3, equations (5) and (6): the sum over decisions of what their options cost, each
by its probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nasbench.space import Arch, Domain, Domains, Value

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class ExpectedCost:
    """A cost that is the sum of what was decided.

    It is exact where what an option costs depends on no other decision, conditions apart; else it
    is an estimate around one architecture.

    Attributes:
        domains: the decisions.
        constant: the cost of the architecture of every first option.
        table: label to what every option costs more than the first, shape ``(options,)``, in
            float64, as counts of large networks need it.
    """

    domains: Domains
    constant: float
    table: Mapping[str, Tensor]

    @classmethod
    def measured(
        cls, domains: Domains, cost: Callable[[Arch], float], device: torch.device
    ) -> ExpectedCost:
        """Return the table, from one measurement for each option.

        Args:
            domains: the decisions.
            cost: of one architecture.
            device: of the weights that are asked about.
        """
        table = {}
        for label, domain in domains.items():
            there = _reaching(domains, label)
            costs = [cost(domains.completed({**there, label: o})) for o in domain.options]
            extra = [c - costs[0] for c in costs]
            table[label] = torch.tensor(extra, dtype=torch.float64, device=device)
        return cls(domains, cost(domains.completed({})), table)

    def of(self, arch: Arch) -> float:
        """Return the cost of an architecture."""
        return self.constant + sum(self.extra(label, value) for label, value in arch.items())

    def extra(self, label: str, value: Value) -> float:
        """Return what an option costs more than the first of its decision."""
        return float(self.table[label][self.domains[label].options.index(value)])

    def __call__(self, weights: Weights) -> Tensor:
        """Return the expected cost, a float64 scalar with a gradient.

        Args:
            weights: label to the weights of all candidates, shape ``(candidates,)``. Every option
                of a label that is left out is as likely. A candidate that no architecture may
                choose costs as the cheapest.
        """
        terms = [
            self._there(self.domains[label], weights) * self._own(label, weights)
            for label in self.table
        ]
        return self.constant + torch.stack(terms).sum()

    def _own(self, label: str, weights: Weights) -> Tensor:
        """Return what a decision that is made is expected to cost more than its first option."""
        extra, domain = self.table[label], self.domains[label]
        if domain.relaxed_only and label in weights:
            return weights[label].double() @ self._with_relaxed_only(domain, extra)
        return self._shares(label, weights).double() @ extra

    def _with_relaxed_only(self, domain: Domain, extra: Tensor) -> Tensor:
        """Return the table over all candidates instead of the options."""
        least = float(extra.min())
        known = dict(zip(domain.options, extra.tolist(), strict=True))
        return extra.new_tensor([known.get(c, least) for c in domain.candidates])

    def _shares(self, label: str, weights: Weights) -> Tensor:
        """Return the share of every option; inputs chosen together weigh by their product."""
        domain = self.domains[label]
        if label not in weights:
            return torch.full_like(self.table[label], 1 / len(domain.options))
        w = weights[label]
        if domain.n_chosen == 1:
            return w[[domain.candidates.index(_only(option)) for option in domain.options]]
        products = torch.stack([w[list(_inputs(option))].prod() for option in domain.options])
        return products / products.sum().clamp_min(torch.finfo(products.dtype).tiny)

    def _there(self, domain: Domain, weights: Weights) -> Tensor | float:
        """Return the probability that a decision is made at all, of its likeliest site."""
        if () in domain.sites:
            return 1.0
        sites = [
            math.prod(
                (self._holds(c.label, c.values, weights) for c in site), start=torch.ones(())
            )
            for site in domain.sites
        ]
        return torch.stack(sites).amax()

    def _holds(self, label: str, values: frozenset[Value], weights: Weights) -> Tensor:
        """Return the probability that a decision takes one of ``values``."""
        options = self.domains[label].options
        places = [place for place, option in enumerate(options) if option in values]
        return self._shares(label, weights)[places].sum()


def _only(option: Value) -> str | int | float | bool:
    """Return the candidate of an option that holds one."""
    return option[0] if isinstance(option, tuple) else option


def _inputs(option: Value) -> tuple[int, ...]:
    assert isinstance(option, tuple)
    return option


def _reaching(domains: Domains, label: str) -> dict[str, Value]:
    """Return decisions that leave ``label`` something to decide."""
    found: dict[str, Value] = {}
    for condition in domains[label].sites[0]:
        found.update(_reaching(domains, condition.label))
        options = domains[condition.label].options
        found[condition.label] = next(o for o in options if o in condition.values)
    return found
