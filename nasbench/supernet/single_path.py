"""A supernet that computes one architecture at a time; all architectures share their weights.

Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from torch import Tensor, nn

from nasbench.nn.elastic import Elastic
from nasbench.space import (
    Arch,
    Domains,
    InputChoice,
    LayerChoice,
    Relaxation,
    Repeat,
    SearchSpace,
    ValueChoice,
)
from nasbench.space.domain import Scalar
from nasbench.supernet.base import Supernet, join_partial, refuse_plain_values


class SinglePath(Supernet):
    """A supernet whose forward pass computes a single architecture.

    Args:
        network: the space with every choice open.
        domains: the decisions of the space.

    Attributes:
        arch: the architecture to compute; set it before every forward pass.

    Raises:
        UserError: a ``ValueChoice`` is used in a place that cannot slice weights.
    """

    arch: Arch

    def __init__(self, network: SearchSpace, domains: Domains) -> None:
        super().__init__(network, domains)
        refuse_plain_values(self.sites)

    def layer(self, choice: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return the output of the chosen layer."""
        assert isinstance(choice, LayerChoice)
        layer, k = choice.candidates[str(self.arch[choice.label])], choice.partial
        if k == 1:
            output: Tensor = layer(*inputs)
            return output
        x = inputs[0]
        return join_partial(x, k, layer(x[:, : x.shape[1] // k]))

    def input(self, choice: nn.Module, candidates: list[Tensor]) -> Tensor | list[Tensor]:
        """Return the chosen inputs combined, each after the layer on its edge."""
        assert isinstance(choice, InputChoice)
        selected = self.arch[choice.label]
        assert isinstance(selected, tuple)
        return choice.reduce([choice.edge(index, candidates[index]) for index in selected])

    def repeat(self, choice: nn.Module, x: Tensor) -> Tensor:
        """Return the output of the chosen number of blocks."""
        assert isinstance(choice, Repeat)
        depth = self.arch[choice.label]
        assert isinstance(depth, int)
        for block in list(choice.blocks)[:depth]:
            x = block(x)
        return x

    def value(self, choice: nn.Module) -> Scalar:
        """Return the chosen value."""
        assert isinstance(choice, ValueChoice)
        value = self.arch[choice.label]
        assert not isinstance(value, tuple)
        return value

    def elastic(self, layer: nn.Module, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Return the output of the layer with slices of its weights."""
        assert isinstance(layer, Elastic)
        return layer.at(self.value).forward(*inputs, **options)


@contextmanager
def active_subnet(supernet: Supernet, arch: Arch) -> Iterator[SinglePath]:
    """Yield the subnet of ``arch``, a single path over the network and weights of a supernet.

    Choices are computed by the subnet inside and by ``supernet`` again afterwards (Bender et al.,
    "Understanding and Simplifying One-Shot Architecture Search", ICML 2018, section 3).

    Raises:
        UserError: a ``ValueChoice`` is used in a place that cannot slice weights.
    """
    modes = {module: module.training for module in supernet.modules()}
    subnet = SinglePath(supernet.network, supernet.domains)
    subnet.arch = arch
    try:
        yield subnet
    finally:
        for choice in supernet.sites:
            choice.relax(cast(Relaxation, supernet))
        for module, mode in modes.items():
            module.training = mode
