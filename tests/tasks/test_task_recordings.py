"""A folder of event recordings as a task, N-MNIST above all."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from nasbench.config import TaskConfig
from nasbench.errors import UserError
from nasbench.events import atis, formats, npz
from nasbench.events.events import Events, RecordingError
from nasbench.tasks import nmnist
from nasbench.tasks.loading import load

PLAIN = TaskConfig()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def packed(events: Events) -> bytes:
    """The five bytes of each event, written bit by bit as N-MNIST's page says."""
    out = bytearray()
    for t, x, y, p in zip(events.t, events.x, events.y, events.p, strict=True):
        word = int(x) << 32 | int(y) << 24 | int(p) << 23 | int(t)
        out += word.to_bytes(5, "big")
    return bytes(out)


def drawn(seed: int, count: int = 50) -> Events:
    made = np.random.default_rng(seed)
    t = np.sort(made.integers(0, 300_000, count))
    x, y = made.integers(0, 34, (2, count)).astype(np.uint16)
    x[0] = y[0] = 33
    return Events(t, x, y, made.random(count) < 0.5)


def write(counts: dict[str, int]) -> None:
    seed = 0
    for place, count in counts.items():
        for number in range(count):
            path = Path("hands", place, f"{number:05}.bin")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(packed(drawn(seed)))
            seed += 1


def test_the_reader_of_bin_files(tmp_path):
    given = drawn(3)
    (tmp_path / "a.bin").write_bytes(packed(given))
    found = formats.read(tmp_path / "a.bin")
    for name in ("t", "x", "y", "p"):
        assert np.array_equal(getattr(found, name), getattr(given, name))
    assert formats.detect_format(tmp_path / "a.bin") is formats.Format.ATIS


def test_time_goes_on_after_marks(tmp_path):
    events = [(10, 1, 2), (5, 0, 240), (20, 3, 4), (6, 0, 240), (30, 5, 6)]
    t, x, y = (np.array(one) for one in zip(*events, strict=True))
    content = packed(Events(t, x, y, np.ones(5, bool)))
    (tmp_path / "a.bin").write_bytes(content)
    found = formats.read(tmp_path / "a.bin")
    assert found.t.tolist() == [10, 20 + 8192, 30 + 2 * 8192]
    assert found.x.tolist() == [1, 3, 5]
    (tmp_path / "a.bin").write_bytes(content[:-1])
    with pytest.raises(RecordingError, match="has 24 bytes: must be events of 5 bytes"):
        list(atis.parts(tmp_path / "a.bin"))


def test_classes_are_folders():
    write({"3": 10, "8": 10})
    task = load("hands", PLAIN)
    assert (task.name, task.class_names) == ("hands", ("3", "8"))
    assert task.spec.shape == (4, 34, 34)
    assert (len(task.train), len(task.open_test(lambda: None))) == (16, 4)
    assert task.train.images[:, :2].sum((1, 2, 3)).tolist() == [50] * 16


def test_parts_and_what_is_wrong_with_them():
    write({"Train/0": 3, "Train/1": 3, "Test/0": 2, "Test/1": 2})
    task = load("hands", PLAIN)
    assert (len(task.train), len(task.open_test(lambda: None))) == (6, 4)
    Path("hands/Train/0/00001.bin").write_bytes(b"1234")
    with pytest.raises(UserError, match=r"1 recordings cannot be read: .*00001.bin: has 4 bytes"):
        load("hands", PLAIN)
    assert len(load("hands", TaskConfig(skip_bad=True)).train) == 5
    Path("hands/Train/2").mkdir()
    with pytest.raises(UserError, match="the class 2 has no recordings"):
        load("hands", PLAIN)
    with pytest.raises(UserError, match="--size 3: is for pictures"):
        load("hands", TaskConfig(size=3))


@pytest.mark.data
@pytest.mark.slow
def test_nmnist_as_a_folder_is_the_built_in_task(real_data):
    path = real_data / "events" / "nmnist_small_1100.npz"
    samples = npz.samples(path)
    assert samples is not None
    chosen: dict[tuple[int, int], list[int]] = {}
    for index, one in enumerate(samples):
        rows = chosen.setdefault(one, [])
        if len(rows) < 4:
            rows.append(index)
    for (label, split), rows in chosen.items():
        folder = Path("NMNIST", "Test" if split else "Train", str(label))
        folder.mkdir(parents=True)
        for row in rows:
            (folder / f"{row:05}.bin").write_bytes(packed(npz.read(path, row)))
    own = load("NMNIST", PLAIN)
    built_in = nmnist.load_nmnist(path)
    assert own.spec == built_in.spec
    order = [i for i, one in enumerate(samples) if one[1] == 0]
    rows = [order.index(i) for label in range(10) for i in chosen[label, 0]]
    assert torch.equal(own.train.images, built_in.train.images[rows])
    assert torch.equal(own.train.labels, built_in.train.labels[rows])
    order = [i for i, one in enumerate(samples) if one[1] == 1]
    rows = [order.index(i) for label in range(10) for i in chosen[label, 1]]
    ours, theirs = (one.open_test(lambda: None) for one in (own, built_in))
    assert torch.equal(ours.images, theirs.images[rows])
    assert torch.equal(ours.labels, theirs.labels[rows])
    shutil.rmtree("NMNIST")
