"""What every relaxed space has: a network with open choices, and who answers them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.space import Choice, Domains, InputChoice, LayerChoice, SearchSpace


class Relaxed(nn.Module):
    """A network with every choice open, which this module answers.

    Subclasses say what a choice computes: ``layer``, ``input`` and ``repeat``, as in
    :class:`nasbench.space.Relaxation`.

    Args:
        network: the space with every choice open.
        domains: the space's decisions.

    Attributes:
        sites: every choice of the network; a decision that is shared has several.

    Raises:
        UserError: a decision is no part of the network.
    """

    def __init__(self, network: SearchSpace, domains: Domains) -> None:
        super().__init__()
        self.network = network
        self.domains = domains
        # A tuple hides the modules, which are parts of the network already.
        self.sites = tuple(m for m in network.modules() if isinstance(m, Choice))
        self.by_label = {choice.label: choice for choice in self.sites}
        for label in domains:
            if label not in self.by_label:
                raise UserError(
                    f"the choice {label!r} is no part of the network: keep it as an attribute "
                    "of its module; the strategy 'random' takes it as it is"
                )
        for choice in self.sites:
            choice.relax(self)  # type: ignore[arg-type]  # subclasses have the three methods

    @property
    def weight_parameters(self) -> list[nn.Parameter]:
        """The network's weights."""
        return list(self.network.parameters())

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(B, C, H, W)`` to logits ``(B, classes)``."""
        output: Tensor = self.network(x)
        return output


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


def is_zero(layer: nn.Module) -> bool:
    """Return whether ``layer`` maps everything to 0, alone or inside a ``Sequential``."""
    parts = layer if isinstance(layer, nn.Sequential) else [layer]
    return any(getattr(part, "is_zero", False) for part in parts)


@contextmanager
def held(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Compute what is inside without gradients of ``parameters``, and without their memory."""
    moving = [p for p in parameters if p.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)
