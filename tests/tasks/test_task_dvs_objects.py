from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import torch

from nasbench.errors import UserError
from nasbench.tasks.dvs_objects import MIN_FRAMES, STRETCH, load_dvs_objects

FRAMES = 300
FEW = np.zeros(MIN_FRAMES, np.int64)  # labels of the shortest class


def write(folder, frames):
    """Two classes, mixed; the first pixels tell a frame's number in its class."""
    labels = np.tile(np.array([1, 0], np.uint8), frames)
    images = np.full((2 * frames, 5, 6), 128, np.uint8)
    clock = np.repeat(np.arange(frames), 2)
    images[:, 0, 0], images[:, 0, 1] = clock // 256, clock % 256
    np.savez(folder / "dvs_objects.npz", images=images, label=labels)
    return folder


@pytest.fixture
def folder(tmp_path):
    """A file of the real one's length."""
    return write(tmp_path, FRAMES)


def times(data, label):
    rows = data.images[data.labels == label][:, 0, 0, :2].long()
    return sorted((256 * rows[:, 0] + rows[:, 1]).tolist())


def test_the_last_fifth_of_each_class_is_the_test_set(folder) -> None:
    task = load_dvs_objects(folder)
    assert (task.spec.shape, task.spec.classes) == ((1, 5, 6), 2)
    test = task.open_test(lambda: None)
    for label in (0, 1):
        assert times(task.train, label) == list(range(240))
        assert times(test, label) == list(range(240, 300))


def test_validation_holds_out_whole_stretches(folder) -> None:
    rest, held = load_dvs_objects(folder).search_split(seed=1, val_fraction=0.2)
    for label in (0, 1):
        kept = times(held, label)
        assert len(kept) == 2 * STRETCH  # of ten stretches
        assert sorted(kept + times(rest, label)) == list(range(240))
        starts = [time for time in kept if time % STRETCH == 0]
        assert kept == [time + k for time in starts for k in range(STRETCH)]


def test_the_shortest_classes_have_all_three_parts(tmp_path) -> None:
    task = load_dvs_objects(write(tmp_path, MIN_FRAMES))
    rest, held = task.search_split(seed=1, val_fraction=0.1)
    for part in (rest, held, task.open_test(lambda: None)):
        assert set(part.labels.tolist()) == {0, 1}
    with pytest.raises(
        UserError, match=f"class 0 has {MIN_FRAMES - 1} frames: must have at least {MIN_FRAMES}"
    ):
        load_dvs_objects(write(tmp_path, MIN_FRAMES - 1))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"label": FEW}, "lacks the array images"),
        ({"images": np.zeros((MIN_FRAMES, 3, 3)), "label": FEW}, "images are float64"),
        (
            {"images": np.zeros((9, 3, 3), np.uint8), "label": FEW},
            rf"uint8 \({MIN_FRAMES}, height",
        ),
        (
            {"images": np.zeros((MIN_FRAMES, 0, 3), np.uint8), "label": FEW},
            rf"\({MIN_FRAMES}, 0, 3\)",
        ),
        ({"label": [*FEW, 2]}, "class 1 has 0 frames"),
        ({"label": [*FEW, 10**12]}, f"label 1000000000000: must be 0 to {MIN_FRAMES}"),
        ({"label": np.uint64([0, 2**64 - 1])}, "label 18446744073709551615: must be 0 to 1 for"),
        ({"label": FEW / 2}, "an integer of at least 0"),
    ],
)
def test_wrong_files(tmp_path, arrays, words) -> None:
    np.savez(tmp_path / "dvs_objects.npz", **arrays)
    with pytest.raises(UserError, match=words):
        load_dvs_objects(tmp_path)


def member(name: str, data: bytes, method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a ZIP archive with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def array(header: str) -> bytes:
    """Return a ``.npy`` with a header and nothing behind it."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode()


HUGE = array("{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000000,), }\n")
PACKED = member("label.npy", HUGE, zipfile.ZIP_DEFLATED)
HEAD = b"\x14\x00\x00\x00\x08\x00"  # of the member: version 2.0, no flags, the method deflate


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HUGE, "not a readable"),  # a bare array
        (member("label.npy", HUGE), "not a readable"),
        (member("label", b"0 0 1"), "label is not an array"),
        (member("label.npy", b"0 0 1"), "label is not an array"),
        (PACKED.replace(HEAD, b"\x14\x00\x00\x00\x63\x00"), "not a readable"),
        (PACKED.replace(HEAD, b"\x14\x00\x01\x00\x08\x00"), "not a readable"),
        (PACKED[:39] + b"\xff" + PACKED[40:], "not a readable"),  # the first byte behind the name
    ],
    ids=["npy", "huge", "text", "text named npy", "method", "encrypted", "damaged"],
)
def test_unreadable_files(tmp_path, content, words) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=words) as error:
        load_dvs_objects(path)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_the_real_file(data_root) -> None:
    path = data_root / "events" / "dvs128_objects_frames_2700.npz"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    task = load_dvs_objects(data_root)
    assert (task.spec.shape, task.spec.classes) == ((1, 128, 128), 9)
    assert torch.bincount(task.train.labels).tolist() == [240] * 9
    assert set(task.train.images.unique().tolist()) == {0, 128, 255}
