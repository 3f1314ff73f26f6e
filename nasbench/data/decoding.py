"""Pictures as arrays of bytes, decoded by several processes; nothing here imports torch.

A picture is turned as its camera says (EXIF), put on white where it is transparent, converted to
gray or color, resized so that its shorter side has the wanted length, and cut to the square in
its middle, so nothing is stretched. Of an animation the first frame counts; of 16 bits the higher
eight are kept.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import queue
import subprocess
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nasbench import plain_files
from nasbench.errors import UserError
from nasbench.faults import MachineError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset(
    (
        *(".apng", ".avif", ".bmp", ".dib", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg"),
        *(
            ".jpg",
            ".pbm",
            ".pcx",
            ".pgm",
            ".png",
            ".pnm",
            ".ppm",
            ".tga",
            ".tif",
            ".tiff",
            ".webp",
        ),
    )
)
"""Ends of the names of files that are taken for pictures, in small letters."""

MOST_PIXELS = 2**27
"""Pixels of the largest picture that is decoded; a few bytes can claim to be billions of them."""

THUMB = 8
"""Side of the small gray picture by which copies of another size are found."""

# The usual ones first. Others are refused: EPS runs a program.
_FORMATS = (
    *("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "MPO"),
    *("JPEG2000", "AVIF", "DIB", "PCX", "TGA"),
)
_MOST_BYTES = 2**30  # of a file
_FEW = 64  # pictures that are decoded faster than a process starts
_EACH = 2**22  # bytes that a process answers with

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Header:
    """What the first bytes of a picture say.

    Attributes:
        width: in pixels, before it is turned as its camera says.
        height: likewise.
        gray: whether it has no colors.
    """

    width: int
    height: int
    grey: bool


@dataclass(frozen=True)
class Bad:
    """Why a picture cannot be read."""

    reason: str


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture.

    Attributes:
        pixels: uint8 ``(channels, size, size)``.
        digest: of the pixels before they were resized.
        thumb: uint8 ``(THUMB, THUMB)``, the whole picture in gray.
    """

    pixels: Bytes
    digest: bytes
    thumb: Bytes


def header(path: Path) -> Header:
    """Return size and kind of a picture without decoding it.

    Raises:
        UserError: it is no picture, or too large; the caller names it.
    """
    with plain_files.open_bytes(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _opened(file)
        return Header(*picture.size, _is_grey(picture))


def decode(path: Path, size: int, channels: int) -> Picture:
    """Decode a picture; see the module for how.

    Args:
        path: of the file.
        size: side of the result in pixels.
        channels: 1 for gray, 3 for color.

    Raises:
        UserError: it cannot be read; the caller names it.
    """
    from PIL import Image

    with plain_files.open_bytes(path) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = flat(_opened(file, size), channels)
        digest = hashlib.blake2b(f"{whole.size}".encode(), digest_size=16)
        digest.update(whole.tobytes())
        thumb = whole.convert("L").resize((THUMB, THUMB), Image.Resampling.BILINEAR)
        pixels = np.asarray(square(whole, size))
        shaped = pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)
        return Picture(np.ascontiguousarray(shaped), digest.digest(), np.asarray(thumb))


def square(picture: Image, size: int) -> Image:
    """Return the middle of a picture as a square of ``size`` pixels, nothing of it stretched."""
    from PIL import Image

    width, height = picture.size
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    middle = picture.crop((left, top, left + side, top + side))
    # BILINEAR of Pillow averages over all pixels that become one.
    return middle if side == size else middle.resize((size, size), Image.Resampling.BILINEAR)


@cache
def _formats() -> list[str]:
    """Return those formats that this Pillow can read."""
    from PIL import Image

    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _opened(file: IO[bytes], size: int | None = None) -> Image:
    """Return the picture in an open file; its pixels are not read yet.

    Args:
        file: its content.
        size: in pixels, what will be needed of each side: JPEG then decodes not much more.
    """
    from PIL import Image, UnidentifiedImageError

    if (length := os.fstat(file.fileno()).st_size) > _MOST_BYTES or not length:
        raise UserError(f"{length:,} bytes" if length else "empty")
    try:
        picture = Image.open(file, formats=_formats())
    except UnidentifiedImageError as error:
        raise UserError("no picture") from error
    except Image.DecompressionBombError as error:
        raise UserError(f"too large: at most {MOST_PIXELS:,} pixels are decoded") from error
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise UserError(f"too large: at most {MOST_PIXELS:,} pixels are decoded")
    if picture.mode in ("I", "F") and picture.format not in ("PNG", "PPM"):
        raise UserError("pixels of 32 bits: give them as an array, .npy")
    if size is not None:
        picture.draft(None, (2 * size, 2 * size))
    return picture


def _is_grey(picture: Image) -> bool:
    if picture.mode == "P":
        palette = np.asarray(picture.getpalette() or [0], np.uint8)
        return len(palette) % 3 == 0 and bool((np.ptp(palette.reshape(-1, 3), axis=1) == 0).all())
    return picture.mode in ("1", "L", "LA", "La") or picture.mode.startswith("I")


def flat(picture: Image, channels: int) -> Image:
    """Return a picture of bytes, gray or color, upright and without transparency.

    Args:
        picture: of Pillow; it stays as it is.
        channels: 1 for gray, 3 for color.
    """
    wanted = "L" if channels == 1 else "RGB"
    picture = upright(picture)
    return picture if picture.mode == wanted else picture.convert(wanted)


