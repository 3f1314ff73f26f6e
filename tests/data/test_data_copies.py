"""Copies of pictures in other sizes are found as by comparing all with all."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from PIL import Image

from nasbench.data import copies, decoding


def thumb(pixels: np.ndarray, side: int) -> np.ndarray:
    """The thumbnail of a picture that was resized before."""
    picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    size = (decoding.THUMB, decoding.THUMB)
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def all_with_all(thumbs: np.ndarray) -> set[tuple[int, int]]:
    """The pairs of the definition, one picture after the other."""
    values = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    spread = np.ptp(values, axis=1)
    found = set()
    for row in range(len(values)):
        difference = np.abs(values[row + 1 :] - values[row]) / np.maximum(spread[row], 1)
        near = (difference.max(1) <= copies.LARGEST) & (difference.mean(1) <= copies.MEAN)
        found |= {(row, row + 1 + int(other)) for other in np.flatnonzero(near)}
    return {(one, other) for one, other in found if min(spread[one], spread[other]) >= 24}


def test_real_pictures_in_several_sizes(real_data: Path) -> None:
    packed = (real_data / "fashion-mnist" / "train-images-idx3-ubyte.gz").read_bytes()
    pixels = np.frombuffer(gzip.decompress(packed), np.uint8, offset=16).reshape(-1, 28, 28)[:1500]
    sizes = [28] * 1500 + [40] * 300 + [100] * 300
    pictures = [*pixels, *pixels[:300], *pixels[:300]]
    thumbs = np.array([thumb(*one) for one in zip(pictures, sizes, strict=True)])
    expected = all_with_all(thumbs)
    assert len(expected) > 500
    found = {(int(one), int(other)) for one, other in copies.alike(thumbs)}
    assert len(found & expected) >= 0.99 * len(expected)
    assert len(found - expected) <= 0.01 * len(expected)  # the spread is that of the other


def test_few_and_plain_pictures() -> None:
    plain = np.full((3, 8, 8), 7, np.uint8)
    assert copies.alike(plain[:0]).shape == (0, 2)
    assert copies.alike(plain).shape == (0, 2)
    step = np.repeat(np.array([0, 255], np.uint8), 32).reshape(1, 8, 8)
    assert copies.alike(np.concatenate([plain, step, step])).tolist() == [[3, 4]]
