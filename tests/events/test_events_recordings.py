"""Which recordings a folder holds."""

from __future__ import annotations

import os

import pytest

from nasbench.cli import main
from nasbench.errors import UserError
from nasbench.events.recordings import find

GOOD = "0 1 2 1\n5 3 4 0\n10 1 2 1\n"


def _put(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(GOOD)
    return path


def _places(folder):
    return [(one.split, one.person, one.walk) for one in find(folder)]


def _gait(folder, out):
    return main(["data", "gait", str(folder), "--out", str(out), "--jobs", "1"])


def test_links_to_folders_are_followed(tmp_path):
    raw, elsewhere = tmp_path / "raw", tmp_path / "elsewhere"
    for path in (raw / "train" / "2", elsewhere / "one", elsewhere / "other" / "1"):
        _put(path / "1.txt")
    (raw / "train" / "1").symlink_to(elsewhere / "one")
    (raw / "test").symlink_to(elsewhere / "other")
    (raw / "gone").symlink_to(tmp_path / "nowhere")
    assert _places(raw) == [("train", "1", "1"), ("train", "2", "1"), ("test", "1", "1")]


def test_a_folder_counts_once_and_by_its_own_name(tmp_path):
    _put(tmp_path / "walker" / "in" / "1.txt")
    (tmp_path / "alias").symlink_to(tmp_path / "walker")
    (tmp_path / "walker" / "in" / "round").symlink_to(tmp_path)
    (tmp_path / "walker" / ".hidden").symlink_to("/")
    assert _places(tmp_path) == [(None, "walker-in", "1")]


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [("1.txt", "0/1.txt", "1.txt of person 0"), ("a/b-c/1.txt", "a-b/c/1.txt", "1.txt of person")],
)
def test_two_of_one_name_are_both_told(tmp_path, one, other, name):
    paths = [str(_put(tmp_path / place)) for place in (one, other)]
    with pytest.raises(UserError, match=f"would both be walk {name}") as error:
        find(tmp_path)
    assert all(path in str(error.value) for path in paths)


def test_a_name_that_is_no_text_harms_no_other(tmp_path, capsys):
    _put(tmp_path / "raw" / "1" / "1.txt")
    _put(tmp_path / "raw" / os.fsdecode(b"M\xfcller") / "1.txt")
    assert _gait(tmp_path / "raw", tmp_path / "a.h5") == 0
    told, refused = capsys.readouterr()
    assert told.startswith("1 recordings, 1 images, 1 refused\n")
    place = f"{tmp_path}/raw/M\\udcfcller/1.txt"
    assert refused == f"refused: {place}: the name must be in UTF-8; rename the file or folder\n"


def test_a_folder_whose_name_is_no_text(tmp_path, capsys):
    raw = tmp_path / os.fsdecode(b"M\xfcller")
    _put(raw / "1.txt")
    assert _gait(raw, tmp_path / "a.h5") == 0


def test_a_compressed_recording_is_refused(tmp_path, capsys):
    _put(tmp_path / "raw" / "1.txt")
    for name in ("1.txt.gz", "2.txt.gz"):
        (tmp_path / "raw" / name).write_bytes(b"\x1f\x8b\x08\0")
    assert _gait(tmp_path / "raw", tmp_path / "a.h5") == 0
    told = f"refused: {tmp_path / 'raw' / '2.txt.gz'}: is gzip-compressed; unpack it first\n"
    assert capsys.readouterr().err == told


def test_a_refusal_takes_one_line(tmp_path, capsys):
    _put(tmp_path / "raw" / "1.txt")
    _put(tmp_path / "raw" / "two\nlines" / "1.txt").write_text("nothing")
    assert _gait(tmp_path / "raw", tmp_path / "a.h5") == 0
    assert capsys.readouterr().err.count("\n") == 1
