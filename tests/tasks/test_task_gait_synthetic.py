from __future__ import annotations

import os

import pytest
import torch

from nasbench.errors import UserError
from nasbench.events.synthetic import dataset
from nasbench.tasks import gait_synthetic
from nasbench.tasks.gait_synthetic import load_gait_synthetic

pytest.importorskip("h5py")


@pytest.fixture
def small(monkeypatch):
    """Few short walks."""
    monkeypatch.setattr(gait_synthetic, "PERSONS", 3)
    monkeypatch.setattr(gait_synthetic, "WALKS", {"train": 4, "test": 2})
    monkeypatch.setattr(dataset, "FRAMES", 8)


def test_it_is_made_once_and_says_what_it_is(small, tmp_path, monkeypatch) -> None:
    task = load_gait_synthetic(tmp_path)
    assert task.spec.shape == (4, 128, 128)
    assert task.train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert task.open_test(lambda: None).labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert "synthetic" in task.note
    assert [path.name for path in tmp_path.iterdir()] == ["gait-synthetic"]  # nothing is left over
    monkeypatch.setattr(dataset, "write", None)
    again = load_gait_synthetic(tmp_path)
    assert torch.equal(again.train.images, task.train.images)


def test_walks_of_both_splits_and_of_one_person_differ(small, tmp_path) -> None:
    task = load_gait_synthetic(tmp_path)
    test = task.open_test(lambda: None)
    images = torch.cat([task.train.images, test.images]).flatten(1)
    assert len(torch.unique(images, dim=0)) == 12 + 6


def test_a_making_that_fails_leaves_nothing(small, tmp_path, monkeypatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gait_synthetic.gait, "make", fail)
    with pytest.raises(UserError, match=r"cannot write .* \(No space left on device\)"):
        load_gait_synthetic(tmp_path)
    assert list((tmp_path / "gait-synthetic").iterdir()) == []


def test_what_a_killed_making_left_is_swept_away(small, tmp_path) -> None:
    left, fresh = (tmp_path / "gait-synthetic" / name for name in (".making-1", ".making-2"))
    for folder in (left, fresh):
        folder.mkdir(parents=True)
    os.utime(left, (0, 0))
    load_gait_synthetic(tmp_path)
    assert not left.exists()
    assert fresh.exists()


def test_nothing_is_made_where_that_is_not_allowed(tmp_path) -> None:
    with pytest.raises(UserError, match=r"gait-train\.h5 and gait-test\.h5 are not in"):
        load_gait_synthetic(tmp_path, download=False)
