from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision.datasets.cifar as torchvision_cifar

from nasbench.errors import UserError
from nasbench.tasks.base import Task
from nasbench.tasks.cifar10 import load_cifar10

FOLDER = "cifar-10-batches-py"


@pytest.fixture(scope="session")
def cifar_root(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A root with the official files, restored once."""
    root = tmp_path_factory.mktemp("cifar10")
    script = real_data / "cifar10" / "restore_cifar10.py"
    if not script.is_file():
        pytest.skip(f"no {script}")
    subprocess.run([sys.executable, str(script), str(root)], check=True, capture_output=True)
    yield root
    shutil.rmtree(root)  # 180 MB, which pytest would keep for three sessions


@pytest.fixture(scope="session")
def task(cifar_root: Path) -> Task:
    return load_cifar10(cifar_root, download=False)


def linked(cifar_root: Path, root: Path, damaged: str) -> Path:
    """Return a folder like the official one whose file ``damaged`` lost its last byte."""
    folder = root / FOLDER
    folder.mkdir()
    for path in (cifar_root / FOLDER).iterdir():
        (folder / path.name).symlink_to(path)
    (folder / damaged).unlink()
    (folder / damaged).write_bytes((cifar_root / FOLDER / damaged).read_bytes()[:-1])
    return folder


@pytest.mark.data
@pytest.mark.slow
def test_the_real_set(task: Task, real_data: Path) -> None:
    assert task.spec.shape == (3, 32, 32)
    assert torch.bincount(task.train.labels).tolist() == [5000] * 10
    test = task.open_test(lambda: None)
    assert torch.bincount(test.labels).tolist() == [1000] * 10
    with np.load(real_data / "cifar10" / "cifar10_test.npz") as packed:
        assert test.labels.tolist() == packed["labels"].tolist()


@pytest.mark.slow
@pytest.mark.data
def test_the_published_means_and_deviations(task: Task) -> None:
    for channel in range(3):
        plane = task.train.images[:, channel].float() / 255
        assert abs(float(plane.mean()) - task.augmentation.mean[channel]) < 1e-4
        assert abs(float(plane.std()) - task.augmentation.std[channel]) < 1e-3
    assert (task.augmentation.crop_padding, task.augmentation.flip) == (4, True)


@pytest.mark.data
def test_channels_are_red_green_blue_planes(task: Task, cifar_root: Path) -> None:
    raw = torchvision_cifar.CIFAR10(cifar_root, train=True)
    for index in (0, 49_999):
        image, label = raw[index]
        assert np.array_equal(np.asarray(image), task.train.images[index].permute(1, 2, 0))
        assert label == int(task.train.labels[index])


@pytest.mark.data
def test_the_folder_itself_may_be_named(cifar_root: Path, task: Task) -> None:
    direct = load_cifar10(cifar_root / FOLDER, download=False)
    assert torch.equal(direct.train.labels, task.train.labels)


@pytest.mark.data
@pytest.mark.parametrize("name", ["data_batch_3", "batches.meta"])
def test_damage_is_named(cifar_root: Path, tmp_path: Path, name: str) -> None:
    path = linked(cifar_root, tmp_path, name) / name
    with pytest.raises(UserError, match="truncated or damaged") as error:
        load_cifar10(tmp_path, download=False)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "expected " in message
    assert "\n" not in message


@pytest.mark.data
def test_the_test_file_stays_unread_until_opened(cifar_root: Path, tmp_path: Path) -> None:
    linked(cifar_root, tmp_path, "test_batch")
    task = load_cifar10(tmp_path, download=False)
    assert len(task.train) == 50_000
    opened: list[bool] = []
    with pytest.raises(UserError, match="test_batch is truncated or damaged"):
        task.open_test(lambda: opened.append(True))
    assert opened == [True]


def test_a_file_is_never_unpickled_before_its_md5_fits(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta"):
        # A pickle that would raise SystemExit.
        (folder / name).write_bytes(b"cbuiltins\nexit\n(tR.")
    with pytest.raises(UserError, match="data_batch_1 is truncated or damaged"):
        load_cifar10(tmp_path, download=False)


def test_missing_files_are_noticed_at_once(tmp_path: Path) -> None:
    folder = tmp_path / FOLDER
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"data_batch_{number}").touch()
    with pytest.raises(UserError, match=r"CIFAR-10: not found in .*put test_batch, batches.meta"):
        load_cifar10(tmp_path, download=False)


def test_a_network_failure_gives_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(url: str, root: str, filename: str, **_: Any) -> None:
        (Path(root) / filename).write_bytes(b"half")
        raise URLError("timed out")

    monkeypatch.setattr(torchvision_cifar, "download_and_extract_archive", cut_off)
    with pytest.raises(UserError, match="the download failed") as error:
        load_cifar10(tmp_path)
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(f"batches.meta into {tmp_path / FOLDER}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.data
def test_a_download_lands_in_its_folder(
    cifar_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def succeed(url: str, root: str, **_: Any) -> None:
        shutil.copytree(cifar_root / FOLDER, Path(root) / FOLDER)

    monkeypatch.setattr(torchvision_cifar, "download_and_extract_archive", succeed)
    assert len(load_cifar10(tmp_path).train) == 50_000
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]
    shutil.rmtree(tmp_path / FOLDER)
