from __future__ import annotations

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.tasks.nmnist import load_nmnist


def write(path, **changes):
    """Three recordings of one pixel each: two to train on, one to test on."""
    arrays = {
        "dt_us": [0, 10, 10, 0, 0],
        "x": [1, 1, 33, 5, 6],
        "y": [2, 2, 0, 5, 6],
        "p": [1, 1, 0, 0, 1],
        "offsets": [0, 3, 4, 5],
        "label": [7, 7, 9],
        "split": [0, 0, 1],
    }
    np.savez(path, **{name: np.array(values) for name, values in {**arrays, **changes}.items()})
    return path


def test_images_are_made_of_events(tmp_path) -> None:
    write(tmp_path / "nmnist.npz")
    task = load_nmnist(tmp_path)
    assert (task.spec.shape, task.spec.classes) == ((4, 34, 34), 10)
    assert task.train.labels.tolist() == [7, 7]
    assert task.train.images[0, :, 2, 1].tolist() == [2, 0, 0.5, 0]
    assert task.train.images[0, :, 0, 33].tolist() == [0, 1, 0, 1]
    assert task.train.images[1].nonzero().tolist() == [[1, 5, 5]]
    test = task.open_test(lambda: None)
    assert (test.labels.tolist(), test.images.nonzero().tolist()) == ([9], [[0, 0, 6, 6]])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"label": [7, 7, 10]}, "label 10: must be 0 to 9"),
        ({"label": [7.5, 7.5, 9]}, "label"),
        ({"label": ["7", "7", "9"]}, "label"),
        ({"label": [7, 2, 9]}, "label 7 has 1 training recording: must have at least 2"),
        ({"split": [0, 0, 0]}, r"must hold recordings of split 0 \(training\) and 1 \(test\)"),
        ({"x": [1, 1, 34, 5, 6]}, "recording 0: .* outside the 34x34 sensor"),
    ],
)
def test_wrong_files(tmp_path, changes, words) -> None:
    write(tmp_path / "nmnist.npz", **changes)
    with pytest.raises(UserError, match=words):
        load_nmnist(tmp_path)


def test_a_file_of_one_array(tmp_path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 3)))
    with pytest.raises(UserError, match=r"x\.npy: not a readable \.npz file"):
        load_nmnist(tmp_path / "x.npy")


def test_missing_and_unreadable_files(tmp_path) -> None:
    with pytest.raises(UserError, match=f"not found in .*: put it into {tmp_path}"):
        load_nmnist(tmp_path)
    (tmp_path / "nmnist.npz").write_bytes(b"t x y p")
    with pytest.raises(UserError, match="not a readable"):
        load_nmnist(tmp_path)


def test_the_real_file(data_root) -> None:
    if not (data_root / "events" / "nmnist_small_1100.npz").is_file():
        pytest.skip("no nmnist_small_1100.npz")
    task = load_nmnist(data_root)
    assert len(task.train) == 1000
    assert set(task.train.labels.tolist()) == set(range(10))
    plain = task.augmentation.plain(task.train.images)
    assert (plain.std(dim=(0, 2, 3)) - 1).abs().max() < 1e-3
    with np.load(data_root / "events" / "nmnist_small_1100.npz") as file:
        events = int(file["offsets"][1000])  # the training recordings come first
    assert int(task.train.images[:, :2].double().sum()) == events
