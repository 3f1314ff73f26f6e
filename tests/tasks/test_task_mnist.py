from __future__ import annotations

import gzip
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision.datasets.mnist as torchvision_mnist

from nasbench.errors import UserError
from nasbench.tasks.base import Task
from nasbench.tasks.mnist import load_fashion_mnist, load_mnist

Loader = Callable[[Path | None, bool], Task]
LOADERS = [
    pytest.param(load_mnist, "MNIST/raw", "mnist", id="mnist"),
    pytest.param(load_fashion_mnist, "FashionMNIST/raw", "fashion-mnist", id="fashion"),
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NASBENCH_DATA", raising=False)
    return tmp_path / "home"


def idx(values: np.ndarray[Any, Any]) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(np.uint8).tobytes()


def write(folder: Path, packed: bool = False, train: int = 20, test: int = 10) -> Path:
    """Write four small files of the real format."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, n in (("train", train), ("t10k", test)):
        images = np.arange(n)[:, None, None] + np.zeros((28, 28))
        contents = {"images-idx3": idx(images), "labels-idx1": idx(np.arange(n) % 10)}
        for kind, raw in contents.items():
            path = folder / f"{part}-{kind}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(raw) if packed else raw)
    return folder


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("load", "torchvision_folder", "alias"), LOADERS)
def test_where_files_are_found(
    tmp_path: Path, load: Loader, torchvision_folder: str, alias: str, packed: bool
) -> None:
    for name in (torchvision_folder, alias, "."):
        root = tmp_path / f"root-{len(name)}"
        write(root / name, packed)
        task = load(root, False)
        assert len(task.train) == 20
        assert task.train.images[:, 0, 5, 7].tolist() == list(range(20))
        assert len(task.open_test(lambda: None)) == 10


def test_the_environment_and_the_cache(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(home / ".cache" / "nasbench" / "MNIST" / "raw", train=30)
    assert len(load_mnist(download=False).train) == 30
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
    assert len(load_mnist(download=False).train) == 30
    write(tmp_path / "data" / "mnist", train=40)
    assert len(load_mnist(download=False).train) == 40


@pytest.mark.parametrize(("load", "folder", "alias"), LOADERS)
def test_nothing_found(tmp_path: Path, load: Loader, folder: str, alias: str) -> None:
    with pytest.raises(UserError, match="train-images-idx3-ubyte") as error:
        load(tmp_path, False)
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith(f"into {tmp_path / folder}")


def test_missing_test_files_are_noticed_at_once(tmp_path: Path) -> None:
    (write(tmp_path / "MNIST" / "raw") / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(UserError, match=r"put t10k-labels-idx1-ubyte .*into"):
        load_mnist(tmp_path, download=False)


@pytest.mark.parametrize("packed", [False, True])
def test_the_test_files_stay_unread_until_opened(tmp_path: Path, packed: bool) -> None:
    folder = write(tmp_path / "mnist", packed)
    for path in folder.glob("t10k*"):
        path.write_bytes(b"garbage")
    task = load_mnist(tmp_path, download=False)
    task.search_split(seed=0, val_fraction=0.5)
    opened: list[bool] = []
    with pytest.raises(UserError, match="t10k-images-idx3-ubyte"):
        task.open_test(lambda: opened.append(True))
    assert opened == [True]


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("train-images-idx3-ubyte", np.zeros((20, 8, 8)), r"must be \(n, 28, 28\)"),
        ("train-labels-idx1-ubyte", np.zeros(19), r"must be \(20,\)"),
        ("train-labels-idx1-ubyte", np.full(20, 10), "holds label 10"),
        ("train-labels-idx1-ubyte", np.repeat(range(10), 6000), "must be"),
    ],
)
def test_files_that_do_not_fit(
    tmp_path: Path, name: str, values: np.ndarray[Any, Any], message: str
) -> None:
    (write(tmp_path / "mnist") / name).write_bytes(idx(values))
    with pytest.raises(UserError, match=message):
        load_mnist(tmp_path, download=False)


def offline(*_: Any, **__: Any) -> None:
    raise URLError("[Errno -2] Name or service not known")


@pytest.mark.parametrize(("load", "folder", "alias"), LOADERS)
@pytest.mark.parametrize(
    "failure", [URLError("no route"), TimeoutError("timed out"), RuntimeError("a\nb"), OSError()]
)
def test_network_failures_give_one_line(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    load: Loader,
    folder: str,
    alias: str,
    failure: Exception,
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        assert socket.getdefaulttimeout() is not None  # a silent server must not hang the run
        raise failure

    monkeypatch.setattr(torchvision_mnist, "download_and_extract_archive", fail)
    with pytest.raises(UserError, match="the download failed") as error:
        load(None, True)
    message = str(error.value)
    cache = home / ".cache" / "nasbench"
    assert "\n" not in message
    assert "train-labels-idx1-ubyte" in message
    assert message.endswith(f"into {cache / folder}")
    assert list(cache.iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_a_broken_download_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_off(url: str, download_root: str, filename: str, **_: Any) -> None:
        # As torchvision does it: under the final name from the first byte on.
        (Path(download_root) / filename).write_bytes(b"\x1f\x8b half")
        if filename.startswith("t10k-labels"):
            offline()

    monkeypatch.setattr(torchvision_mnist, "download_and_extract_archive", cut_off)
    with pytest.raises(UserError, match="the download failed"):
        load_mnist(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_download_lands_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def succeed(url: str, download_root: str, **_: Any) -> None:
        write(Path(download_root))

    monkeypatch.setattr(torchvision_mnist, "download_and_extract_archive", succeed)
    assert len(load_mnist(tmp_path).train) == 20
    assert [path.name for path in tmp_path.iterdir()] == ["MNIST"]
    monkeypatch.setattr(torchvision_mnist, "download_and_extract_archive", offline)
    assert len(load_mnist(tmp_path).open_test(lambda: None)) == 10


def test_a_balanced_set_is_not_taken_for_mnist(tmp_path: Path) -> None:
    folder = write(tmp_path / "mnist")
    labels = np.repeat(np.arange(10), 6000)
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    (folder / "train-images-idx3-ubyte").write_bytes(idx(np.zeros((60_000, 28, 28), np.uint8)))
    with pytest.raises(UserError, match="holds Fashion-MNIST, not MNIST"):
        load_mnist(tmp_path, download=False)


@pytest.mark.data
def test_the_real_set(real_data: Path) -> None:
    task = load_mnist(real_data, download=False)
    expected = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert torch.bincount(task.train.labels).tolist() == expected
    pixels = task.train.images.double() / 255
    assert abs(float(pixels.mean()) - task.augmentation.mean[0]) < 1e-4
    assert abs(float(pixels.std()) - task.augmentation.std[0]) < 1e-4
    test = task.open_test(lambda: None)
    assert torch.bincount(test.labels).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


@pytest.mark.data
def test_mnist_is_not_taken_for_fashion(real_data: Path) -> None:
    with pytest.raises(UserError, match="holds MNIST, not Fashion-MNIST"):
        load_fashion_mnist(real_data / "mnist", download=False)
