from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from nasbench.cli import main
from nasbench.events import convert
from nasbench.events.formats import read
from nasbench.events.images import Window, images
from nasbench.events.recordings import find

h5py = pytest.importorskip("h5py")

GOOD = "0 1 2 1\n5 3 4 0\n10 1 2 1\n"
BEFORE = b"\x89HDF\r\n\x1a\n from before"
SWAPPED = "neg-count,pos-count,neg-time,pos-time"


@pytest.fixture
def raw(tmp_path):
    """A folder in DVS128-Gait's layout, with one malformed recording."""
    for split in ("train", "test"):
        for person in ("0", "2", "10"):
            folder = tmp_path / "origin" / split / person
            folder.mkdir(parents=True)
            for walk in (1, 2, 10):
                (folder / f"{walk}.txt").write_text(GOOD)
    (tmp_path / "origin" / "test" / "2" / "2.txt").write_text("0 1 2 1\n5 3 4\n")
    return tmp_path / "origin"


def _gait(capsys, *words):
    status = main(["data", "gait", *map(str, words)])
    return status, *capsys.readouterr()


def _left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_layout_of_dvs128_gait(raw, tmp_path, capsys):
    out = tmp_path / "out"
    status, told, refused = _gait(capsys, raw, "--out", out / "gait.h5", "--jobs", 1)
    bad = raw / "test" / "2" / "2.txt"
    assert (status, told.splitlines()[0]) == (0, "17 recordings, 17 images, 1 refused")
    assert refused == f"refused: {bad}: line 2: '5 3 4'; expected four integers\n"
    assert _left(out) == ["gait-test.h5", "gait-train.h5"]
    with h5py.File(out / "gait-train.h5") as file:
        groups = {name: sorted(group) for name, group in file.items()}
        assert groups == {person: ["1", "10", "2"] for person in ("0", "10", "2")}
        image = file["0"]["1"]
        assert (image.shape, image.dtype) == ((4, 128, 128), np.float32)
        assert image[:, 2, 1].tolist() == [2, 0, 1, 0]
        assert image[:, 4, 3].tolist() == [0, 1, 0, 0.5]
        assert np.count_nonzero(image) == 4
        assert dict(image.attrs) == {
            "source": "train/0/1.txt",
            "walk": "1",
            "events": 3,
            "first_us": 0,
            "last_us": 10,
        }
        assert dict(file.attrs) == {
            "axes": "channel,y,x",
            "channels": "pos-count,neg-count,pos-time,neg-time",
            "columns": "txyp",
            "format": "nasbench-events/1",
            "sensor": "as recorded",
            "source": "origin",
            "split": "train",
            "window": "file",
        }


def test_several_processes_write_the_same(raw, tmp_path, capsys):
    for jobs in (1, 2):
        assert _gait(capsys, raw, "--out", tmp_path / f"{jobs}.h5", "--jobs", jobs)[0] == 0
    one, two = ((tmp_path / f"{jobs}-train.h5").read_bytes() for jobs in (1, 2))
    assert one == two


def test_the_order_is_that_of_numbers(raw):
    names = [f"{one.split} {one.person} {one.walk}" for one in find(raw)]
    people = ["0 1", "0 2", "0 10", "2 1", "2 2", "2 10", "10 1", "10 2", "10 10"]
    assert names == [f"{split} {one}" for split in ("train", "test") for one in people]


def test_options(tmp_path, capsys):
    path, out = tmp_path / "walk.txt", tmp_path / "out.h5"
    path.write_text("1 2 1 0\n3 4 0 5\n1 2 1 7\n3 4 0 9\n9 9 0 9\n")
    words = ["--columns", "xypt", "--channels", SWAPPED, "--sensor", "20x10", "--jobs", 1]
    status, told, _ = _gait(capsys, path, "--out", out, "--window", "2 events", *words)
    assert (status, told.splitlines()[0]) == (0, "1 recordings, 2 images, 0 refused")
    with h5py.File(out) as file:
        assert sorted(file["0"]) == ["walk-0", "walk-1"]
        image = file["0"]["walk-0"][:]
        assert image.shape == (4, 10, 20)
        assert image[:, 4, 3].tolist() == [1, 0, 1, 0]
        assert (file.attrs["channels"], file.attrs["sensor"]) == (SWAPPED, "20x10")


def test_nothing_could_be_read(tmp_path, capsys):
    path = tmp_path / "one.txt"
    path.write_text("nothing\n")
    status, _, told = _gait(capsys, path, "--out", tmp_path / "out" / "a.h5", "--jobs", 1)
    assert status == 2
    assert told == (
        f"error: {path}: no recording can be used; the first reason: "
        f"{path}: line 1: 'nothing'; expected four integers\n"
    )
    assert _left(tmp_path / "out") == []


