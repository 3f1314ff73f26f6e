"""Parameter counts of a network."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn


def inference_parameter_count(module: nn.Module, training_only: Sequence[str]) -> int:
    """Return the number of parameters without those of the attributes ``training_only``."""
    extra = [getattr(module, name) for name in training_only]
    return parameter_count(module) - sum(parameter_count(m) for m in extra if m is not None)


def parameter_count(module: nn.Module) -> int:
    """Return the number of parameters, trained or frozen; a shared one counts once."""
    return sum(parameter.numel() for parameter in module.parameters())
