"""Splitting a labelled set so that both parts hold every class in proportion."""

from __future__ import annotations

import torch
from torch import Tensor

from nasbench.errors import UserError
from nasbench.seeding import generator


def stratified_split(
    labels: Tensor, fraction: float, seed: int, groups: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Split the rows of ``labels`` at random, class by class.

    Args:
        labels: int64 of shape ``(n,)``, at least 0.
        fraction: the share of every class to hold out, between 0 and 1.
        seed: the split depends on nothing else.
        groups: int64 of shape ``(n,)``; rows of one number have one label and stand on the same
            side. What is said of rows below holds then for groups: their share is held out,
            however many rows each has.

    Returns:
        The sorted indices ``(rest, held_out)``, int64 on the CPU. ``held_out`` has
        ``round(n * fraction)`` rows, those of each class right to within one, unless a small
        class needs another: one with two rows or more stands in both parts, a single row in
        ``rest``.

    Raises:
        UserError: ``fraction`` is not between 0 and 1.
        ValueError: rows of one group have different labels.
    """
    if groups is not None:
        return _split_groups(labels.cpu(), groups.cpu(), fraction, seed)
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


def _split_groups(
    labels: Tensor, groups: Tensor, fraction: float, seed: int
) -> tuple[Tensor, Tensor]:
    """Split the groups as if each were a row, and return the rows of both parts."""
    member, label = _grouped(labels, groups)
    held = torch.zeros(len(label), dtype=torch.bool)
    held[stratified_split(label, fraction, seed)[1]] = True
    return (~held[member]).nonzero().flatten(), held[member].nonzero().flatten()


def _grouped(labels: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row's group, counted from 0, and each group's label."""
    numbers, member = torch.unique(groups, return_inverse=True)
    label = torch.empty(len(numbers), dtype=torch.int64)
    label[member] = labels
    if not torch.equal(label[member], labels):
        raise ValueError("groups: the images of one group must have one label")
    return member, label


def _held_counts(counts: Tensor, fraction: float) -> Tensor:
    """Return how many of each class to hold out, by the largest remainders."""
    quotas = counts.double() * fraction
    held = quotas.floor().long()
    missing = round(float(quotas.sum())) - int(held.sum())
    held[(quotas - held).argsort(descending=True, stable=True)[:missing]] += 1
    return torch.minimum(held.clamp(min=1), (counts - 1).clamp(min=0))


def stratified_folds(
    labels: Tensor, folds: int, seed: int, groups: Tensor | None = None
) -> list[Tensor]:
    """Deal the rows of ``labels`` out at random, class by class.

    Args:
        labels: int64 of shape ``(n,)``, at least 0.
        folds: how many parts, from 2 to the size of the smallest class.
        seed: the parts depend on nothing else.
        groups: as for :func:`stratified_split`; the groups are dealt out then.

    Returns:
        The sorted indices of each part, int64 on the CPU. Every row is in one part; the parts'
        sizes, and those of each class in them, differ by one at most.

    Raises:
        UserError: ``folds`` is out of its range.
    """
    if groups is not None:
        member, label = _grouped(labels.cpu(), groups.cpu())
        parts = stratified_folds(label, folds, seed)
        return [torch.isin(member, part).nonzero().flatten() for part in parts]
    labels = labels.cpu()
    counts = torch.bincount(labels)
    smallest = int(counts[counts > 0].min())
    if not 2 <= folds <= smallest:
        raise UserError(
            f"--folds {folds}: must be from 2 to {smallest}, the images of the smallest class"
        )
    shuffled = torch.randperm(len(labels), generator=generator(seed, "folds"))
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    # Each class goes on dealing where the one before it ended, which keeps the parts even.
    return [by_class[first::folds].sort().values for first in range(folds)]


def without(count: int, held_out: Tensor) -> Tensor:
    """Return the sorted indices below ``count`` that are not in ``held_out``."""
    kept = torch.ones(count, dtype=torch.bool)
    kept[held_out] = False
    return kept.nonzero().flatten()
