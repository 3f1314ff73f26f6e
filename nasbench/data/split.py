"""Stratified splits: every part holds each class in proportion.

Classes are kept in both parts, however few examples they have. Several labels or numbers have no
classes but strata of their values, of which small ones are pooled: the share is exact for them.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nasbench.errors import UserError
from nasbench.seeding import generator

_BINS = 10  # strata of a number to predict


def strata(labels: Tensor) -> Tensor:
    """Return the class of each example for a stratified split, int64 ``(n,)`` on the CPU.

    Args:
        labels: int64 ``(n,)`` of classes, which are returned; or float32 ``(n, outputs)``. With
            several labels, 0 and 1, the class is their combination, and those that occur once are
            one class together. Of numbers, it is the tenth of the first one's range of values that
            holds an equal share of the examples.
    """
    labels = labels.cpu()
    if labels.dim() == 1:
        return labels
    if bool(((labels == 0) | (labels == 1)).all()):
        _, which, counts = torch.unique(labels, dim=0, return_inverse=True, return_counts=True)
        which[counts[which] == 1] = len(counts)
        combined: Tensor = torch.unique(which, return_inverse=True)[1]
        return combined
    ranks = labels[:, 0].argsort(stable=True).argsort(stable=True)
    return ranks * min(_BINS, len(labels)) // len(labels)


def stratified_split(
    labels: Tensor, fraction: float, seed: int, groups: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Split the rows of ``labels`` at random, stratified by class.

    Args:
        labels: int64 of shape ``(n,)``, at least 0; or float32 ``(n, outputs)``, several labels or
            numbers, whose class is that of :func:`strata`.
        fraction: share of each class to hold out, between 0 and 1.
        seed: of the split, which is a function of the arguments alone.
        groups: int64 of shape ``(n,)``; rows with the same number are kept together. The counts
            below then apply to groups instead of rows, whatever their sizes. If the rows of a
            group have different labels, its class is the most frequent one, both parts have at
            least one group, and ``rest`` has every label if at most half of the groups that
            would be held out have to stay in it.

    Returns:
        The sorted indices ``(rest, held_out)``, int64 on the CPU. ``held_out`` has
        ``round(n * fraction)`` rows, and of each class the exact share to within one, except that
        a class with at least two rows is in both parts, and a single row is in ``rest``. Of
        several labels or numbers there is no exception but that neither part is empty; strata too
        small to have a row in both parts are one class together.

    Raises:
        UserError: ``fraction`` is not between 0 and 1.
    """
    if not 0 < fraction < 1:
        raise UserError(f"--val-fraction {fraction}: must lie between 0 and 1, both excluded")
    hold = _of_classes if labels.dim() == 1 else _of_strata
    labels = strata(labels)
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    if groups is None:
        chosen[hold(labels, fraction, seed)] = True
    else:
        # Split as if each group were a row.
        member, label = _grouped(labels, groups.cpu())
        if torch.equal(label[member], labels):
            held = hold(label, fraction, seed)
        else:
            held = _mixed_groups(labels, member, label, fraction, seed)
        chosen = torch.isin(member, held)
    return (~chosen).nonzero().flatten(), chosen.nonzero().flatten()


def _of_classes(labels: Tensor, fraction: float, seed: int) -> Tensor:
    """Return the rows to hold out, of each class with at least two rows one or more."""
    counts = torch.bincount(labels)
    held = _shares(counts, fraction).clamp(min=1)
    return _first(labels, torch.minimum(held, (counts - 1).clamp(min=0)), seed)


def _of_strata(labels: Tensor, fraction: float, seed: int) -> Tensor:
    """Return the rows to hold out, as many as the fraction says; small strata are pooled."""
    if len(labels) < 2:
        return labels.new_empty(0)
    counts = torch.bincount(labels)
    small = counts.double() * min(fraction, 1 - fraction) < 1
    pool, pooled = len(counts), small[labels]
    counts = torch.bincount(labels.masked_fill(pooled, pool), minlength=pool + 1)
    held = _shares(counts, fraction)
    if not 0 < held.sum() < len(labels):
        # A share below one row, or one that leaves less, takes or leaves a row all the same.
        held[counts.argmax()] += 1 if not held.sum() else -1
    alone = _first(labels, held[:pool], seed)
    # Every so many rows of the pool, which is in the order of its strata: near ones take turns.
    by_class = _by_class(labels, seed)
    by_class = by_class[pooled[by_class]]
    count = int(held[pool])
    return torch.cat([alone, by_class[_spread(len(by_class), count)]])


