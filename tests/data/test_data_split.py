from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nasbench.data.split import stratified_folds, stratified_split, without
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


@pytest.mark.parametrize("folds", [2, 3, 5, 7, 10])
def test_folds_hold_every_row_once_and_every_class_in_proportion(folds: int) -> None:
    labels = mixed([*COUNTS[:4], 0, *COUNTS[4:]])  # a label that nobody has does not count
    parts = stratified_folds(labels, folds, seed=0)
    assert len(parts) == folds
    assert sorted(row for part in parts for row in part.tolist()) == list(range(len(labels)))
    assert {len(part) - len(labels) // folds for part in parts} <= {0, 1}
    counts = torch.stack([torch.bincount(labels[part], minlength=11) for part in parts])
    assert (counts.amax(0) - counts.amin(0)).max() <= 1
    for part in parts:
        assert part.tolist() == sorted(part.tolist())
        rest = without(len(labels), part)
        assert sorted(rest.tolist() + part.tolist()) == list(range(len(labels)))
        assert rest.tolist() == sorted(rest.tolist())


def test_only_the_seed_decides_on_the_folds() -> None:
    labels = mixed(COUNTS)
    first, again, other = (stratified_folds(labels, 4, seed) for seed in (1, 1, 2))
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])


@pytest.mark.parametrize("folds", [-1, 0, 1, 4, 100])
def test_folds_out_of_range(folds: int) -> None:
    labels = torch.tensor([0, 0, 0, 0, 2, 2, 2])
    assert len(stratified_folds(labels, 3, seed=0)) == 3
    line = f"--folds {folds}: must be from 2 to 3, the images of the smallest class"
    with pytest.raises(UserError, match=line):
        stratified_folds(labels, folds, seed=0)


def test_folds_keep_groups_together():
    groups = torch.arange(60) // 3
    labels = (groups % 2).long()
    parts = stratified_folds(labels, 5, 0, groups)
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(60))
    assert [len(part) for part in parts] == [12] * 5
    for part in parts:
        assert torch.equal(torch.isin(groups, groups[part]).nonzero().flatten(), part)
        assert labels[part].sum() == 6


