from __future__ import annotations

import pytest
import torch

from nasbench.errors import UserError
from nasbench.store.state import StateFile


@pytest.fixture
def state(tmp_path) -> StateFile:
    return StateFile(tmp_path / "state.pt")


def number(n: int) -> dict:
    return {"n": n, "weights": torch.full((3,), float(n)), "nested": [{"a": None}]}


def test_nothing_saved_nothing_loaded(state):
    assert state.load() is None


def test_the_newest_state_comes_back(state, files):
    for n in range(3):
        state.save(number(n))
    loaded = state.load()
    assert loaded["n"] == 2
    assert torch.equal(loaded["weights"], torch.full((3,), 2.0))
    assert loaded["nested"] == [{"a": None}]
    assert set(files(state.path.parent)) == {"state.pt", "state.prev.pt"}


def test_the_one_before_is_used_wherever_the_newest_is_torn(state):
    state.save(number(1))
    state.save(number(2))
    whole = state.path.read_bytes()
    for size in [0, 1, 2, 3, *range(4, len(whole), 61)]:
        state.path.write_bytes(whole[:size])
        assert state.load()["n"] == 1, size


def test_the_one_before_is_used_where_the_newest_is_no_state(state):
    state.save(number(1))
    state.save(number(2))
    for garbage in (b"\n", b"no state", b"\x80\x02}", b"PK\x03\x04", bytes(100)):
        state.path.write_bytes(garbage)
        assert state.load()["n"] == 1, garbage


@pytest.mark.parametrize("rest", [b"", b"PK"])
def test_both_torn(state, rest):
    state.path.write_bytes(rest)
    state.previous.write_bytes(b"")
    with pytest.raises(UserError, match="cannot read the saved state: ") as error:
        state.load()
    assert str(state.path) in str(error.value)
    assert str(state.previous) in str(error.value)
    assert "\n" not in str(error.value)


def test_code_in_a_state_is_not_run(state, tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "evil"), "w"))

    torch.save({"n": Evil()}, state.path)
    with pytest.raises(UserError, match="cannot read the saved state"):
        state.load()
    assert not (tmp_path / "evil").exists()


def test_a_save_that_dies_half_way_leaves_both_states(state, monkeypatch, files):
    state.save(number(1))
    state.save(number(2))
    before = files(state.path.parent)

    def die(content, file) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", die)
    with pytest.raises(KeyboardInterrupt):
        state.save(number(3))
    assert files(state.path.parent) == before


def test_a_kill_between_the_two_renames_loses_nothing(state, monkeypatch):
    state.save(number(1))
    state.save(number(2))
    replace, renamed = type(state.path).replace, []

    def die_at_the_last(self, target):
        if target == state.path and self.name == "state.new.pt":
            renamed.append(self)
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(type(state.path), "replace", die_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        state.save(number(3))
    monkeypatch.undo()
    assert renamed
    assert not state.path.exists()
    assert state.load()["n"] == 2
    state.save(number(4))
    assert state.load()["n"] == 4


def test_a_full_disk_leaves_both_states(state, full_disk, files):
    state.save(number(1))
    state.save(number(2))
    before = files(state.path.parent)
    full_disk()
    with pytest.raises(UserError, match="No space left on device"):
        state.save(number(3))
    assert files(state.path.parent) == before


def test_clear(state, files):
    state.save(number(1))
    state.save(number(2))
    state.clear()
    assert files(state.path.parent) == {}
    state.clear()
