"""Looks at a finished one-shot search: has it collapsed?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from nasbench import catalog
from nasbench.config import SearchConfig
from nasbench.space import Arch
from nasbench.strategies.oneshot.base import OneShotStrategy, SearchData
from nasbench.strategies.oneshot.collapse import CollapseSigns, entropy, skip_edges, verdict
from nasbench.strategies.oneshot.single_path import inherited_accuracy

CALIBRATION = 4  # batches that the found architecture's BN statistics are taken from


def watch(
    strategy: OneShotStrategy,
    arch: Arch,
    data: SearchData,
    config: SearchConfig,
    measured: float | None,
    device: torch.device,
) -> dict[str, Any]:
    """Return the signs of a collapse and their ``verdict``, a line each.

    Args:
        strategy: after its last step; BN's statistics in its supernet are replaced.
        arch: what was found.
        data: the images of the search.
        config: of the search.
        measured: the supernet's accuracy on the validation half, in [0, 1]; ``None`` where it has
            none of its own.
        device: where it computes.
    """
    skips, edges = skip_edges(strategy.relaxed.sites, arch)
    images = [images for (images, _), _ in data.training("calibration", CALIBRATION)]
    signs = CollapseSigns(
        skips,
        edges,
        entropy(strategy.mixing_weights()) if strategy.learns_architecture else None,
        measured,
        inherited_accuracy(
            strategy.relaxed, arch, images, data.validation(), strategy.objective, device
        ),
        tuple(_eigenvalues(strategy)),
    )
    robust = getattr(strategy.options, "robust", None)
    lines = verdict(signs, catalog.short(config.strategy), robust)
    return {**signs.to_json(), "verdict": list(lines)}


def _eigenvalues(strategy: OneShotStrategy) -> Iterable[float]:
    early_stop = getattr(strategy, "early_stop", None)
    return early_stop.eigenvalues if early_stop is not None else ()