def patients(groups: int = 40, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Labels and groups: every patient has pictures of several classes, mostly of one."""
    drawn = torch.Generator().manual_seed(seed)
    sizes = torch.randint(1, 9, (groups,), generator=drawn)
    of = torch.repeat_interleave(torch.arange(groups), sizes)
    other = torch.rand(len(of), generator=drawn) < 0.4
    labels = torch.where(other, torch.randint(3, (len(of),), generator=drawn), of % 3)
    order = torch.randperm(len(of), generator=drawn)
    return labels[order], of[order] * 7 - 3


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.8])
def test_groups_with_several_labels_are_kept_together(fraction: float) -> None:
    labels, groups = patients()
    rest, held = stratified_split(labels, fraction, 0, groups)
    assert torch.equal(torch.cat([rest, held]).sort().values, torch.arange(len(labels)))
    assert not set(groups[rest].tolist()) & set(groups[held].tolist())
    assert set(labels[rest].tolist()) == {0, 1, 2}
    assert len(groups[held].unique()) == pytest.approx(40 * fraction, abs=1)
    assert torch.equal(held, stratified_split(labels, fraction, 0, groups)[1])


def test_the_most_frequent_label_of_a_group_is_its_class() -> None:
    labels, groups = patients(300)
    held = stratified_split(labels, 0.2, 0, groups)[1]
    most = {
        one: torch.bincount(labels[groups == one], minlength=3).argmax().item()
        for one in groups.unique().tolist()
    }
    for label in range(3):
        all_of = [one for one, its in most.items() if its == label]
        held_of = [one for one in groups[held].unique().tolist() if most[one] == label]
        assert len(held_of) == pytest.approx(len(all_of) * 0.2, abs=1)


def test_a_label_that_one_group_alone_has_is_trained_on() -> None:
    labels = torch.tensor([0, 1] * 10 + [2])
    groups = torch.tensor([n // 2 for n in range(20)] + [9])
    for seed in range(20):
        rest, held = stratified_split(labels, 0.3, seed, groups)
        assert set(labels[rest].tolist()) == {0, 1, 2}
        assert len(held)


def test_folds_of_groups_with_several_labels() -> None:
    labels, groups = patients()
    parts = stratified_folds(labels, 5, 0, groups)
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(len(labels)))
    for part in parts:
        assert torch.equal(torch.isin(groups, groups[part]).nonzero().flatten(), part)
        assert len(groups[part].unique()) == 8
    with pytest.raises(UserError, match="--folds 41: must be from 2 to 40, the groups"):
        stratified_folds(labels, 41, 0, groups)


def test_groups_of_one_label_are_split_as_single_rows_are() -> None:
    """The indices that the version before mixed groups gave, which records rely on."""
    labels = torch.tensor([0, 0, 1, 1, 0, 1, 2, 2, 2, 0, 1, 2])
    groups = torch.tensor([5, 5, 9, 9, 1, 2, 3, 3, 4, 7, 8, 6])
    of_groups = {group: int(labels[groups == group][0]) for group in sorted(set(groups.tolist()))}
    held = stratified_split(torch.tensor(list(of_groups.values())), 0.4, 3)[1]
    chosen = [list(of_groups)[int(one)] for one in held]
    found = stratified_split(labels, 0.4, 3, groups)[1]
    assert sorted(set(groups[found].tolist())) == sorted(chosen)


def combinations(each: int = 2) -> Tensor:
    """Ten labels in 100 combinations, of which each occurs ``each`` times."""
    bits = (torch.arange(100)[:, None] >> torch.arange(10)) & 1
    return bits.float().repeat(each, 1)


@pytest.mark.parametrize("fraction", [0.001, 0.05, 0.2, 0.5, 0.8, 0.999])
@pytest.mark.parametrize("kind", ["labels", "numbers", "few numbers"])
def test_labels_and_numbers_are_split_at_the_share_that_is_asked_for(kind, fraction):
    drawn = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    targets = {"labels": combinations(), "numbers": drawn, "few numbers": drawn[:20]}[kind]
    rest, held = stratified_split(targets, fraction, seed=0)
    assert len(held) == min(max(round(len(targets) * fraction), 1), len(targets) - 1)
    assert torch.equal(torch.cat([rest, held]).sort().values, torch.arange(len(targets)))
    again, other = (stratified_split(targets, fraction, seed)[1] for seed in (0, 1))
    assert torch.equal(held, again)
    assert not torch.equal(held, other)


def test_small_strata_of_numbers_take_turns():
    numbers = torch.arange(30.0)[:, None]
    _, held = stratified_split(numbers, 1 / 3, seed=0)
    assert (held // 3).tolist() == list(range(10))  # one of the three in each tenth
    _, held = stratified_split(numbers, 0.1, seed=0)
    assert (held // 10).tolist() == [0, 1, 2]


def test_large_strata_beside_small_ones_have_their_share():
    common = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).repeat_interleave(40, 0)
    targets = torch.cat([common, torch.tensor([[0.0, 1.0]] * 3 + [[1.0, 0.0]] * 2)])
    _, held = stratified_split(targets, 0.2, seed=0)
    assert len(held) == 17
    assert [int((held // 40 == part).sum()) for part in range(3)] == [8, 8, 1]


def test_strata_that_are_large_enough_are_split_as_classes_are():
    """The indices that every version gave, which records rely on."""
    numbers = torch.randn(200, 1, generator=torch.Generator().manual_seed(0))
    tenths = numbers[:, 0].argsort().argsort() * 10 // 200
    labels = mixed([40, 30, 20])
    pairs = torch.stack([labels == 0, labels == 1], 1).float()
    for targets, classes in ((numbers, tenths), (pairs, pairs[:, 0] * 2 + pairs[:, 1])):
        for seed in range(5):
            found = stratified_split(targets, 0.2, seed)[1]
            assert torch.equal(found, stratified_split(classes.long(), 0.2, seed)[1])
            first, *_ = stratified_folds(targets, 4, seed)
            assert torch.equal(first, stratified_folds(classes.long(), 4, seed)[0])


def test_groups_of_one_combination_each_are_split_at_the_share():
    targets, groups = combinations(4), torch.arange(400) % 200
    rest, held = stratified_split(targets, 0.2, 0, groups)
    assert (len(rest), len(held)) == (320, 80)
    assert not set(groups[rest].tolist()) & set(groups[held].tolist())
    parts = stratified_folds(targets, 50, 0, groups)
    assert [len(part) for part in parts] == [8] * 50


@pytest.mark.parametrize("targets", [combinations(), torch.randn(15, 1)])
def test_folds_of_labels_and_numbers_are_as_many_as_there_are_rows(targets):
    for folds in (2, 7, len(targets)):
        parts = stratified_folds(targets, folds, seed=0)
        assert torch.equal(torch.cat(parts).sort().values, torch.arange(len(targets)))
        assert {len(part) - len(targets) // folds for part in parts} <= {0, 1}
    line = f"--folds 999: must be from 2 to {len(targets)}, the examples"
    with pytest.raises(UserError, match=line):
        stratified_folds(targets, 999, seed=0)


def test_a_single_row_is_never_held_out():
    for targets in (torch.zeros(1).long(), torch.zeros(1, 3), torch.zeros(1, 1)):
        rest, held = stratified_split(targets, 0.9, 0)
        assert (rest.tolist(), held.tolist()) == ([0], [])
