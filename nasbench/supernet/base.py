"""Supernet: the base class of relaxed spaces, and what its two kinds share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nasbench.errors import UserError
from nasbench.space import Choice, Domains, InputChoice, LayerChoice, SearchSpace, ValueChoice


class Supernet(nn.Module):
    """A network in which every choice is open and computed by this module.

    Subclasses implement the methods of :class:`nasbench.space.Relaxation`.

    Args:
        network: the space with every choice open.
        domains: the decisions of the space.

    Attributes:
        sites: every choice of the network; a shared decision has several.
        by_label: label to one choice of that label.

    Raises:
        UserError: a decision is not part of the network.
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
                    f"the choice {label!r} is not part of the network: keep it as an attribute "
                    "of its module, or use the strategy 'random'"
                )
        for choice in self.sites:
            choice.relax(self)  # type: ignore[arg-type]  # subclasses have its methods

    @property
    def weight_parameters(self) -> list[nn.Parameter]:
        """The weights of the network."""
        return list(self.network.parameters())

    def forward(self, x: Tensor) -> Tensor:
        """Map images ``(B, C, H, W)`` to logits ``(B, classes)``."""
        output: Tensor = self.network(x)
        return output


def refuse_plain_values(sites: Iterable[Choice]) -> None:
    """Check that every ``ValueChoice`` is used by layers that slice their weights.

    Raises:
        UserError: the value of one was read while the supernet was constructed.
    """
    for choice in sites:
        if isinstance(choice, ValueChoice) and choice.read:
            raise UserError(
                f"the choice {choice.label!r} is a ValueChoice that was read as a plain number, "
                "so its networks share no weights: allowed: the choice itself in the layers of "
                "nasbench.nn; the strategy 'random' accepts all of them"
            )


def edges_decide(choice: Choice) -> bool:
    """Return whether the strength of an input is that of the operation on its edge.

    True for an ``InputChoice`` whose every edge is a ``LayerChoice``, such as a node of a DARTS
    cell, which has no architecture parameters.
    """
    return (
        isinstance(choice, InputChoice)
        and choice.edges is not None
        and all(isinstance(edge, LayerChoice) for edge in choice.edges.values())
    )


def is_zero(layer: nn.Module) -> bool:
    """Return whether ``layer``, or a part of a ``Sequential``, maps everything to 0."""
    parts = layer._modules.values() if isinstance(layer, nn.Sequential) else [layer]
    return any(_is_zero(part) for part in parts)


def _is_zero(part: nn.Module) -> bool:
    # A module's own search for a name that it does not have takes microseconds.
    known = hasattr(type(part), "is_zero") or "is_zero" in vars(part) or "is_zero" in part._buffers
    return known and bool(part.is_zero)


def join_partial(x: Tensor, k: int, mixed: Tensor) -> Tensor:
    """Return the output of a mixture over the first ``1/k`` of the channels, joined by the rest.

    Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search",
    ICLR 2020, section 3.2. If the mixture halves the size, the other channels are max-pooled. The
    shuffle spreads the mixed channels, so that the next cell mixes different ones (Zhang et al.,
    "ShuffleNet", CVPR 2018).

    Args:
        x: the input of the mixture, shape ``(B, C, ...)``; C is a multiple of ``k``.
        k: K of partial channels, at least 2.
        mixed: the output of the mixture, shape ``(B, C / k, ...)``.
    """
    rest = x[:, x.shape[1] // k :]
    if mixed.shape[2:] != rest.shape[2:]:
        rest = _POOLS[x.dim()](rest, 2, 2, ceil_mode=True)
    joined = torch.cat([mixed, rest], dim=1)
    return F.channel_shuffle(joined, k) if joined.dim() > 2 else _shuffled(joined, k)


_POOLS = {3: F.max_pool1d, 4: F.max_pool2d, 5: F.max_pool3d}  # by the dimensions of a batch


def _shuffled(x: Tensor, k: int) -> Tensor:
    """Return features ``(B, C)`` shuffled in ``k`` groups, which torch does for maps alone."""
    return x.reshape(len(x), k, -1).transpose(1, 2).flatten(1)


@contextmanager
def no_grad_for(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Disable gradients of ``parameters`` inside, which saves their memory."""
    moving = [p for p in parameters if p.requires_grad]
    for parameter in moving:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in moving:
            parameter.requires_grad_(True)
