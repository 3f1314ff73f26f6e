from __future__ import annotations

from pathlib import Path

import pytest

from nasbench.data.locate import find, roots
from nasbench.errors import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NASBENCH_DATA", raising=False)
    return tmp_path / "home"


def test_the_order(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = home / ".cache" / "nasbench"
    assert roots(None) == [cache]
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
    assert roots(None) == [tmp_path / "data", cache]
    monkeypatch.setenv("NASBENCH_DATA", "")
    assert roots(None) == [cache]


def test_an_explicit_folder_stands_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "elsewhere"))
    assert roots(tmp_path) == [tmp_path.resolve()]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").touch()
    assert find(["file"], tmp_path) is None
    assert find(["file"], None) == tmp_path / "elsewhere" / "file"


def test_roots_come_before_names(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NASBENCH_DATA", str(tmp_path / "data"))
    for path in (tmp_path / "data" / "b", home / ".cache" / "nasbench" / "a"):
        path.mkdir(parents=True)
    assert find(["a", "b"], None) == tmp_path / "data" / "b"
    assert find(["b", "c"], None, accept=Path.is_file) is None


@pytest.mark.parametrize("kind", ["absent", "file"])
def test_an_explicit_folder_must_exist(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "nowhere"
    if kind == "file":
        path.touch()
    with pytest.raises(UserError, match=f"--data-dir {path}: no such folder"):
        roots(path)
