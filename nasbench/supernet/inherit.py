"""A plain network that starts from the weights of a supernet."""

from __future__ import annotations

from torch import nn

from nasbench.errors import UserError


def inherit(network: nn.Module, supernet: nn.Module) -> None:
    """Copy into ``network`` what it has in common with the open network it was frozen from.

    What an architecture builds goes by the same names as in the supernet. BN that has parameters
    in the plain network alone keeps them at 1 and 0, which is what the supernet computes.

    Raises:
        UserError: the networks differ by more than that; ``DARTS`` builds the supernet's
            operations with ``rendition="supernet"``.
    """
    theirs = supernet.state_dict()
    affine = _affine(network)
    own = network.state_dict()
    missing = [name for name in own if name not in theirs and name not in affine]
    if missing:
        raise UserError(
            f"the supernet has no {missing[0]!r}: the network was not built as inside the supernet"
        )
    network.load_state_dict({name: theirs.get(name, value) for name, value in own.items()})


def _affine(network: nn.Module) -> set[str]:
    """Return the names of BN's own parameters."""
    return {
        f"{name}.{parameter}"
        for name, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._NormBase)
        for parameter in ("weight", "bias")
    }
