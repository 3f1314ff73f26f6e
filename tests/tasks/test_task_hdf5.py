"""Arrays in a group of an HDF5 file as a task."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.config import TaskConfig
from nasbench.errors import UserError
from nasbench.tasks.loading import load

h5py = pytest.importorskip("h5py")
PLAIN = TaskConfig()
X = np.random.default_rng(0).integers(0, 256, (40, 3, 8, 8), np.uint8)
Y = np.arange(40) % 4


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def test_a_group_with_both_parts():
    with h5py.File("data.h5", "w") as file:
        mine = file.create_group("a/mine")
        mine.create_dataset("x_train", data=X, chunks=(7, 3, 8, 8), compression="gzip")
        mine["y_train"] = Y
        mine["x_test"], mine["y_test"] = X[:9] ^ 1, Y[:9]
        mine["class_names"] = ["a", "b", "c", "d"]
    task = load("data.h5:a/mine", PLAIN)
    assert (task.name, task.class_names) == ("data.h5:a/mine", ("a", "b", "c", "d"))
    assert np.array_equal(task.train.images.numpy(), X)
    assert task.train.labels.tolist() == Y.tolist()
    assert np.array_equal(task.open_test(lambda: None).images.numpy(), X[:9] ^ 1)


def test_a_whole_file_with_a_group_for_each_part():
    with h5py.File("data.hdf5", "w") as file:
        for part, some in (("train", X), ("test", X[:9] ^ 1)):
            file[f"{part}/images"] = some.transpose(0, 2, 3, 1)
            file[f"{part}/labels"] = [["cat", "dog"][n % 2] for n in range(len(some))]
    task = load("data.hdf5", PLAIN)
    assert task.class_names == ("cat", "dog")
    assert np.array_equal(task.train.images.numpy(), X)


def test_links_to_other_files_are_not_followed():
    with h5py.File("other.h5", "w") as file:
        file["x"], file["y"] = X, Y
    with h5py.File("data.h5", "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "x")
        file["y"] = Y
        file["group"] = h5py.ExternalLink("other.h5", "/")
    for name in ("data.h5", "data.h5:group"):
        with pytest.raises(UserError, match="is a link to another file, which is not followed"):
            load(name, PLAIN)
    layout = h5py.VirtualLayout(X.shape, X.dtype)
    layout[:] = h5py.VirtualSource("other.h5", "x", X.shape)
    with h5py.File("virtual.h5", "w") as file:
        file.create_virtual_dataset("x", layout)
        file["y"] = Y
    with pytest.raises(UserError, match="x lies in other files, which are not read"):
        load("virtual.h5", PLAIN)


def test_files_that_do_not_fit(tmp_path):
    with h5py.File("data.h5", "w") as file:
        file["some/x"] = X
        file["empty"] = h5py.Empty("f")
    with pytest.raises(UserError, match="has no group 'none'; it holds empty, some"):
        load("data.h5:none", PLAIN)
    with pytest.raises(UserError, match="lacks the targets of train"):
        load("data.h5:some", PLAIN)
    with pytest.raises(UserError, match="--size 3: is for pictures"):
        load("data.h5:some", TaskConfig(size=3))
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(UserError, match="not a readable HDF5 file"):
        load("text.h5", PLAIN)
    with pytest.raises(UserError, match=r"there is no .*gone.h5"):
        load("gone.h5:x", PLAIN)
