from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as V

from nasbench.data.augment import Augmentation, Draws

MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def random_images(n: int, h: int = 9, w: int = 12, seed: int = 0) -> Tensor:
    stream = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, 3, h, w), generator=stream, dtype=torch.uint8)


def draw(augmentation: Augmentation, n: int, h: int = 9, w: int = 12, seed: int = 1) -> Draws:
    return augmentation.draw(n, (3, h, w), torch.Generator().manual_seed(seed))


def slow(augmentation: Augmentation, image: Tensor, draws: Draws, i: int) -> Tensor:
    """One image, step by step, with torchvision's functions and plain loops."""
    height, width = image.shape[1:]
    padded = V.pad(image, [augmentation.crop_padding] * 4, fill=0)
    image = V.crop(padded, int(draws.dy[i]), int(draws.dx[i]), height, width)
    if augmentation.flip and draws.flip[i]:
        image = V.horizontal_flip(image)
    out = V.normalize(
        V.to_dtype(image, torch.float32, scale=True),
        list(augmentation.mean),
        list(augmentation.std),
    )
    half = augmentation.cutout // 2
    for y in range(max(0, int(draws.cy[i]) - half), min(height, int(draws.cy[i]) + half)):
        for x in range(max(0, int(draws.cx[i]) - half), min(width, int(draws.cx[i]) + half)):
            out[:, y, x] = 0.0
    return out


@pytest.mark.parametrize("padding", [0, 1, 4])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("cutout", [0, 4, 5])
def test_equals_image_by_image(padding: int, flip: bool, cutout: int) -> None:
    augmentation = Augmentation(MEAN, STD, padding, flip, cutout)
    images = random_images(40)
    draws = draw(augmentation, 40)
    expected = torch.stack([slow(augmentation, one, draws, i) for i, one in enumerate(images)])
    got = augmentation.apply(images, draws)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, expected, rtol=0, atol=2e-6)


def test_input_is_left_alone() -> None:
    images = random_images(5)
    before = images.clone()
    augmentation = Augmentation(MEAN, STD, 2, True, 4)
    augmentation.apply(images, draw(augmentation, 5))
    assert torch.equal(images, before)


def test_strided_input_is_taken() -> None:
    augmentation = Augmentation(MEAN, STD, 0, True)
    images, draws = random_images(10), draw(augmentation, 5)
    strided = augmentation.apply(images[::2], draws)
    assert torch.equal(strided, augmentation.apply(images[::2].contiguous(), draws))


def test_plain_only_normalises() -> None:
    images = random_images(4)
    augmentation = Augmentation(MEAN, STD, 4, True, 8)
    expected = V.normalize(V.to_dtype(images, torch.float32, scale=True), list(MEAN), list(STD))
    torch.testing.assert_close(augmentation.plain(images), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("cutout", [0, 4])
def test_floats_are_normalised_in_their_own_units(cutout: int) -> None:
    """Bytes, and the same images as floats from 0 to 1, give the same batch."""
    augmentation = Augmentation(MEAN, STD, 2, True, cutout)
    images = random_images(20)
    draws = draw(augmentation, 20)
    floats = augmentation.apply(images.float() / 255, draws)
    torch.testing.assert_close(floats, augmentation.apply(images, draws), rtol=0, atol=2e-6)


def test_floats_of_any_size_are_normalised() -> None:
    images = torch.tensor([-3.0, 250.0, 4000.0]).view(1, 3, 1, 1)
    got = Augmentation((1.0, 50.0, 1000.0), (2.0, 100.0, 500.0)).plain(images)
    torch.testing.assert_close(got.flatten(), torch.tensor([-2.0, 2.0, 6.0]))


def test_draws_cover_their_ranges_and_differ_between_images() -> None:
    draws = draw(Augmentation(MEAN, STD, 4, True, 8), 3000)
    assert draws.dy.unique().tolist() == list(range(9))
    assert draws.dx.unique().tolist() == list(range(9))
    assert draws.cy.unique().tolist() == list(range(9))
    assert draws.cx.unique().tolist() == list(range(12))
    assert 0.45 < draws.flip.double().mean() < 0.55
    # No two of the five go together.
    table = torch.stack([draws.dy, draws.dx, draws.flip.long(), draws.cy, draws.cx]).double()
    off_diagonal = torch.corrcoef(table) - torch.eye(5)
    assert off_diagonal.abs().max() < 0.08


def test_draws_come_from_the_generator_alone() -> None:
    augmentation = Augmentation(MEAN, STD, 4, True, 8)
    first, again, other = (draw(augmentation, 50, seed=s) for s in (3, 3, 4))
    assert torch.equal(first.dy, again.dy)
    assert torch.equal(first.cx, again.cx)
    assert not torch.equal(first.dy, other.dy)


def test_cutout_does_not_shift_the_other_draws() -> None:
    plain = Augmentation(MEAN, STD, 4, True)
    without, with_it = draw(plain, 50), draw(plain.with_cutout(16), 50)
    assert plain.with_cutout(16).cutout == 16
    for name in ("dy", "dx", "flip", "cy", "cx"):
        assert torch.equal(getattr(without, name), getattr(with_it, name))


@pytest.mark.parametrize("index", [slice(1, None, 3), torch.tensor([4, 0, 9])])
def test_a_shard_of_draws_gives_a_shard_of_the_batch(index: slice | Tensor) -> None:
    augmentation = Augmentation(MEAN, STD, 2, True, 4)
    images, draws = random_images(10), draw(augmentation, 10)
    whole = augmentation.apply(images, draws)
    assert torch.equal(augmentation.apply(images[index], draws[index]), whole[index])


def test_mistakes_are_refused() -> None:
    augmentation = Augmentation(MEAN, STD)
    with pytest.raises(ValueError, match="3 draws for 4 images"):
        augmentation.apply(random_images(4), draw(augmentation, 3))
    with pytest.raises(ValueError, match="3 channels, but 1 means"):
        Augmentation((0.5,), (0.5,)).plain(random_images(1))
    with pytest.raises(ValueError, match="crop_padding=-1"):
        Augmentation(MEAN, STD, crop_padding=-1)
    with pytest.raises(ValueError, match="std above 0"):
        Augmentation((0.5,), (0.0,))


@pytest.mark.gpu
def test_gpu_equals_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    augmentation = Augmentation(MEAN, STD, 4, True, 8)
    images, draws = random_images(64, 32, 32), draw(augmentation, 64, 32, 32)
    expected = augmentation.apply(images, draws)
    got = augmentation.apply(images.cuda(), draws)
    assert got.is_cuda
    torch.testing.assert_close(got.cpu(), expected, rtol=0, atol=2e-6)
