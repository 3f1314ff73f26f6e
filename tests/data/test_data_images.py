from __future__ import annotations

import pytest
import torch

from nasbench.data.images import ImageSet


def numbered(n: int) -> ImageSet:
    images = torch.arange(n, dtype=torch.uint8).view(n, 1, 1, 1).expand(n, 2, 3, 4)
    return ImageSet(images.contiguous(), torch.arange(n))


def test_subset_keeps_images_and_labels_together() -> None:
    part = numbered(9).subset(torch.tensor([7, 2, 2]))
    assert len(part) == 3
    assert part.labels.tolist() == [7, 2, 2]
    assert part.images[:, 1, 2, 3].tolist() == [7, 2, 2]


def test_subset_is_a_copy() -> None:
    whole = numbered(3)
    whole.subset(torch.tensor([0])).images.fill_(99)
    assert int(whole.images.max()) == 2


def test_concat_appends() -> None:
    both = ImageSet.concat(numbered(2), numbered(3))
    assert both.labels.tolist() == [0, 1, 0, 1, 2]
    assert both.images[:, 0, 0, 0].tolist() == [0, 1, 0, 1, 2]


def test_to_the_same_device_shares_memory() -> None:
    whole = numbered(2)
    assert whole.to("cpu").images.data_ptr() == whole.images.data_ptr()


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (torch.zeros(2, 1, 3, 3).double(), torch.zeros(2, dtype=torch.int64), "float32"),
        (torch.zeros(2, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), "uint8"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), "labels"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2), "labels"),
    ],
)
def test_wrong_shapes_are_refused(
    images: torch.Tensor, labels: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ImageSet(images, labels)


def in_groups(kind: torch.dtype = torch.float32) -> ImageSet:
    """Two classes of six groups; group g has g + 1 images, and the pixels tell which it is."""
    groups = torch.repeat_interleave(torch.arange(12), torch.arange(1, 13))
    groups = groups[torch.randperm(len(groups), generator=torch.Generator().manual_seed(5))]
    images = (groups * 1000.5).view(-1, 1, 1, 1).to(kind)
    return ImageSet(images, groups % 2, groups)


def test_floats_keep_their_values() -> None:
    part = in_groups().subset(torch.tensor([3, 1]))
    assert part.images.dtype == torch.float32
    assert part.groups is not None
    assert torch.equal(part.images.flatten(), part.groups * 1000.5)


def test_no_group_is_parted() -> None:
    rest, held = in_groups().split(1 / 3, seed=4)
    assert rest.groups is not None
    assert held.groups is not None
    both = [set(part.groups.tolist()) for part in (rest, held)]
    assert both[0] | both[1] == set(range(12))
    assert not both[0] & both[1]
    assert len(rest) + len(held) == 78  # 1 + ... + 12
    for label in (0, 1):  # a third of the six groups of each class
        assert sum(group % 2 == label for group in both[1]) == 2
    assert torch.equal(held.labels, held.groups % 2)
    assert torch.equal(held.images.flatten(), held.groups * 1000.5)


def test_groups_go_along_where_sets_are_joined_and_are_lost_beside_a_set_without() -> None:
    rest, held = in_groups().split(0.5, seed=0)
    joined = ImageSet.concat(rest, held)
    assert joined.groups is not None
    assert sorted(joined.groups.tolist()) == sorted(in_groups().groups.tolist())
    assert ImageSet.concat(rest, ImageSet(held.images, held.labels)).groups is None


def test_a_group_of_several_labels_stays_together() -> None:
    labels = torch.tensor([0, 1, 0, 1])
    data = ImageSet(torch.zeros(4, 1, 1, 1), labels, torch.tensor([7, 7, 8, 8]))
    rest, held = data.split(0.5, seed=0)
    assert sorted([*set(rest.groups.tolist()), *set(held.groups.tolist())]) == [7, 8]


def test_groups_must_fit() -> None:
    with pytest.raises(ValueError, match="groups are"):
        ImageSet(torch.zeros(2, 1, 1, 1), torch.tensor([0, 1]), torch.tensor([7]))