def _spread(rows: int, count: int) -> Tensor:
    """Return ``count`` places below ``rows`` at even distances, int64."""
    return (torch.arange(count) * 2 + 1) * rows // (2 * max(count, 1))


def _by_class(labels: Tensor, seed: int) -> Tensor:
    """Return all rows, class by class, those of each in a random order."""
    shuffled = torch.randperm(len(labels), generator=generator(seed, "split"))
    return shuffled[labels[shuffled].argsort(stable=True)]


def _first(labels: Tensor, held: Tensor, seed: int) -> Tensor:
    """Return the first rows of each class's random order, ``held`` of each."""
    by_class, counts = _by_class(labels, seed), torch.bincount(labels)
    place = torch.arange(len(labels)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
    return by_class[place < held.repeat_interleave(counts)]


def _grouped(labels: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row's group, counted from 0, and each group's most frequent label."""
    member = torch.unique(groups, return_inverse=True)[1]
    classes = int(labels.max()) + 1 if len(labels) else 1
    pairs, counts = torch.unique(member * classes + labels, return_counts=True)
    # By group, the most frequent label first; of equally frequent ones the smallest.
    order = counts.argsort(descending=True, stable=True)
    order = order[(pairs[order] // classes).argsort(stable=True)]
    group = pairs[order] // classes
    first = torch.ones(len(group), dtype=torch.bool)
    first[1:] = group[1:] != group[:-1]
    return member, pairs[order][first] % classes


def _mixed_groups(
    labels: Tensor, member: Tensor, label: Tensor, fraction: float, seed: int
) -> Tensor:
    """Return the groups to hold out if some hold several labels.

    Args:
        labels: of each row.
        member: the group of each row.
        label: the most frequent label of each group.
        fraction: share of the groups.
        seed: of the order of the groups.
    """
    groups = len(label)
    count = min(max(round(groups * fraction), 1), groups - 1)
    held = _by_class(label, seed)[_spread(groups, count)]
    for one in torch.unique(labels):
        holders = torch.unique(member[labels == one])
        if len(held) > (count + 1) // 2 and bool(torch.isin(holders, held).all()):
            held = held[held != holders[0]]  # otherwise none would be left to train on
    return held


def _shares(counts: Tensor, fraction: float) -> Tensor:
    """Return a share of each class's count, by the method of largest remainders."""
    quotas = counts.double() * fraction
    held = quotas.floor().long()
    missing = round(float(quotas.sum())) - int(held.sum())
    held[(quotas - held).argsort(descending=True, stable=True)[:missing]] += 1
    return held


def stratified_folds(
    labels: Tensor, folds: int, seed: int, groups: Tensor | None = None
) -> list[Tensor]:
    """Distribute the rows of ``labels`` at random over folds, stratified by class.

    Args:
        labels: as for :func:`stratified_split`.
        folds: number of folds, from 2 to the size of the smallest class; of several labels or
            numbers to that of all.
        seed: of the folds, which are a function of the arguments alone.
        groups: as for :func:`stratified_split`; whole groups are distributed.

    Returns:
        The sorted indices of each fold, int64 on the CPU. Each row is in one fold. The sizes of
        the folds, and those of each class in them, differ by at most one.

    Raises:
        UserError: ``folds`` is out of range.
    """
    single = labels.dim() == 1
    labels = strata(labels)
    if groups is not None:
        member, label = _grouped(labels, groups.cpu())
        if single and torch.equal(label[member], labels):
            parts = stratified_folds(label, folds, seed)
        else:
            parts = _folds(label, folds, seed, len(label), "the groups")
        return [torch.isin(member, part).nonzero().flatten() for part in parts]
    if not single:
        return _folds(labels, folds, seed, len(labels), "the examples")
    counts = torch.bincount(labels)
    smallest = int(counts[counts > 0].min())
    return _folds(labels, folds, seed, smallest, "the images of the smallest class")


def _folds(labels: Tensor, folds: int, seed: int, most: int, what: str) -> list[Tensor]:
    """Distribute rows over folds, of which there may be as many as ``what`` says."""
    if not 2 <= folds <= most:
        raise UserError(f"--folds {folds}: must be from 2 to {most}, {what}")
    shuffled = torch.randperm(len(labels), generator=generator(seed, "folds"))
    by_class = shuffled[labels[shuffled].argsort(stable=True)]
    # Each class continues where the one before it ended, which keeps the folds even.
    return [by_class[first::folds].sort().values for first in range(folds)]


def without(count: int, held_out: Tensor) -> Tensor:
    """Return the sorted indices below ``count`` that are not in ``held_out``."""
    kept = torch.ones(count, dtype=torch.bool)
    kept[held_out] = False
    return kept.nonzero().flatten()
