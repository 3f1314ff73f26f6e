"""Stratified splits: every part holds each class in proportion."""

from __future__ import annotations

import torch
from torch import Tensor

from nasbench.errors import UserError
from nasbench.seeding import generator


def stratified_split(
    labels: Tensor, fraction: float, seed: int, groups: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Split the rows of ``labels`` at random, stratified by class.

    Args:
        labels: int64 of shape ``(n,)``, at least 0.
        fraction: share of each class to hold out, between 0 and 1.
        seed: of the split, which is a function of the arguments alone.
        groups: int64 of shape ``(n,)``; rows with the same number must have the same label, and
            are kept together. The counts below then apply to groups instead of rows, whatever
            their sizes.

    Returns:
        The sorted indices ``(rest, held_out)``, int64 on the CPU. ``held_out`` has
        ``round(n * fraction)`` rows, and of each class the exact share to within one, except that
        a class with at least two rows is in both parts, and a single row is in ``rest``.

    Raises:
        UserError: ``fraction`` is not between 0 and 1.
        ValueError: rows of one group have different labels.
    """
    if groups is not None:
        # Split as if each group were a row, and return the rows of both parts.
        member, label = _grouped(labels.cpu(), groups.cpu())
        chosen = torch.zeros(len(label), dtype=torch.bool)
        chosen[stratified_split(label, fraction, seed)[1]] = True
        return (~chosen[member]).nonzero().flatten(), chosen[member].nonzero().flatten()
    if not 0 < fraction < 1:
        raise UserError(f"--val-fraction {fraction}: must lie between 0 and 1, both excluded")
    labels = labels.cpu()
    counts = torch.bincount(labels)
    shuffled = torch.randperm(len(labels), generator=generator(seed, "split"))
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    # The rank of each row in the random order of its class; the first ones are held out.
    place = torch.arange(len(labels)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    held = place < _held_counts(counts, fraction).repeat_interleave(counts)
    return by_class[~held].sort().values, by_class[held].sort().values


def _grouped(labels: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row's group, counted from 0, and each group's label."""
    numbers, member = torch.unique(groups, return_inverse=True)
    label = torch.empty(len(numbers), dtype=torch.int64)
    label[member] = labels
    if not torch.equal(label[member], labels):
        raise ValueError("groups: the images of one group must have one label")
    return member, label


def _held_counts(counts: Tensor, fraction: float) -> Tensor:
    """Return the number of each class to hold out, by the method of largest remainders."""
    quotas = counts.double() * fraction
    held = quotas.floor().long()
    missing = round(float(quotas.sum())) - int(held.sum())
    held[(quotas - held).argsort(descending=True, stable=True)[:missing]] += 1
    return torch.minimum(held.clamp(min=1), (counts - 1).clamp(min=0))


def stratified_folds(
    labels: Tensor, folds: int, seed: int, groups: Tensor | None = None
) -> list[Tensor]:
    """Distribute the rows of ``labels`` at random over folds, stratified by class.

    Args:
        labels: int64 of shape ``(n,)``, at least 0.
        folds: number of folds, from 2 to the size of the smallest class.
        seed: of the folds, which are a function of the arguments alone.
        groups: as for :func:`stratified_split`; whole groups are distributed.

    Returns:
        The sorted indices of each fold, int64 on the CPU. Each row is in one fold. The sizes of
        the folds, and those of each class in them, differ by at most one.

    Raises:
        UserError: ``folds`` is out of range.
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
    # Each class continues where the one before it ended, which keeps the folds even.
    return [by_class[first::folds].sort().values for first in range(folds)]


def without(count: int, held_out: Tensor) -> Tensor:
    """Return the sorted indices below ``count`` that are not in ``held_out``."""
    kept = torch.ones(count, dtype=torch.bool)
    kept[held_out] = False
    return kept.nonzero().flatten()
