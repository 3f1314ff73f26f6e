from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nasbench.data import decoding
from nasbench.data.decoding import Bad, Header, Picture, decode, header
from nasbench.errors import UserError

RED, WHITE = (255, 0, 0), (255, 255, 255)


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def noise(height: int, width: int, *more: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, *more), np.uint8)


@pytest.mark.parametrize("end", ["png", "bmp", "tif", "gif", "pgm", "webp"])
def test_a_grey_picture_of_the_right_size_keeps_its_bytes(end, tmp_path) -> None:
    pixels = noise(32, 32)
    options = {"lossless": True} if end == "webp" else {}
    path = save(tmp_path / f"a.{end}", pixels, **options)
    assert np.array_equal(decode(path, 32, 1).pixels, pixels[None])


@pytest.mark.parametrize("end", ["png", "bmp", "tif", "ppm"])
def test_a_colour_picture_of_the_right_size_keeps_its_bytes(end, tmp_path) -> None:
    pixels = noise(32, 32, 3)
    path = save(tmp_path / f"a.{end}", pixels)
    assert np.array_equal(decode(path, 32, 3).pixels, pixels.transpose(2, 0, 1))
    assert header(path) == Header(32, 32, grey=False)


def test_the_middle_square_is_kept_and_nothing_is_stretched(tmp_path) -> None:
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, :30] = RED
    pixels[:, 30:70] = WHITE
    assert (decode(save(tmp_path / "a.png", pixels), 20, 3).pixels == 255).all()
    tall = pixels.transpose(1, 0, 2)
    assert (decode(save(tmp_path / "b.png", tall), 20, 3).pixels == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_camera_says(orientation, tmp_path) -> None:
    upright = Image.fromarray(
        np.kron(np.array([[0, 80], [160, 255]], np.uint8), np.ones((16, 16))).astype(np.uint8)
    )
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # of Image.transpose: how a camera stores it
    stored = upright if orientation == 1 else upright.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", exif=exif, quality=100)
    found = decode(tmp_path / "a.jpg", 32, 1).pixels[0]
    corners = [found[4, 4], found[4, -4], found[-4, 4], found[-4, -4]]
    assert np.abs(np.array(corners, int) - [0, 80, 160, 255]).max() < 6


@pytest.mark.parametrize(
    ("mode", "grey"),
    [("1", True), ("L", True), ("LA", True), ("P", False), ("RGB", False), ("RGBA", False),
     ("CMYK", False)],
)  # fmt: skip
def test_all_modes_become_grey_or_colour(mode, grey, tmp_path) -> None:
    white = Image.new("RGB", (9, 9), WHITE).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    white.save(path)
    assert header(path) == Header(9, 9, grey)
    for channels in (1, 3):
        found = decode(path, 5, channels).pixels
        assert found.shape == (channels, 5, 5)
        assert (found == 255).all()


def test_a_palette_with_colours_is_colour(tmp_path) -> None:
    Image.new("RGB", (4, 4), RED).convert("P", palette=Image.Palette.ADAPTIVE).save(
        tmp_path / "a.png"
    )
    assert not header(tmp_path / "a.png").grey
    assert decode(tmp_path / "a.png", 4, 3).pixels[:, 0, 0].tolist() == [255, 0, 0]


def test_16_bits_keep_the_higher_eight(tmp_path) -> None:
    pixels = (noise(8, 8).astype(np.uint16) << 8) | 77
    assert np.array_equal(decode(save(tmp_path / "a.png", pixels), 8, 1).pixels[0], pixels >> 8)
    assert header(tmp_path / "a.png").grey
    assert np.array_equal(decode(save(tmp_path / "a.tif", pixels), 8, 3).pixels[1], pixels >> 8)


def test_what_is_transparent_is_white(tmp_path) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:2] = (*RED, 255)
    found = decode(save(tmp_path / "a.png", pixels), 4, 3).pixels
    assert found[:, 0, 0].tolist() == [255, 0, 0]
    assert found[:, 3, 3].tolist() == [255, 255, 255]


