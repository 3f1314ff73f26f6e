"""A picture per epoch, as an animated GIF, or as an MP4 where imageio can write one."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

from nasbench.errors import UserError
from nasbench.graph import Figure
from nasbench.optional import available, require
from nasbench.report.canvas.png import pixels
from nasbench.report.canvas.scene import Scene, Text
from nasbench.report.drawing import WIDTH, check, scene_of
from nasbench.store.atomic import write

SUFFIXES = (".gif", ".mp4")
DPI = 110
SECONDS, LAST_SECONDS = 0.5, 2.0  # that a frame stays, and the last one
_HEAD = 12.0  # points


def write_frames(
    frames: Iterable[tuple[str, Sequence[Figure]]],
    path: Path,
    style: str = "color",
    width: float = WIDTH,
) -> Path:
    """Write pictures one after the other, all as large as the largest.

    Args:
        frames: a heading and figures for each picture; at least one.
        path: ends in ``.gif`` or ``.mp4``.
        style: ``color``, or ``paper`` for black and white.
        width: of the widest picture in centimetres, at most.

    Raises:
        UserError: the suffix is another, a package is missing, or there is nothing to draw.
    """
    check((), style, width)
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"--frames {path}: must end in {' or '.join(SUFFIXES)}")
    film = path.suffix.lower() == ".mp4"
    if film and not (available("imageio") and available("imageio_ffmpeg")):
        raise UserError(
            f"--frames {path}: an MP4 needs imageio: pip install imageio imageio-ffmpeg, "
            "or name a .gif"
        )
    scenes = [_headed(words, *scene_of(figures, style, width)) for words, figures in frames]
    if not scenes:
        raise UserError(f"--frames {path}: there is no epoch to draw")
    for scene in scenes:
        scene.width = max(one.width for one in scenes)
        scene.height = max(one.height for one in scenes)
    images = [pixels(scene, style, DPI)[0] for scene in scenes]
    content = _film(images) if film else _gif(images)
    write(path, partial(_fill, content))
    return path


def _headed(words: str, scene: Scene, reason: str) -> Scene:
    if not scene.marks:
        raise UserError(f"--frames: {reason}")
    headed = Scene(0.0, _HEAD, [Text(1.5, 8, words, 8, "start", True, "faint")])
    headed.place(scene, 0.0, _HEAD)
    return headed


def _gif(images: Sequence[Any]) -> bytes:
    require("PIL.Image", "a GIF", "pillow")
    first, *rest = [image.quantize(64) for image in images]
    times = [round(1000 * SECONDS)] * len(rest) + [round(1000 * LAST_SECONDS)]
    file = io.BytesIO()
    first.save(file, "gif", save_all=True, append_images=rest, duration=times, loop=0)
    return file.getvalue()


def _film(images: Sequence[Any]) -> bytes:
    imageio = require("imageio.v3", "an MP4")
    import numpy as np

    arrays = []
    for image in images:  # the codec wants even sides
        pixels_HWC = np.asarray(image)
        arrays.append(pixels_HWC[: len(pixels_HWC) // 2 * 2, : pixels_HWC.shape[1] // 2 * 2])
    stay = [1] * (len(arrays) - 1) + [round(LAST_SECONDS / SECONDS)]
    every = [array for array, times in zip(arrays, stay, strict=True) for _ in range(times)]
    content: bytes = imageio.imwrite(
        "<bytes>", every, extension=".mp4", fps=1 / SECONDS, codec="libx264"
    )
    return content


def _fill(content: bytes, file: IO[bytes]) -> None:
    file.write(content)