def upright(picture: Image) -> Image:
    """Return a picture turned as its camera says, on white where it is transparent, of bytes."""
    from PIL import Image, ImageOps

    picture.load()
    picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith("I"):
        values = np.asarray(picture)
        picture = Image.fromarray((values >> 8).clip(0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        over = picture.convert("RGBA")
        white = Image.new("RGBA", over.size, "white")
        picture = Image.alpha_composite(white, over).convert("RGB")
    return picture


def processes(wanted: int | None = None) -> int:
    """Return the number of processes that decode: by default one for each core."""
    if wanted is not None:
        return wanted
    return (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )


def headers(paths: Sequence[Path], jobs: int | None = None) -> Iterator[Header | Bad]:
    """Yield the header of each picture, or why it cannot be read, in order.

    Args:
        paths: of the pictures.
        jobs: number of processes.
    """
    return _each("header", paths, (), 256, jobs)


def pictures(
    paths: Sequence[Path], size: int, channels: int, jobs: int | None = None
) -> Iterator[Picture | Bad]:
    """Yield each picture decoded, or why it cannot be, in order; only some are held at once.

    Args:
        paths: of the pictures.
        size: side of the results in pixels.
        channels: 1 for gray, 3 for color.
        jobs: number of processes.
    """
    each = max(1, min(64, _EACH // (channels * size * size)))
    return _each("decode", paths, (size, channels), each, jobs)


_WORK: dict[str, Callable[..., Header | Picture]] = {"header": header, "decode": decode}


def _attempt(what: str, path: Path, more: tuple[Any, ...]) -> Any:
    try:
        return _WORK[what](path, *more)
    except UserError as error:
        return Bad(str(error))
    except Exception as error:  # noqa: BLE001 (a decoder raises anything on a damaged file)
        return Bad(" ".join(str(error).split())[:100] or type(error).__name__)


def _each(
    what: str, paths: Sequence[Path], more: tuple[Any, ...], each: int, jobs: int | None
) -> Iterator[Any]:
    """Yield the result of a function for each path, in order, from several processes."""
    jobs = min(processes(jobs), -(-len(paths) // each))
    if len(paths) <= _FEW or jobs < 2:
        yield from (_attempt(what, path, more) for path in paths)
        return
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()

    def work(chunk: Sequence[Path]) -> list[Any]:
        worker = idle.get()
        try:
            return worker.ask(what, chunk, more)
        finally:
            idle.put(worker)

    workers = [_Worker() for _ in range(jobs)]
    pool = ThreadPoolExecutor(jobs)
    try:
        for worker in workers:
            idle.put(worker)
        waiting: deque[Future[list[Any]]] = deque()
        for start in range(0, len(paths), each):
            waiting.append(pool.submit(work, paths[start : start + each]))
            if len(waiting) >= 2 * jobs:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        for worker in workers:
            worker.end()
        pool.shutdown(cancel_futures=True)
        for worker in workers:  # one that a thread had just started again
            worker.end()


# The parent's sys.path comes first: where nasbench is found.
_START = (
    "import sys; sys.path[:] = sys.argv[1:]; from nasbench.data.decoding import serve; serve()"
)


class _Worker:
    """A process that decodes: a fresh interpreter, which runs nothing of the parent's main file.

    It ends when its pipe does, thus with the parent, even if that is killed. Ctrl-C does not reach
    it.
    """

    def __init__(self) -> None:
        self._ended = False
        self._start()

    def _start(self) -> None:
        self._ready = False
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, *sys.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # a decoder in C may write hundreds of lines
                start_new_session=True,
            )
        except OSError as error:
            raise MachineError(f"a process that decodes pictures cannot start: {error}") from error

    def ask(self, what: str, paths: Sequence[Path], more: tuple[Any, ...]) -> list[Any]:
        """Return the results of some paths; a picture that kills the process is a bad one."""
        if self._process.returncode is not None and not self._ended:
            self._start()
        found = self._ask(what, paths, more)
        if found is not None:
            return found
        results = []
        for path in paths:
            if self._process.returncode is not None:
                if self._ended:
                    break
                self._start()
            results += self._ask(what, [path], more) or [Bad("the decoder crashed")]
        return results

    def _ask(self, what: str, paths: Sequence[Path], more: tuple[Any, ...]) -> list[Any] | None:
        """Return the results, or ``None`` if the process ended."""
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        try:
            if not self._ready:
                self._ready = pickle.load(answers)
            pickle.dump((what, list(paths), more), requests)
            requests.flush()
            found: list[Any] = pickle.load(answers)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            self._close()
            if not self._ready and not self._ended:
                status = self._process.returncode
                raise MachineError(
                    f"a process that decodes pictures ended at its start with status {status}"
                ) from error
            return None
        return found

    def _close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was buffered can no longer be sent
                    pipe.close()

    def end(self) -> None:
        """End the process; whoever waits for its answer gets none."""
        self._ended = True
        self._close()


def serve() -> None:
    """Answer the requests on the standard input until it ends; a worker runs this."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder prints is no answer
    pickle.dump(True, answers)
    answers.flush()
    while True:
        try:
            what, paths, more = pickle.load(requests)
        except EOFError:
            return
        pickle.dump([_attempt(what, path, more) for path in paths], answers, protocol=5)
        answers.flush()
