from __future__ import annotations

import numpy as np
import pytest
import torch

from nasbench.errors import UserError
from nasbench.tasks.dvs_objects import STRETCH, load_dvs_objects

FRAMES = 300


@pytest.fixture
def folder(tmp_path):
    """Two classes, mixed; the first pixels tell a frame's number in its class."""
    labels = np.tile(np.array([1, 0], np.uint8), FRAMES)
    images = np.full((2 * FRAMES, 5, 6), 128, np.uint8)
    clock = np.repeat(np.arange(FRAMES), 2)
    images[:, 0, 0], images[:, 0, 1] = clock // 256, clock % 256
    np.savez(tmp_path / "dvs_objects.npz", images=images, label=labels)
    return tmp_path


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


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"label": [0, 0]}, "there is no array images"),
        ({"images": np.zeros((2, 3, 3)), "label": [0, 0]}, "images are float64"),
        ({"images": np.zeros((3, 3, 3), np.uint8), "label": [0, 0]}, r"uint8 \(2, height"),
        ({"images": np.zeros((2, 3, 3), np.uint8), "label": [0, 2]}, "class 1 has 0 frames"),
        ({"images": np.zeros((2, 3, 3), np.uint8), "label": [0.5, 0]}, "a whole number"),
    ],
)
def test_wrong_files(tmp_path, arrays, words) -> None:
    np.savez(tmp_path / "dvs_objects.npz", **arrays)
    with pytest.raises(UserError, match=words):
        load_dvs_objects(tmp_path)


def test_the_real_file(data_root) -> None:
    path = data_root / "events" / "dvs128_objects_frames_2700.npz"
    if not path.is_file():
        pytest.skip(f"no {path.name}")
    task = load_dvs_objects(data_root)
    assert (task.spec.shape, task.spec.classes) == ((1, 128, 128), 9)
    assert torch.bincount(task.train.labels).tolist() == [240] * 9
    assert set(task.train.images.unique().tolist()) == {0, 128, 255}
