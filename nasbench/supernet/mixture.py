"""A space relaxed to mixtures: every candidate takes part, weighted by a softmax.

Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, equation (2).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.space import (
    Arch,
    Choice,
    Domains,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    Value,
    ValueChoice,
)

INITIAL_SCALE = 1e-3  # of the architecture parameters, as in the DARTS authors' code


def edges_decide(choice: Choice) -> bool:
    """Return whether an input's strength is read off its own operation's weights.

    True for an ``InputChoice`` whose every edge is a ``LayerChoice``, like a node of a DARTS cell:
    it has no architecture parameters of its own.
    """
    return (
        isinstance(choice, InputChoice)
        and choice.edges is not None
        and all(isinstance(edge, LayerChoice) for edge in choice.edges.values())
    )


class Mixture(nn.Module):
    """A supernet whose choices are softmax-weighted sums.

    ``alphas`` holds one parameter of shape ``(candidates,)`` for each of ``labels``, those that
    have weights of their own.

    Args:
        network: the space with every choice open.
        domains: the space's decisions.

    Raises:
        UserError: a choice cannot be relaxed to a mixture.
    """

    def __init__(self, network: SearchSpace, domains: Domains) -> None:
        super().__init__()
        self.network = network
        self.domains = domains
        choices = [m for m in network.modules() if isinstance(m, Choice)]
        self._by_label = {choice.label: choice for choice in choices}
        for label in domains:
            if label not in self._by_label:
                raise UserError(
                    f"the choice {label!r} is no part of the network: keep it as an attribute "
                    "of its module; the strategy 'random' takes it as it is"
                )
        for choice in choices:
            _check(choice)
            choice.relax(self)
        weighted = [c for c in self._by_label.values() if not edges_decide(c)]
        self.labels = [c.label for c in weighted]
        self.alphas = nn.ParameterList(
            INITIAL_SCALE * torch.randn(len(c.domain.candidates)) for c in weighted
        )
        self._weights: dict[str, Tensor] = {}

    @property
    def arch_parameters(self) -> list[nn.Parameter]:
        """The architecture parameters."""
        return list(self.alphas)

    @property
    def weight_parameters(self) -> list[nn.Parameter]:
        """The network's weights."""
        return list(self.network.parameters())

    def mixing_weights(self) -> dict[str, Tensor]:
        """Return the softmax of every label's architecture parameters."""
        pairs = zip(self.labels, self.alphas, strict=True)
        return {label: alpha.softmax(dim=0) for label, alpha in pairs}

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(B, C, H, W)`` to logits ``(B, classes)``."""
        self._weights = self.mixing_weights()
        output: Tensor = self.network(x)
        return output

    def layer(self, choice: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return the weighted sum of a ``LayerChoice``'s candidates, without those that are 0."""
        assert isinstance(choice, LayerChoice)
        weights = self._weights[choice.label].unbind()
        pairs = zip(weights, choice.candidates.values(), strict=True)
        terms = [w * layer(*inputs) for w, layer in pairs if not is_zero(layer)]
        return _total(terms)

    def input(self, choice: nn.Module, candidates: list[Tensor]) -> Tensor | list[Tensor]:
        """Return the mixture of an ``InputChoice``'s inputs.

        Where the edges decide, all inputs are joined; else they are weighted, and a sum of k
        chosen inputs weighs k in total.
        """
        assert isinstance(choice, InputChoice)
        through = [choice.edge(index, x) for index, x in enumerate(candidates)]
        if edges_decide(choice):
            return choice.reduce(through)
        weights = self._weights[choice.label].unbind()
        mixed = _total([w * x for w, x in zip(weights, through, strict=True)])
        if choice.reduction == "none":
            return [mixed]
        return mixed * choice.domain.n_chosen if choice.reduction == "sum" else mixed

    def repeat(self, choice: nn.Module, x: Tensor) -> Tensor:
        """Return the weighted sum of a ``Repeat``'s outputs after each depth."""
        assert isinstance(choice, Repeat)
        after = [x]
        for block in choice.blocks:
            after.append(block(after[-1]))
        weights = self._weights[choice.label].unbind()
        pairs = zip(weights, choice.depths, strict=True)
        return _total([w * after[depth] for w, depth in pairs])

    @torch.no_grad()
    def strongest(self) -> Arch:
        """Return the architecture of the largest weights, by the rule of the paper (2.4).

        A layer choice takes its strongest selectable candidate. Where the edges decide, a node
        takes the inputs whose strongest selectable operation weighs most.
        """
        weights = {label: w.tolist() for label, w in self.mixing_weights().items()}
        choices: dict[str, Value] = {}
        for label, choice in self._by_label.items():
            strength = self._strength(choice, weights)
            ranked = sorted(strength, key=lambda candidate: -strength[candidate])
            if isinstance(choice, InputChoice):
                inputs = ranked[: choice.domain.n_chosen]
                choices[label] = tuple(sorted(int(i) for i in inputs))
            else:
                choices[label] = ranked[0]
        return self.domains.arch(self.domains.active(choices))

    def _strength(
        self, choice: Choice, weights: dict[str, list[float]]
    ) -> dict[str | int | float | bool, float]:
        """Return selectable candidate to strength."""
        if isinstance(choice, InputChoice) and edges_decide(choice):
            assert choice.edges is not None
            edges = [e for e in choice.edges.values() if isinstance(e, LayerChoice)]
            return {i: max(self._strength(e, weights).values()) for i, e in enumerate(edges)}
        domain = choice.domain
        pairs = zip(domain.candidates, weights[choice.label], strict=True)
        return {candidate: w for candidate, w in pairs if candidate not in domain.relaxed_only}


def is_zero(layer: nn.Module) -> bool:
    """Return whether ``layer`` maps everything to 0, alone or inside a ``Sequential``."""
    parts = layer if isinstance(layer, nn.Sequential) else [layer]
    return any(getattr(part, "is_zero", False) for part in parts)


def _total(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _check(choice: Choice) -> None:
    """Refuse what has no mixture.

    Raises:
        UserError: the choice is a ``ValueChoice``, or joins several inputs without adding them.
    """
    if isinstance(choice, ValueChoice):
        raise UserError(
            f"the choice {choice.label!r} is a ValueChoice, which has no mixture: "
            "allowed: LayerChoice, InputChoice, Repeat; the strategy 'random' takes all of them"
        )
    joined = isinstance(choice, InputChoice) and choice.reduction in ("concat", "none")
    if joined and choice.domain.n_chosen > 1:
        raise UserError(
            f"the choice {choice.label!r} joins {choice.domain.n_chosen} inputs without adding "
            "them, which has no mixture: allowed: reduction 'sum' or 'mean', or one input; "
            "the strategy 'random' takes all of them"
        )
