from __future__ import annotations

import os

import pytest
import torch

from nasbench.cli import main
from nasbench.errors import UserError
from nasbench.events import hdf5_reader, synthetic
from nasbench.tasks import gait_synthetic
from nasbench.tasks.gait import load_gait
from nasbench.tasks.gait_synthetic import load_gait_synthetic

h5py = pytest.importorskip("h5py")


@pytest.fixture
def small(monkeypatch):
    """Few short walks."""
    monkeypatch.setattr(gait_synthetic, "PERSONS", 3)
    monkeypatch.setattr(gait_synthetic, "WALKS", {"train": 4, "test": 2})
    monkeypatch.setattr(synthetic, "FRAMES", 8)


def test_it_is_made_once_and_says_what_it_is(small, tmp_path, monkeypatch) -> None:
    task = load_gait_synthetic(tmp_path)
    assert task.spec.shape == (4, 128, 128)
    assert task.train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert task.open_test(lambda: None).labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert "synthetic" in task.note
    assert [path.name for path in tmp_path.iterdir()] == ["gait-synthetic"]  # nothing is left over
    monkeypatch.setattr(synthetic, "write", None)
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

    monkeypatch.setattr(gait_synthetic.convert, "convert", fail)
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
    with pytest.raises(UserError, match=r"gait-train\.h5 and gait-test\.h5 not found in"):
        load_gait_synthetic(tmp_path, download=False)


def test_a_set_without_a_mark_goes_on_loading(small, tmp_path) -> None:
    folder = gait_synthetic.make(tmp_path / gait_synthetic.FOLDER)
    for path in folder.iterdir():
        with h5py.File(path, "a") as file:
            del file.attrs["synthetic"]
    assert len(load_gait_synthetic(tmp_path).train) == 12


def convert(raw, out) -> None:
    assert main(["data", "gait", str(raw), "--out", str(out), "--jobs", "1"]) == 0


@pytest.fixture
def own(tmp_path, monkeypatch, capsys):
    """Training and test file of walkers that the user made up, with all commands."""
    monkeypatch.setattr(synthetic, "FRAMES", 3)
    words = ["data", "gait-synthetic", str(tmp_path / "oo"), "--persons", "2", "--walks", "2"]
    assert main([*words, "--seed", "5", "--jobs", "1"]) == 0
    convert(tmp_path / "oo", tmp_path / "gait.h5")
    capsys.readouterr()
    return tmp_path


def test_made_up_walkers_of_the_user_are_a_task_of_that_name_only(own) -> None:
    path = own / "gait-train.h5"
    with pytest.raises(UserError) as error:
        load_gait(own)
    assert str(error.value) == (
        f"gait: {path} holds synthetic walkers: use --task gait-synthetic --data-dir {path}"
    )
    task = load_gait_synthetic(path)
    assert (task.name, task.spec.classes, len(task.train)) == ("gait-synthetic", 2, 4)


def test_a_part_of_made_up_recordings_is_marked_too(own) -> None:
    for part in ("test", "test/1", "test/1/2.txt"):
        out = own / "part.h5"
        convert(own / "oo" / part, out)
        assert hdf5_reader.read_contents(out).synthetic


def test_real_recordings_are_no_synthetic_task(own) -> None:
    for path in own.glob("*.h5"):
        with h5py.File(path, "a") as file:
            del file.attrs["synthetic"]
    path = own / "gait-test.h5"
    with pytest.raises(
        UserError, match=r"gait-train\.h5 is not marked as synthetic: use --task gait"
    ):
        load_gait_synthetic(path)
    assert load_gait(path).name == "gait"
