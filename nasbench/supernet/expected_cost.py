"""ExpectedCost: the cost of an architecture in expectation over mixing weights.

Cai, Zhu, Han, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", ICLR
2019, section 3.3, equations (5) and (6): the sum over decisions of the costs of their options,
weighted by probability.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nasbench.space import Arch, Domain, Domains, Value

Weights = Mapping[str, Tensor]


@dataclass(frozen=True)
class ExpectedCost:
    """A cost that is a sum over decisions.

    It is exact if the cost of an option depends on no other decision, apart from conditions, and
    an estimate around one architecture otherwise.

    Attributes:
        domains: the decisions.
        constant: the cost of the architecture of first options.
        table: label to the cost of each option minus that of the first, shape ``(options,)``, in
            float64, since counts of large networks exceed float32.
    """

    domains: Domains
    constant: float
    table: Mapping[str, Tensor]

    @classmethod
    def measured(
        cls, domains: Domains, cost: Callable[[Arch], float], device: torch.device
    ) -> ExpectedCost:
        """Return the table, with one measurement per option.

        Args:
            domains: the decisions.
            cost: returns the cost of an architecture.
            device: of the mixing weights.
        """
        table = {}
        for label, domain in domains.items():
            given = _activating(domains, label)
            costs = [cost(domains.completed({**given, label: o})) for o in domain.options]
            extra = [c - costs[0] for c in costs]
            table[label] = torch.tensor(extra, dtype=torch.float64, device=device)
        return cls(domains, cost(domains.completed({})), table)

    def of(self, arch: Arch) -> float:
        """Return the cost of an architecture."""
        return self.constant + sum(self.extra(label, value) for label, value in arch.items())

    def extra(self, label: str, value: Value) -> float:
        """Return the cost of an option minus that of the first of its decision."""
        return float(self.table[label][self.domains[label].options.index(value)])

    def __call__(self, weights: Weights) -> Tensor:
        """Return the expected cost, a float64 scalar with a gradient.

        Args:
            weights: label to the weights of all candidates, shape ``(candidates,)``. The options
                of a missing label are equally likely. A candidate that no architecture can
                choose costs as much as the cheapest option.
        """
        terms = [
            self._active_probability(self.domains[label], weights) * self._own_cost(label, weights)
            for label in self.table
        ]
        return self.constant + torch.stack(terms).sum()

    def _own_cost(self, label: str, weights: Weights) -> Tensor:
        """Return the expected cost of an active decision minus that of its first option."""
        extra, domain = self.table[label], self.domains[label]
        if domain.relaxed_only and label in weights:
            least = float(extra.min())
            known = dict(zip(domain.options, extra.tolist(), strict=True))
            every = extra.new_tensor([known.get(c, least) for c in domain.candidates])
            return weights[label].double() @ every
        return self._probabilities(label, weights).double() @ extra

    def _probabilities(self, label: str, weights: Weights) -> Tensor:
        """Return the probability of each option; for joint inputs, the normalized product."""
        domain = self.domains[label]
        if label not in weights:
            return torch.full_like(self.table[label], 1 / len(domain.options))
        w = weights[label]
        if domain.n_chosen == 1:
            singles = [o[0] if isinstance(o, tuple) else o for o in domain.options]
            return w[[domain.candidates.index(single) for single in singles]]
        joint = [list(option) for option in domain.options if isinstance(option, tuple)]
        products = torch.stack([w[inputs].prod() for inputs in joint])
        return products / products.sum().clamp_min(torch.finfo(products.dtype).tiny)

    def _active_probability(self, domain: Domain, weights: Weights) -> Tensor | float:
        """Return the probability that a decision is active, at its likeliest site."""
        if () in domain.sites:
            return 1.0
        sites = []
        for site in domain.sites:
            probability = torch.ones(())
            for condition in site:
                options = self.domains[condition.label].options
                places = [i for i, option in enumerate(options) if option in condition.values]
                shares = self._probabilities(condition.label, weights)
                probability = probability * shares[places].sum()
            sites.append(probability)
        return torch.stack(sites).amax()


def _activating(domains: Domains, label: str) -> dict[str, Value]:
    """Return decisions under which ``label`` is active."""
    found: dict[str, Value] = {}
    for condition in domains[label].sites[0]:
        found.update(_activating(domains, condition.label))
        options = domains[condition.label].options
        found[condition.label] = next(o for o in options if o in condition.values)
    return found
