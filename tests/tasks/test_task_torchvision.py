"""Classification sets of torchvision by the name of their class, without a network."""

from __future__ import annotations

import gzip
import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import datasets as published

from nasbench.config import TaskConfig
from nasbench.errors import UserError
from nasbench.tasks import mnist, sources
from nasbench.tasks.loading import load
from nasbench.tasks.torchvision_sets import SETS

PLAIN = TaskConfig()


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    (tmp_path / "data").mkdir()


class Fake:
    """A set of 30 pictures for each split, with files that must be there."""

    downloads = 0

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        folder = Path(root) / "fake"
        if download:
            folder.mkdir(parents=True, exist_ok=True)
            Fake.downloads += 1
        if not folder.is_dir():
            raise RuntimeError("Dataset not found or corrupted. You can use download=True")
        self.shift = {"train": 0, "test": 100}[split]

    def __len__(self):
        return 30

    def __getitem__(self, i):
        return Image.new("RGB", (8, 8), (i + self.shift, 0, 0)), i % 2


@pytest.fixture
def svhn(monkeypatch):
    monkeypatch.setattr(published, "SVHN", Fake)
    monkeypatch.setattr(Fake, "downloads", 0)


@pytest.mark.parametrize("below", ["fake", "SVHN/fake"])
def test_the_users_data_folder_comes_first(svhn, below, tmp_path):
    (tmp_path / "data" / below).mkdir(parents=True)
    task = load("torchvision:SVHN", PLAIN)
    assert (task.name, task.spec.shape, Fake.downloads) == ("torchvision:SVHN", (3, 8, 8), 0)
    assert task.train.images[:, 0, 0, 0].tolist() == list(range(30))
    test = task.open_test(lambda: None)
    assert test.images[:, 0, 0, 0].tolist() == list(range(100, 130))


def test_missing_files_are_downloaded_by_torchvision(svhn, tmp_path):
    load("torchvision:SVHN", PLAIN)
    assert Fake.downloads == 2
    assert (tmp_path / "home/.cache/nasbench/SVHN/fake").is_dir()
    load("torchvision:SVHN", PLAIN)
    assert Fake.downloads == 2


def test_data_dir_is_the_only_folder(svhn, tmp_path):
    (tmp_path / "data/fake").mkdir()
    full, empty = tmp_path / "full", tmp_path / "empty"
    for folder in (full, empty):
        folder.mkdir()
    (full / "x.png").touch()
    with pytest.raises(UserError, match=r"--data-dir .*full does not hold it, nor is it empty"):
        load("torchvision:SVHN", PLAIN, full)
    load("torchvision:SVHN", PLAIN, empty)
    assert (empty / "SVHN/fake").is_dir()


def test_a_failed_download_is_one_line(svhn, monkeypatch):
    def fail(self, root, split="train", download=False):
        raise RuntimeError("Error\ndownloading" if download else "Dataset not found")

    monkeypatch.setattr(Fake, "__init__", fail)
    with pytest.raises(UserError, match=r"the download failed .Error downloading") as caught:
        load("torchvision:SVHN", PLAIN)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["CocoDetection", "SVHM", "os", ""])
def test_other_names_are_refused_with_the_list(name):
    with pytest.raises(UserError, match=r"unknown torchvision set .*allowed: CIFAR10, CIFAR100"):
        load(f"torchvision:{name}", PLAIN)


def test_files_that_torchvision_would_unpickle_are_refused(tmp_path):
    old = tmp_path / "data/MNIST/processed"
    old.mkdir(parents=True)
    (old / "training.pt").touch()
    with pytest.raises(UserError, match="old torchvision, which are not read"):
        load("torchvision:MNIST", PLAIN)


@pytest.mark.parametrize("name", SETS)
def test_every_set_is_one_of_torchvision_and_takes_its_arguments(name):
    signature = inspect.signature(getattr(published, name).__init__)
    for how in SETS[name].values():
        signature.bind(None, "root", **how)
    downloads = {"EMNIST", "QMNIST"}  # theirs are **kwargs
    wanted = name not in {"FER2013", "ImageNet"}
    assert ("download" in signature.parameters or name in downloads) is wanted


def test_a_name_needs_no_place():
    assert sources.kind("torchvision:SVHN") == "torchvision"
    assert sources.located("torchvision:SVHN") == sources.short("torchvision:SVHN")


@pytest.mark.data
@pytest.mark.slow
def test_torchvisions_mnist_is_the_built_in_task(real_data, tmp_path):
    raw = tmp_path / "data/MNIST/raw"
    raw.mkdir(parents=True)
    for path in (real_data / "mnist").glob("*.gz"):
        (raw / path.stem).write_bytes(gzip.decompress(path.read_bytes()))
    own, built_in = load("torchvision:MNIST", PLAIN), mnist.load_mnist(real_data, download=False)
    for ours, theirs in (
        (own.train, built_in.train),
        (own.open_test(lambda: None), built_in.open_test(lambda: None)),
    ):
        assert torch.equal(ours.images, theirs.images)
        assert np.array_equal(ours.labels, theirs.labels)
