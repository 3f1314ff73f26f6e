"""Networks that start from the weights of a supernet, and BN statistics that fit them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from nasbench.errors import UserError


def inherit_weights(network: nn.Module, supernet: nn.Module) -> None:
    """Load the weights of a supernet into the plain network of one of its architectures.

    Parameters have the same names in both. BN parameters that exist only in the plain network keep
    their initial values 1 and 0, which is what the supernet computes.

    Args:
        network: the plain network, changed in place.
        supernet: the open network of the same space.

    Raises:
        UserError: the networks differ otherwise; ``Darts`` constructs the operations of the
            supernet with ``rendition="supernet"``.
    """
    theirs = supernet.state_dict()
    affine = {
        f"{name}.{parameter}"
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._NormBase)
        for parameter in ("weight", "bias")
    }
    own = network.state_dict()
    missing = [name for name in own if name not in theirs and name not in affine]
    if missing:
        raise UserError(
            f"the supernet has no {missing[0]!r}: the network was not built as inside the supernet"
        )
    network.load_state_dict({name: theirs.get(name, value) for name, value in own.items()})


@torch.no_grad()
def recalibrate_bn(network: nn.Module, images: Iterable[Tensor]) -> None:
    """Set the running statistics of BN to the mean over these batches; weights do not change.

    Guo et al., "Single Path One-Shot Neural Architecture Search", ECCV 2020, section 3.4: the
    running statistics of a supernet are averages over all paths and fit none of them.

    Args:
        network: changed in place and left in evaluation mode.
        images: batches ``(B, C, H, W)``, at least one.
    """
    network.eval()
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean instead of a moving one
        norm.train()
    try:
        for batch in images:
            network(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()


def net2wider(state: Mapping[str, Any], wider: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``state`` in the shapes of ``wider``; values that are no tensors are kept.

    Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016,
    section 2.2: channels are copied, and the weights that read a copied channel are divided by the
    number of copies. Channels are copied in turn here, rather than at random.

    Args:
        state: the ``state_dict`` of the narrow network.
        wider: that of the wide network, with the same names.
    """
    return {
        name: _widen(value, wider[name].shape) if isinstance(value, Tensor) else value
        for name, value in state.items()
    }


def _widen(narrow: Tensor, shape: torch.Size) -> Tensor:
    """Return a weight of shape ``(out, in, ...)``, ``(channels,)`` or ``()`` in a wider shape."""

    def sources(narrow_size: int, wide_size: int) -> Tensor:
        return torch.arange(wide_size, device=narrow.device) % narrow_size

    if narrow.shape == shape:
        return narrow
    wide = narrow[sources(narrow.shape[0], shape[0])]
    if narrow.dim() == 1 or narrow.shape[1] == shape[1]:
        return wide
    inputs = sources(narrow.shape[1], shape[1])
    copies = torch.bincount(inputs)[inputs].to(narrow.dtype)
    return wide[:, inputs] / copies.view(1, -1, *[1] * (narrow.dim() - 2))