def test_the_first_frame_of_an_animation(tmp_path) -> None:
    frames = [Image.new("L", (5, 5), value) for value in (10, 200)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (decode(tmp_path / "a.gif", 5, 1).pixels == 10).all()


def truncated(path: Path) -> None:
    save(path, noise(64, 64, 3))
    path.write_bytes(path.read_bytes()[:3000])


def too_large(path: Path) -> None:
    save(path, noise(4, 4))
    content = bytearray(path.read_bytes())
    content[16:24] = (60_000).to_bytes(4, "big") * 2  # width and height of a PNG
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    path.write_bytes(content)


HARM = {
    "truncated": truncated,
    "no picture": lambda path: path.write_text("hello"),
    "empty": lambda path: path.touch(),
    "too large: at most 134,217,728 pixels": too_large,
    "32 bits": lambda path: Image.new("F", (4, 4)).save(path, "TIFF"),
    "no plain file": os.mkfifo,
    "directory": lambda path: path.mkdir(),
    "No such file": lambda path: None,
    "no picture ": lambda path: path.write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    ),
}


@pytest.mark.parametrize("reason", HARM)
def test_what_cannot_be_read_has_a_reason(reason, tmp_path) -> None:
    HARM[reason](tmp_path / "a.png")
    (found,) = decoding.pictures([tmp_path / "a.png"], 8, 3)
    assert isinstance(found, Bad)
    assert reason.strip() in found.reason


def test_equal_pixels_have_equal_digests(tmp_path) -> None:
    pixels = noise(20, 20, 3)
    one = decode(save(tmp_path / "a.png", pixels), 8, 3)
    assert one.digest == decode(save(tmp_path / "b.bmp", pixels), 8, 3).digest
    pixels[0, 0, 0] ^= 1
    assert one.digest != decode(save(tmp_path / "c.png", pixels), 8, 3).digest


def test_several_processes_give_what_one_gives(tmp_path) -> None:
    paths = []
    for number in range(100):
        pixels = np.full((12, 12), number, np.uint8)
        paths.append(save(tmp_path / f"{number}.png", pixels))
    paths[7].write_bytes(b"")
    paths[8] = paths[8].rename(tmp_path / os.fsdecode(b"\xff.png"))
    alone = list(decoding.pictures(paths, 12, 1, jobs=1))
    several = list(decoding.pictures(paths, 12, 1, jobs=2))
    assert [isinstance(one, Bad) for one in several] == [n == 7 for n in range(100)]
    for one, other in zip(alone, several, strict=True):
        if isinstance(one, Picture):
            assert np.array_equal(one.pixels, other.pixels)
            assert one.digest == other.digest


def test_a_picture_that_kills_its_process_is_bad_and_the_others_are_read(
    tmp_path, monkeypatch
) -> None:
    paths = [save(tmp_path / f"{number}.png", noise(6, 6)) for number in range(130)]
    harm = (
        "import nasbench.data.decoding as d, os; real = d._WORK['decode']; "
        "d._WORK['decode'] = lambda path, *more: "
        "os._exit(9) if path.name == '70.png' else real(path, *more); "
    )
    monkeypatch.setattr(
        decoding, "_START", decoding._START.replace("from nas", harm + "from nas", 1)
    )
    found = list(decoding.pictures(paths, 6, 1, jobs=2))
    assert [n for n, one in enumerate(found) if isinstance(one, Bad)] == [70]
    assert found[70].reason == "the decoder crashed"


def test_a_process_that_cannot_start_is_an_error(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(decoding, "_START", "raise SystemExit(3)")
    paths = [save(tmp_path / f"{number}.png", noise(6, 6)) for number in range(130)]
    with pytest.raises(UserError, match="ended at its start with status 3"):
        list(decoding.pictures(paths, 6, 1, jobs=2))


def test_no_process_is_left_when_the_reader_stops(tmp_path) -> None:
    paths = [save(tmp_path / f"{number}.png", noise(6, 6)) for number in range(300)]
    made = []
    real = decoding._Worker._start

    def start(self: decoding._Worker) -> None:
        real(self)
        made.append(self._process)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding._Worker, "_start", start)
        reading = decoding.pictures(paths, 6, 1, jobs=2)
        next(reading)
        reading.close()
    assert made
    assert all(process.returncode is not None for process in made)


def test_a_process_that_decodes_loads_no_torch() -> None:
    code = "import sys, nasbench.data.decoding; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
