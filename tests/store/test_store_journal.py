from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench.errors import UserError
from nasbench.store.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.jsonl")


def test_no_file_no_events(journal):
    assert journal.events() == []
    assert journal.epochs() == []


def test_events_come_back_in_order_and_by_kind(journal):
    journal.append("epoch", epoch=1, loss=0.5)
    journal.append("note", text="größer")
    journal.append("epoch", epoch=2, loss=0.25)
    assert [e["event"] for e in journal.events()] == ["epoch", "note", "epoch"]
    assert [e["loss"] for e in journal.events("epoch")] == [0.5, 0.25]
    assert journal.events("note")[0]["text"] == "größer"
    assert len(journal.path.read_text().splitlines()) == 3


def test_every_tear_of_the_last_line_is_survived(journal):
    journal.append("epoch", epoch=1)
    whole = journal.path.read_bytes()
    journal.append("epoch", epoch=2, text="größer")
    both = journal.path.read_bytes()
    for size in range(len(whole), len(both) - 1):
        journal.path.write_bytes(both[:size])
        assert [e["epoch"] for e in journal.events()] == [1], size
        journal.append("epoch", epoch=3)
        assert [e["epoch"] for e in journal.events()] == [1, 3], size
        assert journal.path.read_bytes().startswith(both[:size])  # only ever appended to


def test_a_line_that_only_lacks_its_newline_counts(journal):
    journal.append("epoch", epoch=1)
    journal.path.write_bytes(journal.path.read_bytes()[:-1])
    journal.append("epoch", epoch=2)
    assert [e["epoch"] for e in journal.events()] == [1, 2]


def test_lines_that_are_no_events_are_skipped(journal):
    journal.path.write_bytes(b'3\n[1]\n\xff\xfe\n\n{"event": "epoch", "epoch": 1}\n')
    assert [e["epoch"] for e in journal.events()] == [1]


def test_numbers_that_json_lacks_become_null(journal):
    journal.append("epoch", epoch=1, loss=float("nan"), deep={"a": [1.0, float("inf"), (2.5,)]})

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    event = json.loads(journal.path.read_text(), parse_constant=refuse)
    assert event["loss"] is None
    assert event["deep"] == {"a": [1.0, None, [2.5]]}


def test_epochs_are_told_last(journal):
    for epoch, loss in ((1, 0.9), (2, 0.8), (2, 0.7), (3, 0.6)):
        journal.append("epoch", epoch=epoch, loss=loss)
    assert [(e["epoch"], e["loss"]) for e in journal.epochs()] == [(1, 0.9), (2, 0.7), (3, 0.6)]


def test_epochs_of_different_trials_stay_apart(journal):
    for trial, epoch, loss in ((0, 1, 0.9), (1, 1, 0.8), (1, 1, 0.7)):
        journal.append("epoch", trial=trial, epoch=epoch, loss=loss)
    assert [(e["trial"], e["loss"]) for e in journal.epochs()] == [(0, 0.9), (1, 0.7)]


def test_a_full_disk_is_told_in_one_line(journal, full_disk):
    journal.append("epoch", epoch=1)
    full_disk()
    with pytest.raises(UserError, match=r"journal.jsonl: No space left on device") as error:
        journal.append("epoch", epoch=2)
    assert "\n" not in str(error.value)
    assert journal.events()[0]["epoch"] == 1
