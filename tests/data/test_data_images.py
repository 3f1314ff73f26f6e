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
        (torch.zeros(2, 1, 3, 3), torch.zeros(2, dtype=torch.int64), "uint8"),
        (torch.zeros(2, 3, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), "uint8"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64), "labels"),
        (torch.zeros(2, 1, 3, 3, dtype=torch.uint8), torch.zeros(2), "labels"),
    ],
)
def test_wrong_shapes_are_refused(
    images: torch.Tensor, labels: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        ImageSet(images, labels)
