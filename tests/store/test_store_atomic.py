from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench.errors import UserError
from nasbench.store import atomic


def _full(path: Path):
    """Open a device without space in place of a temporary file."""
    return Path("/dev/full").open("wb")


def test_folders_are_made_and_content_is_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    atomic.write_json(path, {"größe": 1, "where": Path("x")})
    assert json.loads(path.read_text(encoding="utf-8")) == {"größe": 1, "where": "x"}
    atomic.write_text(path, "neu\n")
    assert path.read_bytes() == b"neu\n"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [RuntimeError("half way"), KeyboardInterrupt()])
def test_a_write_that_dies_half_way_leaves_the_old_file(tmp_path, failure):
    path = tmp_path / "file"
    atomic.write_text(path, "old")

    def die(file) -> None:
        file.write(b"ne")
        raise failure

    with pytest.raises(type(failure)):
        atomic.write(path, die)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_between_writing_and_renaming_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    atomic.write_text(path, "old")
    seen = []

    def look(self: Path, target: Path) -> Path:
        seen.append((self.read_text(), Path(target).read_text()))
        raise SystemExit(9)

    monkeypatch.setattr(Path, "replace", look)
    with pytest.raises(SystemExit):
        atomic.write_text(path, "new")
    assert seen == [("new", "old")]
    assert path.read_text() == "old"


def test_a_full_disk_is_told_in_one_line_and_the_old_file_stays(tmp_path, full_disk, files):
    path = tmp_path / "file"
    atomic.write_text(path, "old")
    full_disk()
    with pytest.raises(UserError) as error:
        atomic.write_text(path, "new")
    assert str(error.value) == (
        f"cannot write {path}: No space left on device; what was written before is kept"
    )
    assert files(tmp_path) == {"file": b"old"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_the_kernels_own_refusal_is_told_too(tmp_path, files, monkeypatch):
    path = tmp_path / "file"
    atomic.write_text(path, "old")
    monkeypatch.setattr(atomic, "_fresh", _full)
    with pytest.raises(UserError, match=f"{path}: No space left on device"):
        atomic.write_text(path, "new" * 100_000)
    assert files(tmp_path) == {"file": b"old"}


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        atomic.write_text(tmp_path / "file" / "below", "new")


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_is_written_whole_or_not_at_all(tmp_path, there):
    target = tmp_path / "a" / "out"
    if there:
        target.mkdir(parents=True)

    def fail(failure):
        with atomic.new_folder(target) as folder:
            (folder / "one").write_text("1")
            raise failure

    for failure in (RuntimeError("half way"), KeyboardInterrupt()):
        with pytest.raises(type(failure)):
            fail(failure)
        assert list(target.parent.iterdir()) == [target] * there
        assert not there or not list(target.iterdir())
    with atomic.new_folder(target) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "one").write_text("1")
    assert (target / "deep" / "one").read_text() == "1"
    assert list(target.parent.iterdir()) == [target]
    with pytest.raises(UserError, match="is not an empty folder"), atomic.new_folder(target):
        pass


def test_the_current_folder_can_be_filled(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with atomic.new_folder(Path()) as folder:
        (folder / "one").write_text("1")
    assert Path("one").read_text() == "1"


def test_a_new_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UserError, match=r"cannot write .*/file/out: Not a directory"),
        atomic.new_folder(tmp_path / "file" / "out"),
    ):
        pass
