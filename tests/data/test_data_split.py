from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nasbench.data.split import stratified_split
from nasbench.errors import UserError

COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def mixed(counts: list[int]) -> Tensor:
    ordered = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return ordered[torch.randperm(len(ordered), generator=torch.Generator().manual_seed(0))]


@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.2, 1 / 3, 0.5, 0.9])
def test_every_class_in_proportion(fraction: float) -> None:
    labels = mixed(COUNTS)
    rest, held = stratified_split(labels, fraction, seed=0)
    assert sorted(rest.tolist() + held.tolist()) == list(range(len(labels)))
    assert rest.tolist() == sorted(rest.tolist())
    assert held.tolist() == sorted(held.tolist())
    assert len(held) == round(len(labels) * fraction)
    for label, count in enumerate(COUNTS):
        assert abs(int((labels[held] == label).sum()) - count * fraction) <= 1


def test_equal_classes_are_split_exactly() -> None:
    labels = mixed([100] * 10)
    _, held = stratified_split(labels, 0.29, seed=3)
    assert torch.bincount(labels[held]).tolist() == [29] * 10


def test_only_the_seed_decides() -> None:
    labels = mixed(COUNTS)
    first, again, other = (stratified_split(labels, 0.2, seed)[1] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_rows_of_a_class_are_equally_likely() -> None:
    labels = mixed([10, 10])
    times = torch.zeros(20)
    for seed in range(200):
        times[stratified_split(labels, 0.5, seed)[1]] += 1
    assert times.min() > 70
    assert times.max() < 130


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_small_classes_stand_on_both_sides(fraction: float) -> None:
    labels = torch.tensor([0, 1, 1, 3, 3, 3])
    rest, held = stratified_split(labels, fraction, seed=0)
    assert {1, 3} == set(labels[held].tolist())
    assert {0, 1, 3} == set(labels[rest].tolist())


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_fractions_out_of_range(fraction: float) -> None:
    with pytest.raises(UserError, match="--val-fraction"):
        stratified_split(torch.tensor([0, 1]), fraction, seed=0)
