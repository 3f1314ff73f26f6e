"""Discretization: the architecture of the largest mixing weights.

Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, section 2.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nasbench.space import Arch, Choice, Domains, InputChoice, LayerChoice, Value
from nasbench.supernet.base import edges_decide

Weights = Mapping[str, Sequence[float]]


def discretize(domains: Domains, choices: Mapping[str, Choice], weights: Weights) -> Arch:
    """Return the architecture of the largest mixing weights.

    A layer choice takes its strongest selectable candidate. A node whose edges decide takes the
    inputs with the strongest selectable operations.

    Args:
        domains: the decisions of the space.
        choices: label to a choice of that label.
        weights: label to the weights of all candidates; a node whose edges decide may have
            weights of its inputs, which multiply those of their operations.
    """
    taken: dict[str, Value] = {}
    for label, choice in choices.items():
        strength = strengths(choice, weights)
        ranked = sorted(strength, key=lambda candidate: -strength[candidate])
        if isinstance(choice, InputChoice):
            inputs = ranked[: choice.domain.n_chosen]
            taken[label] = tuple(sorted(int(i) for i in inputs))
        else:
            taken[label] = ranked[0]
    return domains.arch(domains.active(taken))


def strengths(choice: Choice, weights: Weights) -> dict[str | int | float | bool, float]:
    """Return the strength of every selectable candidate."""
    domain = choice.domain
    if isinstance(choice, InputChoice) and edges_decide(choice):
        assert choice.edges is not None
        edges = [e for e in choice.edges.values() if isinstance(e, LayerChoice)]
        own = weights.get(choice.label, [1.0] * len(edges))
        pairs = zip(own, edges, strict=True)
        return {i: w * max(strengths(e, weights).values()) for i, (w, e) in enumerate(pairs)}
    pairs_ = zip(domain.candidates, weights[choice.label], strict=True)
    return {candidate: w for candidate, w in pairs_ if candidate not in domain.relaxed_only}
