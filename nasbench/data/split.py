"""Splitting a labelled set so that both parts hold every class in proportion."""

from __future__ import annotations

import torch
from torch import Tensor

from nasbench.errors import UserError
from nasbench.seeding import generator


def stratified_split(labels: Tensor, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Split the rows of ``labels`` at random, class by class.

    Args:
        labels: int64 of shape ``(n,)``, at least 0.
        fraction: the share of every class to hold out, between 0 and 1.
        seed: the split depends on nothing else.

    Returns:
        The sorted indices ``(rest, held_out)``, int64 on the CPU. ``held_out`` has
        ``round(n * fraction)`` rows, those of each class right to within one, unless a small
        class needs another: one with two rows or more stands in both parts, a single row in
        ``rest``.

    Raises:
        UserError: ``fraction`` is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise UserError(f"--val-fraction {fraction}: must lie between 0 and 1, both excluded")
    labels = labels.cpu()
    counts = torch.bincount(labels)
    shuffled = torch.randperm(len(labels), generator=generator(seed, "split"))
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    # The place of every row in its class's random order; the first ones are held out.
    place = torch.arange(len(labels)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    held = place < _held_counts(counts, fraction).repeat_interleave(counts)
    return by_class[~held].sort().values, by_class[held].sort().values


def _held_counts(counts: Tensor, fraction: float) -> Tensor:
    """Return how many of each class to hold out, by the largest remainders."""
    quotas = counts.double() * fraction
    held = quotas.floor().long()
    missing = round(float(quotas.sum())) - int(held.sum())
    held[(quotas - held).argsort(descending=True, stable=True)[:missing]] += 1
    return torch.minimum(held.clamp(min=1), (counts - 1).clamp(min=0))
