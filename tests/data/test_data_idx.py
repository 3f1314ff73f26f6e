from __future__ import annotations

import gzip
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from nasbench.data.idx import read_idx
from nasbench.errors import UserError

RAW = bytes([0, 0, 8, 3]) + struct.pack(">III", 2, 3, 4) + bytes(range(24))


@pytest.mark.parametrize("packed", [False, True])
def test_values_and_shape(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / ("some-idx3-ubyte.gz" if packed else "some-idx3-ubyte")
    path.write_bytes(gzip.compress(RAW) if packed else RAW)
    values = read_idx(path)
    assert values.dtype == torch.uint8
    assert torch.equal(values, torch.arange(24, dtype=torch.uint8).view(2, 3, 4))
    values.fill_(0)  # owns its memory


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "not an IDX file"),
        (b"<html>", "not an IDX file"),
        (b"\0\0\x0d" + RAW[3:], "not an IDX file"),
        (RAW[:9], "too few for its header"),
        (RAW[:3] + b"\x09" + bytes(40), "not an IDX file"),
        (RAW[:4] + b"\xff" * 12, "its header states 4294967295x4294967295x4294967295 bytes: at m"),
        (RAW[:-1], "is truncated: 23 bytes of values, but its header states 2x3x4 = 24"),
        (RAW + b"\0", "is too long: its header states 2x3x4 = 24 bytes"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damage(tmp_path: Path, contents: bytes, message: str, packed: bool) -> None:
    path = tmp_path / ("damaged.gz" if packed else "damaged")
    path.write_bytes(gzip.compress(contents) if packed else contents)
    with pytest.raises(UserError, match=message) as error:
        read_idx(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["cut", "flipped", "not packed", "absent", "folder"])
def test_damaged_archives(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "damaged.gz"
    packed = gzip.compress(RAW)
    middle = len(packed) // 2
    contents = {
        "cut": packed[:-12],
        "flipped": packed[:middle] + bytes([packed[middle] ^ 255]) + packed[middle + 1 :],
        "not packed": RAW,
    }
    if kind == "folder":
        path.mkdir()
    elif kind in contents:
        path.write_bytes(contents[kind])
    with pytest.raises(UserError, match=r"damaged\.gz") as error:
        read_idx(path)
    assert "\n" not in str(error.value)


def test_a_packed_file_is_unpacked_as_far_as_its_header_says(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(RAW)
        for _ in range(64):
            file.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(UserError, match="is too long"):
        read_idx(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_what_is_no_plain_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gz")
    for path in (tmp_path / "pipe.gz", Path("/dev/zero")):
        with pytest.raises(UserError, match=r"cannot be read \(no plain file\)"):
            read_idx(path)


@pytest.mark.data
@pytest.mark.parametrize(("part", "n"), [("train", 60_000), ("t10k", 10_000)])
def test_the_real_files(real_data: Path, tmp_path: Path, part: str, n: int) -> None:
    packed = real_data / "mnist" / f"{part}-images-idx3-ubyte.gz"
    images = read_idx(packed)
    labels = read_idx(real_data / "mnist" / f"{part}-labels-idx1-ubyte.gz")
    assert images.shape == (n, 28, 28)
    assert labels.shape == (n,)
    # The last image, found by plain slicing of the unpacked bytes.
    raw = gzip.decompress(packed.read_bytes())
    last = np.array(list(raw[-784:]), dtype=np.uint8).reshape(28, 28)
    assert np.array_equal(images[-1].numpy(), last)
    unpacked = tmp_path / "images"
    unpacked.write_bytes(raw)
    assert torch.equal(read_idx(unpacked), images)


@pytest.mark.data
def test_the_histogram_of_the_real_labels(real_data: Path) -> None:
    labels = read_idx(real_data / "mnist" / "train-labels-idx1-ubyte.gz")
    expected = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(labels).tolist() == expected


@pytest.mark.data
@pytest.mark.parametrize("kept", [10, 5_000, 28_880])
def test_truncated_copies_of_a_real_file(real_data: Path, tmp_path: Path, kept: int) -> None:
    copy = tmp_path / "train-labels-idx1-ubyte.gz"
    copy.write_bytes((real_data / "mnist" / copy.name).read_bytes()[:kept])
    with pytest.raises(UserError, match="truncated or damaged"):
        read_idx(copy)
