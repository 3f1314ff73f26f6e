"""Mixture: a supernet whose choices are weighted sums of all candidates.

Liu et al., "DARTS: Differentiable Architecture Search", ICLR 2019, equation (2).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.nn.elastic import Elastic
from nasbench.space import (
    Arch,
    Choice,
    Domains,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    ValueChoice,
)
from nasbench.space.domain import Scalar
from nasbench.supernet.base import (
    Supernet,
    edges_decide,
    is_zero,
    join_partial,
    refuse_plain_values,
)
from nasbench.supernet.discretization import discretize
from nasbench.supernet.fast.sums import FastSums, fits
from nasbench.supernet.masks import Sizes, mixed
from nasbench.supernet.mixing_weights import MixingRule, MixingWeights

INITIAL_SCALE = 1e-3  # of the architecture parameters, as in the code of DARTS


class Weighted(NamedTuple):
    """A term of a sum: weight, layer (``None`` to add the weight itself, a 0) and inputs."""

    weight: Tensor
    layer: nn.Module | None
    inputs: tuple[Tensor, ...]


class Mixture(Supernet):
    """A supernet whose choices are weighted sums.

    Args:
        network: the space with every choice open.
        domains: the decisions of the space.
        rule: computes mixing weights from architecture parameters; softmax if ``None``.
        edge_weights: whether to also weight the inputs of a node whose edges decide (edge
            normalization: Xu et al., "PC-DARTS", ICLR 2020, section 3.3).

    Attributes:
        labels: the decisions with architecture parameters.
        alphas: a parameter of shape ``(candidates,)`` for each of ``labels``.
        kept: label to the indices of candidates that are still in the mixture.
        cut: label of a node whose edges decide to the indices of removed inputs.
        fast: whether to use :mod:`nasbench.supernet.fast` where supported: in training on a CPU
            in channels-last memory, always in full precision. The result is equal up to rounding,
            but has no second derivative. False for spaces that are not ``channels_last``.

    Raises:
        UserError: a choice cannot be relaxed to a mixture.
    """

    def __init__(
        self,
        network: SearchSpace,
        domains: Domains,
        rule: MixingRule | None = None,
        edge_weights: bool = False,
    ) -> None:
        super().__init__(network, domains)
        for choice in self.sites:
            _check(choice)
        self.rule = rule or MixingRule()
        weighted = [c for c in self.by_label.values() if edge_weights or not edges_decide(c)]
        self.labels = [c.label for c in weighted]
        self.alphas = nn.ParameterList(
            INITIAL_SCALE * torch.randn(len(c.domain.candidates)) for c in weighted
        )
        self.kept = {c.label: list(range(len(c.domain.candidates))) for c in weighted}
        self.cut: dict[str, list[int]] = {}
        self.fast = network.channels_last  # the sums are channels-last in memory
        self._sums = FastSums()
        self._mixed: dict[str, MixingWeights] = {}

    @property
    def arch_parameters(self) -> list[nn.Parameter]:
        """The architecture parameters."""
        return list(self.alphas)

    def alpha(self, label: str) -> nn.Parameter:
        """Return the architecture parameters of a decision."""
        found: nn.Parameter = self.alphas[self.labels.index(label)]
        return found

    def keep(self, label: str, places: Collection[int]) -> None:
        """Permanently remove all candidates except those at the indices ``places``."""
        self.kept[label] = sorted(places)

    def get_extra_state(self) -> dict[str, dict[str, list[int]]]:
        """Return the remaining candidates and removed inputs, for the ``state_dict``."""
        return {"kept": _copy(self.kept), "cut": _copy(self.cut)}

    def set_extra_state(self, state: dict[str, dict[str, list[int]]]) -> None:
        """Restore the remaining candidates and removed inputs.

        Raises:
            ValueError: they are not those of these decisions, as a file may have it.
        """
        kept, cut = _copy(state["kept"]), _copy(state["cut"])
        counts = {label: len(alpha) for label, alpha in zip(self.labels, self.alphas, strict=True)}
        for label, places in kept.items():
            known = range(counts.get(label, 0))
            if not places or any(type(place) is not int or place not in known for place in places):
                raise ValueError(f"the candidates kept of {label!r} are {places!r:.40}")
        if set(kept) != set(counts) or any(type(i) is not int for p in cut.values() for i in p):
            raise ValueError("the kept candidates or cut inputs are of other decisions")
        self.kept, self.cut = kept, cut

    def mixing_weights(self) -> dict[str, Tensor]:
        """Return label to the expected weights of all candidates; 0 for removed ones."""
        found = {}
        for label, alpha in zip(self.labels, self.alphas, strict=True):
            weights = self.rule.expected(label, self._remaining(label, alpha))
            places = torch.tensor(self.kept[label], device=weights.device)
            found[label] = torch.zeros_like(alpha).index_put((places,), weights)
        return found

    def _remaining(self, label: str, alpha: Tensor) -> Tensor:
        places = self.kept[label]
        return alpha if len(places) == len(alpha) else alpha[places]

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(B, C, H, W)`` to logits ``(B, classes)``."""
        self.mix()
        try:
            return super().forward(x)
        finally:
            self._sums.forget()

    def mix(self) -> None:
        """Sample the weights of a forward pass; evaluation mode uses the expected weights."""
        alphas = {
            label: self._remaining(label, alpha)
            for label, alpha in zip(self.labels, self.alphas, strict=True)
        }
        if self.training:
            self.rule.begin(alphas)
        for label, alpha in alphas.items():
            self._mixed[label] = (
                self.rule.sample(label, alpha)
                if self.training
                else MixingWeights(self.rule.expected(label, alpha))
            )

    def layer(self, choice: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return the weighted sum of the candidates of a ``LayerChoice``."""
        assert isinstance(choice, LayerChoice)
        if choice.partial == 1:
            return self._add(self._weighted(choice, inputs))
        x = inputs[0]
        part = self._sums.features(x).part(choice.partial)
        return join_partial(x, choice.partial, self._add(self._weighted(choice, (part,))))

    def _weighted(self, choice: LayerChoice, inputs: tuple[Tensor, ...]) -> list[Weighted]:
        """Return the terms without zero operations; one of those if there is no other."""
        layers, terms = list(choice.candidates.values()), list[Weighted]()
        draws = self._mixed[choice.label].running is not None
        for place, weight, runs in self._terms(choice.label):
            if not (runs and is_zero(layers[place])):
                terms.append(Weighted(weight, layers[place] if runs else None, inputs))
            elif draws:  # its output is 0, and so is the gradient of its weight
                terms.append(Weighted(0.0 * weight, None, inputs))
        if any(term.layer is not None for term in terms):
            return terms
        zero = next(layer for layer in layers if is_zero(layer))  # no other was sampled
        return [*terms, Weighted(inputs[0].new_ones(()), zero, inputs)]

    def _add(self, terms: Sequence[Weighted]) -> Tensor:
        """Return the sum of the terms; those without a layer are 0."""
        idle = [term.weight for term in terms if term.layer is None]
        live = [(t.weight, t.layer, t.inputs) for t in terms if t.layer is not None]
        alone = all(len(inputs) == 1 and fits(inputs[0]) for _, _, inputs in live)
        if self.training and self.fast and alone:
            parts = [(w, layer, inputs[0]) for w, layer, inputs in live]
            return _total([self._sums.sum(parts), *idle])
        return _total([*(w * layer(*inputs) for w, layer, inputs in live), *idle])

    def _terms(self, label: str) -> Iterable[tuple[int, Tensor, bool]]:
        """Return the candidates in the sum: index, weight and whether it is computed."""
        weights, running = self._mixed[label]
        pairs = zip(self.kept[label], weights.unbind(), strict=True)
        runs = range(len(weights)) if running is None else running
        every = [(place, weight, i in runs) for i, (place, weight) in enumerate(pairs)]
        return [term for term in every if term[2] or self.rule.adds_idle]

    def input(self, choice: nn.Module, candidates: list[Tensor]) -> Tensor | list[Tensor]:
        """Return the mixture of the inputs of an ``InputChoice``.

        If the edges decide, all inputs are combined. Otherwise they are weighted, and the weights
        of a sum of k chosen inputs add up to k.
        """
        assert isinstance(choice, InputChoice)
        if choice.label not in self._mixed:
            return self._joined(choice, candidates)
        terms = [
            weight * choice.edge(place, candidates[place]) if runs else weight
            for place, weight, runs in self._terms(choice.label)
        ]
        mixed = _total(sorted(terms, key=lambda term: term.dim() == 0))
        if choice.reduction == "none":
            return [mixed]
        summed = choice.reduction == "sum" and not edges_decide(choice)
        return mixed * choice.domain.n_chosen if summed else mixed

    def _joined(self, choice: InputChoice, candidates: list[Tensor]) -> Tensor | list[Tensor]:
        """Return all inputs combined after their edges; a sum of mixtures is one mixture.

        A single chosen input is one of all edges' candidates, whatever the reduction.
        """
        assert choice.edges is not None
        edges = [edge for edge in choice.edges.values() if isinstance(edge, LayerChoice)]
        pairs = list(zip(edges, candidates, strict=True))
        pairs = [p for i, p in enumerate(pairs) if i not in self.cut.get(choice.label, ())]
        if choice.reduction == "mean":
            return choice.reduce([edge(x) for edge, x in pairs])
        if any(edge.partial > 1 for edge in edges):
            total = _total([edge(x) for edge, x in pairs])
        else:
            total = self._add([t for edge, x in pairs for t in self._weighted(edge, (x,))])
        return [total] if choice.reduction == "none" else total

    def repeat(self, choice: nn.Module, x: Tensor) -> Tensor:
        """Return the weighted sum of the outputs of a ``Repeat`` after each depth."""
        assert isinstance(choice, Repeat)
        terms = list(self._terms(choice.label))
        deepest = max(choice.depths[place] for place, _, runs in terms if runs)
        after = [x]
        for block in list(choice.blocks)[:deepest]:
            after.append(block(after[-1]))
        parts = [w * after[choice.depths[place]] if runs else w for place, w, runs in terms]
        return _total(sorted(parts, key=lambda term: term.dim() == 0))

    def value(self, choice: nn.Module) -> Scalar:
        """Refuse: a value that is read in ``forward`` has no mixture.

        Raises:
            UserError: always.
        """
        assert isinstance(choice, ValueChoice)
        raise UserError(
            f"the choice {choice.label!r} is read as a plain value in forward, which has no "
            "mixture: allowed: the choice itself in layers of nasbench.nn; the strategies 'spos' "
            "and 'random' accept all of them"
        )

    def elastic(self, layer: nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Return the mixture of the sizes of a layer of :mod:`nasbench.nn`; see :mod:`masks`."""
        assert isinstance(layer, Elastic)
        sizes = Sizes(lambda c: self._shares(c, False), lambda c: self._shares(c, True))
        return mixed(layer, inputs, options, sizes)

    def _shares(self, choice: ValueChoice, running_only: bool) -> dict[Scalar, Tensor]:
        weights, running = self._mixed[choice.label]
        places, options = self.kept[choice.label], choice.domain.candidates
        return {
            options[place]: weight
            for i, (place, weight) in enumerate(zip(places, weights.unbind(), strict=True))
            if not running_only or running is None or i in running
        }

    @torch.no_grad()
    def discretize(self) -> Arch:
        """Return the architecture of the largest weights."""
        weights = {label: w.tolist() for label, w in self.mixing_weights().items()}
        for label, out in self.cut.items():
            inputs = range(len(self.domains[label].candidates))
            weights[label] = [float(i not in out) for i in inputs]
        return discretize(self.domains, self.by_label, weights)


def _copy(places: dict[str, list[int]]) -> dict[str, list[int]]:
    return {label: list(found) for label, found in places.items()}


def _total(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


def _check(choice: Choice) -> None:
    """Raise if a choice has no mixture.

    Raises:
        UserError: the choice is a plain value, or combines several inputs other than by a sum.
    """
    refuse_plain_values([choice])
    joined = isinstance(choice, InputChoice) and choice.reduction in ("concat", "none")
    if joined and choice.domain.n_chosen > 1:
        raise UserError(
            f"the choice {choice.label!r} combines {choice.domain.n_chosen} inputs without adding "
            "them, which has no mixture: allowed: reduction 'sum' or 'mean', or one input; "
            "the strategies 'spos' and 'random' accept all of them"
        )
