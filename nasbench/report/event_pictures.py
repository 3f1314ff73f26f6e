"""Event images as a picture that a person can judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nasbench.report.figure import check_format, drawn
from nasbench.store.atomic import write

BLUE, RED = (0.0, 0.447, 0.698), (0.835, 0.369, 0.0)  # of Okabe and Ito's palette
INCHES = 2.4
Pixels = NDArray[np.float32]


def draw(shown: Sequence[tuple[str, Pixels]], path: Path) -> Path:
    """Draw event images side by side into a file and return its path.

    Above, where events were: positive ones orange, negative ones blue, both dark, more for more.
    Below, when the last one was: from white, early, to black, late.

    Args:
        shown: words, and the image (4, height, width) with positive and negative counts and times
            in this order; at least one.
        path: the file; ``.svg`` or ``.png``.

    Raises:
        UserError: the suffix is another one, matplotlib is missing, or the file cannot be written.
    """
    kind = path.suffix.lower().removeprefix(".")
    check_format(kind)

    def fill(figure: Any) -> None:
        grid = figure.subplots(2, len(shown), squeeze=False)
        for (words, pixels), (above, below) in zip(shown, grid.T, strict=True):
            above.imshow(counts(pixels), interpolation="nearest")
            below.imshow(pixels[2:].max(0), cmap="Greys", vmin=0, vmax=1, interpolation="nearest")
            above.set_title(words, fontsize=8)
            for axes in (above, below):
                axes.set(xticks=[], yticks=[])

    size = (INCHES * len(shown), 2 * INCHES + 0.3)
    made = drawn(fill, kind, size, "drawing event images", dpi=100)
    write(path, lambda file: file.write(made))
    return path


def counts(pixels: Pixels) -> NDArray[np.float64]:
    """Return the colours (height, width, 3) of an image's counts, in [0, 1].

    A colour has its full strength at the count that 99 of 100 pixels with events stay below.
    """
    seen = pixels[:2][pixels[:2] > 0]
    full = max(1.0, float(np.quantile(seen, 0.99))) if seen.size else 1.0
    strength = np.log1p(np.minimum(pixels[:2], full).astype(np.float64)) / np.log1p(full)
    colours = np.ones((*pixels.shape[1:], 3))
    for share, colour in zip(strength, (RED, BLUE), strict=True):
        colours *= 1 - share[:, :, None] * (1 - np.array(colour))
    return colours
