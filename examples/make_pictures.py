"""Writes the handwritten digits of scikit-learn as a folder of pictures, a subfolder per class.

    python examples/make_pictures.py pictures --each 60

The pictures have unequal sizes, as those of a user have.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def write(folder: Path, each: int, seed: int = 0) -> int:
    """Write the pictures and return their number.

    Args:
        folder: a new folder, or an empty one.
        each: pictures of each class, at most 174.
        seed: of the sizes, which are from 8 to 16 pixels.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty")
    images, labels = load_digits(return_X_y=True)
    random = np.random.default_rng(seed)
    written = 0
    for label, name in enumerate(NAMES):
        (folder / name).mkdir()
        for number, row in enumerate(images[labels == label][:each]):
            pixels = (row.reshape(8, 8) * 15.9).astype(np.uint8)
            width, height = (int(side) for side in random.integers(8, 17, 2))
            picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
            picture.save(folder / name / f"{number:03}.png")
            written += 1
    return written


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--each", type=int, default=60, choices=range(5, 175), metavar="5..174")
    given = parser.parse_args()
    print(f"{write(given.folder, given.each)} pictures in {given.folder}")  # noqa: T201
