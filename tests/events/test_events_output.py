"""What is written, where, and what becomes of it on a full disk."""

from __future__ import annotations

import resource
from contextlib import contextmanager

import numpy as np
import pytest

from nasbench.cli import main
from nasbench.errors import UserError
from nasbench.events.convert import ImageOptions, convert_recording
from nasbench.events.hdf5_writer import image_writer
from nasbench.events.recordings import Recording

pytest.importorskip("h5py")

GOOD = "0 1 2 1\n5 3 4 0\n10 1 2 1\n"
BEFORE = b"\x89HDF\r\n\x1a\n from before"


@contextmanager
def room_for(size):
    """Let no file grow beyond ``size`` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _gait(capsys, *words):
    status = main(["data", "gait", *map(str, words), "--jobs", "1"])
    return status, *capsys.readouterr()


def _left(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _write(path, images):
    with image_writer(path, {}) as out:
        for walk, image in enumerate(images):
            out.add((None, "0", str(walk)), image, {"source": "one"})
        out.finish()


@pytest.mark.parametrize("room", range(500, 12_000, 1500))
def test_a_full_disk_leaves_the_file_from_before(tmp_path, room):
    (tmp_path / "a.h5").write_bytes(BEFORE)
    noise = np.random.default_rng(0).random((4, 8, 8), np.float32)  # 1 kB
    told = r"cannot write .*a\.h5: File too large; existing files are unchanged$"
    with pytest.raises(UserError, match=told), room_for(room):
        _write(tmp_path / "a.h5", [noise] * 12)
    assert _left(tmp_path) == {"a.h5": BEFORE}


def test_a_full_disk_is_no_fault_of_a_recording(tmp_path, capsys):
    raw, out = tmp_path / "raw", tmp_path / "out"
    for folder in (raw, out):
        folder.mkdir()
    for walk in ("1", "2"):
        (raw / f"{walk}.txt").write_text(GOOD)
    with room_for(100_000):  # an image takes 262 kB
        status, _, told = _gait(capsys, raw, "--out", out / "a.h5")
    assert status == 2
    said = "File too large; existing files are unchanged"
    assert told == f"error: cannot write {out / 'a.h5'}: {said}\n"
    assert _left(out) == {}


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    missing = Recording(tmp_path / "1.txt", "0", "1")
    made = convert_recording(ImageOptions(), tmp_path, (0, missing))
    assert made.error == f"{missing}: No such file or directory"


@pytest.mark.parametrize("name", ["thesis.docx", "mine.txt"])
def test_a_file_of_another_kind_is_not_overwritten(tmp_path, capsys, name):
    (tmp_path / "mine.txt").write_text(GOOD)
    (tmp_path / "thesis.docx").write_text("years of work")
    before, out = _left(tmp_path), tmp_path / name
    status, _, told = _gait(capsys, tmp_path / "mine.txt", "--out", out)
    assert status == 2
    assert (
        told
        == f"error: {out} is not an HDF5 file and will not be overwritten: give another --out\n"
    )
    assert _left(tmp_path) == before


@pytest.mark.parametrize("out", ["", ".", "sub", "sub/.."])
def test_a_folder_is_no_destination(tmp_path, monkeypatch, capsys, out):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    (tmp_path / "walk.txt").write_text(GOOD)
    status, _, told = _gait(capsys, "walk.txt", "--out", out)
    assert (status, told.count("\n")) == (2, 1)
    assert "is a folder: give a file, such as" in told


def test_images_made_again_replace_those_from_before(tmp_path, capsys):
    (tmp_path / "walk.txt").write_text(GOOD)
    (tmp_path / "a.h5").write_bytes(BEFORE)
    for _ in range(2):
        assert _gait(capsys, tmp_path / "walk.txt", "--out", tmp_path / "a.h5")[0] == 0
    assert sorted(_left(tmp_path)) == ["a.h5", "walk.txt"]