def test_strict_stops_and_keeps_what_was_there(raw, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    (out / "gait-train.h5").write_bytes(BEFORE)
    status, _, told = _gait(capsys, raw, "--out", out / "gait.h5", "--strict", "--jobs", 1)
    assert (status, told.count("\n")) == (2, 1)
    assert "2.txt: line 2: '5 3 4'; expected four integers" in told
    assert _left(out) == ["gait-train.h5"]
    assert (out / "gait-train.h5").read_bytes() == BEFORE


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "nowhere: no such file or folder"),
        (["."], "holds no recordings: their names must end in .txt"),
        ([".", "--columns", "txy"], "columns 'txy'"),
        ([".", "--sensor", "5"], "sensor '5'"),
        ([".", "--window", "5"], "window '5'"),
        ([".", "--channels", "x"], "channels 'x'"),
    ],
)
def test_mistakes(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    status, _, error = _gait(capsys, *words)
    assert (status, error.count("\n")) == (2, 1)
    assert told in error
    assert _left(tmp_path) == []


def test_without_h5py(raw, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "h5py", None)
    status, _, told = _gait(capsys, raw, "--out", tmp_path / "a.h5")
    assert status == 2
    assert "pip install h5py" in told


def test_without_numba(raw):
    """In a process of its own, since the loops are compiled where they are imported."""
    words = ["data", "draw", str(raw)]
    code = (
        "import sys; sys.modules['numba'] = None\n"
        f"from nasbench.cli import main; sys.exit(main({words!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "reading events needs the package numba" in done.stderr


def test_sizes_that_differ(tmp_path, capsys):
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, side in (("1", 8), ("2", 9)):
        np.savez(folder / f"{name}.npz", t=[1], x=[0], y=[0], p=[1], width=side, height=side)
    status, told, refused = _gait(capsys, folder, "--out", tmp_path / "a.h5", "--jobs", 1)
    assert (status, told.splitlines()[0]) == (0, "1 recordings, 1 images, 1 refused")
    assert "2.npz: its sensor is 9x9; must be 8x8, like the others" in refused


def test_a_packed_file(tmp_path, capsys):
    path = tmp_path / "packed.npz"
    arrays = {"dt_us": [1, 2, 3, 4], "x": [1, 2, 3, 33], "y": [0, 0, 0, 33], "p": [1, 0, 1, 1]}
    np.savez(path, **arrays, offsets=[0, 1, 3, 4], label=[7, 7, 7], split=[0, 1, 0])
    assert _gait(capsys, path, "--out", tmp_path / "a.h5", "--jobs", 1)[0] == 0
    with h5py.File(tmp_path / "a-train.h5") as train, h5py.File(tmp_path / "a-test.h5") as test:
        assert sorted(train["7"]) == ["1", "2"]
        assert train["7"]["2"].shape == (4, 34, 34)
        assert train["7"]["2"][0, 33, 33] == 1
        assert test["7"]["1"][1, 0, 2] == 1


def test_files_of_one_name(tmp_path):
    for name in ("a.txt", "a.npz", "b.txt", ".hidden.txt", "README.md"):
        (tmp_path / name).write_text("")
    assert [one.walk for one in find(tmp_path)] == ["a.npz", "a.txt", "b"]


def test_windows_and_files_of_one_name(tmp_path, capsys):
    for name in ("1", "1-0"):
        (tmp_path / f"{name}.txt").write_text(GOOD)
    words = ["--out", tmp_path / "a.h5", "--jobs", 1, "--window", "1 events"]
    assert _gait(capsys, tmp_path, *words)[0] == 0
    (tmp_path / "1-0.txt").write_text(GOOD[:8])
    status, _, told = _gait(capsys, tmp_path, *words)
    assert status == 2
    assert "two images of person 0 have the name 1-0; rename a file" in told


def test_a_recording_shorter_than_a_window(tmp_path):
    path = tmp_path / "one.txt"
    path.write_text(GOOD)
    options = convert.ImageOptions(window=Window(convert.Kind.MS, 1))
    made = convert.convert_recording(options, tmp_path, (0, find(path)[0]))
    assert made.error == f"{path}: is shorter than one window of 1 milliseconds"


def test_the_real_recordings_through_the_file(data_root, tmp_path, capsys):
    names = {"1": "alex_walking_again.txyp.txt", "2": "alex_walking_for_10secs.aedat"}
    for walk, name in names.items():
        if not (data_root / "events" / name).exists():
            pytest.skip(f"{data_root / 'events' / name} is not there")
        target = tmp_path / "raw" / "3" / (walk + name[name.rindex(".") :])
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data_root / "events" / name, target)
    out = tmp_path / "gait.h5"
    assert _gait(capsys, tmp_path / "raw", "--out", out, "--jobs", 1)[0] == 0
    with h5py.File(out) as file:
        for walk, count in (("1", 19_182), ("2", 125_028)):
            image = file["3"][walk][:]
            assert image[:2].sum() == count == file["3"][walk].attrs["events"]
            events = read(data_root / "events" / names[walk])
            (truth,) = images([events], "one", Window())
            assert np.array_equal(image, truth.pixels)
