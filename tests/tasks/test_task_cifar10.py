from __future__ import annotations

import hashlib
import pickle
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
from nasbench.tasks.cifar10 import CLASSES, load_cifar10

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


BATCH = 20  # images of a made-up file


def planes(name: str) -> np.ndarray:
    """The pixels of a made-up file: of each image the red plane, the green and the blue one."""
    stream = np.random.default_rng(list(name.encode()))
    return stream.integers(256, size=(BATCH, 3, 32, 32), dtype=np.uint8)


@pytest.fixture
def few_root(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with made-up files in the official format, whose md5 is taken for the official."""
    root = tmp_path_factory.mktemp("few")
    (root / FOLDER).mkdir()

    def written(name: str, content: dict[str, Any]) -> str:
        text = pickle.dumps(content)
        (root / FOLDER / name).write_bytes(text)
        return hashlib.md5(text, usedforsecurity=False).hexdigest()

    official = torchvision_cifar.CIFAR10
    labels = [number % 10 for number in range(BATCH)]

    def batches(names: list[list[str]]) -> list[list[str]]:
        return [
            [name, written(name, {"data": planes(name).reshape(BATCH, -1), "labels": labels})]
            for name, _ in names
        ]

    class Few(official):
        train_list = batches(official.train_list)
        test_list = batches(official.test_list)
        meta = {**official.meta, "md5": written("batches.meta", {"label_names": [*CLASSES]})}

    monkeypatch.setattr("nasbench.tasks.cifar10._dataset", lambda: Few)
    return root


def linked(source: Path, root: Path, damaged: str) -> Path:
    """Return a folder like the one in ``source`` whose file ``damaged`` lost its last byte."""
    folder = root / FOLDER
    folder.mkdir()
    for path in (source / FOLDER).iterdir():
        (folder / path.name).symlink_to(path)
    (folder / damaged).unlink()
    (folder / damaged).write_bytes((source / FOLDER / damaged).read_bytes()[:-1])
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


@pytest.mark.slow
@pytest.mark.data
def test_channels_are_those_of_torchvision(task: Task, cifar_root: Path) -> None:
    raw = torchvision_cifar.CIFAR10(cifar_root, train=True)
    for index in (0, 49_999):
        image, label = raw[index]
        assert np.array_equal(np.asarray(image), task.train.images[index].permute(1, 2, 0))
        assert label == int(task.train.labels[index])


def test_channels_are_red_green_blue_planes(few_root: Path) -> None:
    task = load_cifar10(few_root, download=False)
    names = [f"data_batch_{number}" for number in range(1, 6)]
    assert np.array_equal(task.train.images, np.concatenate([planes(name) for name in names]))
    assert np.array_equal(task.open_test(lambda: None).images, planes("test_batch"))
    assert task.train.labels.tolist() == [number % 10 for number in range(5 * BATCH)]
    assert task.class_names == CLASSES


def test_the_folder_itself_may_be_named(few_root: Path) -> None:
    direct = load_cifar10(few_root / FOLDER, download=False)
    assert len(direct.train) == 5 * BATCH


@pytest.mark.parametrize("name", ["data_batch_3", "batches.meta"])
def test_damage_is_named(few_root: Path, tmp_path: Path, name: str) -> None:
    path = linked(few_root, tmp_path, name) / name
    with pytest.raises(UserError, match="truncated or damaged") as error:
        load_cifar10(tmp_path, download=False)
    message = str(error.value)
    assert message.startswith(str(path))
    assert "expected " in message
    assert "\n" not in message


def test_the_test_file_stays_unread_until_opened(few_root: Path, tmp_path: Path) -> None:
    linked(few_root, tmp_path, "test_batch")
    task = load_cifar10(tmp_path, download=False)
    assert len(task.train) == 5 * BATCH
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


def test_a_download_lands_in_its_folder(
    few_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def succeed(url: str, root: str, **_: Any) -> None:
        shutil.copytree(few_root / FOLDER, Path(root) / FOLDER)

    monkeypatch.setattr(torchvision_cifar, "download_and_extract_archive", succeed)
    assert len(load_cifar10(tmp_path).train) == 5 * BATCH
    assert [path.name for path in tmp_path.iterdir()] == [FOLDER]
