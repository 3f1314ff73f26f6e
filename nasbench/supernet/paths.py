"""A space relaxed to paths: one architecture at a time, and all share their weights.

Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020.
"""

from __future__ import annotations

from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.space import (
    Arch,
    Domains,
    InputChoice,
    LayerChoice,
    Repeat,
    SearchSpace,
    ValueChoice,
)
from nasbench.supernet.partial import beside
from nasbench.supernet.relaxed import Relaxed


class Paths(Relaxed):
    """A supernet that computes one architecture, and no more, in a forward pass.

    Args:
        network: the space with every choice open.
        domains: the space's decisions.

    Attributes:
        arch: the architecture that is computed; set it before every pass.

    Raises:
        UserError: the space has a ``ValueChoice``, whose candidates share no weights.
    """

    arch: Arch

    def __init__(self, network: SearchSpace, domains: Domains) -> None:
        super().__init__(network, domains)
        for choice in self.sites:
            if isinstance(choice, ValueChoice):
                raise UserError(
                    f"the choice {choice.label!r} is a ValueChoice, whose networks share no "
                    "weights: allowed: LayerChoice, InputChoice, Repeat; the strategies 'random' "
                    "and 'evolution' take all of them"
                )

    def layer(self, choice: nn.Module, inputs: tuple[Tensor, ...]) -> Tensor:
        """Return what the chosen layer makes of its inputs."""
        assert isinstance(choice, LayerChoice)
        layer, k = choice.candidates[str(self.arch[choice.label])], choice.partial
        if k == 1:
            output: Tensor = layer(*inputs)
            return output
        x = inputs[0]
        return beside(x, k, layer(x[:, : x.shape[1] // k]))

    def input(self, choice: nn.Module, candidates: list[Tensor]) -> Tensor | list[Tensor]:
        """Return the chosen inputs joined, each after its own layer."""
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
