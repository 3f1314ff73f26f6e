"""A wider supernet that starts from the weights of a narrower one.

Chen, Goodfellow, Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016,
section 2.2: channels are copied, and what reads a copied channel shares its weight among the
copies. Here the copies follow each other in turn instead of at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def widened(state: Mapping[str, Any], wider: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``state`` in the shapes of ``wider``; what is no tensor stays as it is.

    Args:
        state: the ``state_dict`` of the narrow network.
        wider: that of the wide one, with the same names.
    """
    return {
        name: _fill(value, wider[name].shape) if isinstance(value, Tensor) else value
        for name, value in state.items()
    }


def _fill(narrow: Tensor, shape: torch.Size) -> Tensor:
    """Return a weight of that shape: ``(out, in, ...)``, ``(channels,)``, or a scalar."""
    if narrow.shape == shape:
        return narrow
    wide = narrow[_sources(narrow.shape[0], shape[0], narrow.device)]
    if narrow.dim() == 1 or narrow.shape[1] == shape[1]:
        return wide
    sources = _sources(narrow.shape[1], shape[1], narrow.device)
    copies = torch.bincount(sources)[sources].to(narrow.dtype)
    return wide[:, sources] / copies.view(1, -1, *[1] * (narrow.dim() - 2))


def _sources(narrow: int, wide: int, device: torch.device) -> Tensor:
    """Return the channel that each of the ``wide`` ones is copied from."""
    return torch.arange(wide, device=device) % narrow
