"""How many parameters a network has."""

from __future__ import annotations

from torch import nn


def parameter_count(module: nn.Module) -> int:
    """Return the number of parameters, trained or frozen; a shared one counts once."""
    return sum(parameter.numel() for parameter in module.parameters())
