from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from nasbench.data.augment import Augmentation
from nasbench.data.batches import Batches
from nasbench.data.images import ImageSet
from nasbench.errors import UserError
from nasbench.testing.fresh_process import in_fresh_process

AUGMENTATION = Augmentation((0.5,), (0.25,), crop_padding=2, flip=True, cutout=4)


def numbered(n: int) -> ImageSet:
    """Labels number the images, whose pixels are random."""
    stream = torch.Generator().manual_seed(5)
    images = torch.randint(256, (n, 1, 8, 8), generator=stream, dtype=torch.uint8)
    return ImageSet(images, torch.arange(n))


def batches(n: int = 50, size: int = 8, train: bool = True, **options: Any) -> Batches:
    options = {"seed": 7, "augmentation": AUGMENTATION, **options}
    return Batches(numbered(n), size, train=train, **options)


def labels(batches: Batches, epoch: int = 0) -> list[int]:
    return [label for _, part in batches.epoch(epoch) for label in part.tolist()]


def same(first: list[tuple[Tensor, Tensor]], second: list[tuple[Tensor, Tensor]]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in pairs)


def test_an_epoch_sees_every_image_once() -> None:
    assert sorted(labels(batches(48, 8))) == list(range(48))


def test_training_drops_the_last_incomplete_batch() -> None:
    seen = labels(batches(50, 8))
    assert len(batches(50, 8)) == 6
    assert len(seen) == len(set(seen)) == 48


def test_validation_is_whole_plain_and_in_order() -> None:
    data = batches(50, 8, train=False)
    assert len(data) == 7
    assert labels(data) == list(range(50))
    images = torch.cat([images for images, _ in data.epoch(3)])
    expected = (numbered(50).images.float() / 255 - 0.5) / 0.25
    torch.testing.assert_close(images, expected, rtol=0, atol=2e-6)


def test_validation_takes_fewer_images_than_a_batch() -> None:
    assert labels(batches(3, 8, train=False)) == [0, 1, 2]


def test_training_images_are_the_augmented_ones_of_their_labels() -> None:
    plain = Augmentation((0.5,), (0.25,))
    data = numbered(20)
    for images, rows in Batches(data, 5, seed=1, augmentation=plain, train=True).epoch(0):
        torch.testing.assert_close(images, plain.plain(data.images[rows]))


def test_epochs_seeds_and_steps_differ() -> None:
    orders = [labels(batches(), epoch) for epoch in range(3)] + [labels(batches(seed=8))]
    assert all(first != second for first, second in pairwise(orders))
    # One image repeated: what differs between the batches is the augmentation alone.
    one = ImageSet(numbered(1).images.expand(16, 1, 8, 8).contiguous(), torch.arange(16))
    first, second = Batches(one, 8, seed=0, augmentation=AUGMENTATION, train=True).epoch(0)
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[0][0], first[0][1])


def test_epochs_are_reproducible_in_any_order() -> None:
    data = batches()
    later = list(data.epoch(2))
    list(data.epoch(0))
    assert same(later, list(data.epoch(2)))
    assert same(later, list(batches().epoch(2)))


@pytest.mark.parametrize("train", [True, False])
def test_a_resumed_epoch_is_the_tail(train: bool) -> None:
    data = batches(train=train)
    whole = list(data.epoch(1))
    for start in (0, 2, len(data)):
        assert same(list(data.epoch(1, start)), whole[start:])


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("world", [2, 4])
def test_ranks_together_see_what_one_process_sees(train: bool, world: int) -> None:
    ranks = [batches(train=train, rank=r, world=world).epoch(1) for r in range(world)]
    for (images, rows), *parts in zip(batches(train=train).epoch(1), *ranks, strict=True):
        for rank, (part_images, part_rows) in enumerate(parts):
            assert torch.equal(part_images, images[rank::world])
            assert torch.equal(part_rows, rows[rank::world])


def test_the_global_random_state_plays_no_part() -> None:
    torch.manual_seed(1)
    first = list(batches().epoch(0))
    before = torch.get_rng_state()
    torch.manual_seed(2)
    assert same(first, list(batches().epoch(0)))
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), before)


def total() -> float:
    return sum(float(x.double().sum()) for x, _ in batches().epoch(4))


def test_another_process_sees_the_same() -> None:
    assert in_fresh_process(total) == total()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"n": 300, "size": 512},
            "--batch-size 512 is larger than the 300 training images: choose at most 300",
        ),
        ({"size": 0}, "--batch-size 0: must be at least 1"),
        ({"size": 9, "world": 2}, "--batch-size 9 cannot be shared by 2 processes"),
    ],
)
def test_batch_sizes_that_do_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        batches(**options)


def test_ranks_and_starts_out_of_range() -> None:
    with pytest.raises(ValueError, match="rank=2"):
        batches(rank=2, world=2)
    with pytest.raises(ValueError, match="start=7"):
        batches().epoch(0, start=7)
