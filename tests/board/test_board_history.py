"""How far a run has come, read from a journal that grows."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nasbench.board.history import History
from nasbench.board.runs import _devices
from tests.board.conftest import epoch, trial, write_lines


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def read(journal: Path) -> History:
    history = History()
    history.update(journal, journal.parent)
    return history


def test_no_journal_is_no_history(journal):
    history = read(journal)
    assert (history.epoch, history.val, history.best, history.scores) == (0, None, None, {})
    assert history.seconds_left(10, None, 1) is None


def test_epochs_are_counted_as_told_last(journal):
    told = [epoch(1, val_accuracy=0.5), epoch(2, val_accuracy=0.9), epoch(3, val_accuracy=0.7)]
    write_lines(journal, told)
    history = read(journal)
    assert (history.epoch, history.val, history.best) == (3, 0.7, 0.9)


def test_a_journal_read_in_pieces_says_the_same_as_at_once(journal):
    """Wherever the journal was cut at a look, in the midst of a line too."""
    events = [
        epoch(1, 10),
        epoch(2, 21),
        trial(0, 0.3),
        trial(1, None),
        trial(1, 0.8),
        epoch(3, 30),
    ]
    whole = "".join(json.dumps(event) + "\n" for event in events).encode()
    journal.write_bytes(whole)
    expected = vars(read(journal))
    for size in (1, 7, 100, len(whole)):
        history = History()
        for end in range(size, len(whole) + size, size):
            journal.write_bytes(whole[:end])
            history.update(journal, journal.parent)
        assert vars(history) == expected, size


def test_a_torn_last_line_waits_for_its_end(journal):
    write_lines(journal, [epoch(1)])
    torn = json.dumps(epoch(2)).encode()
    journal.write_bytes(journal.read_bytes() + torn[:30])
    history = read(journal)
    assert history.epoch == 1
    journal.write_bytes(journal.read_bytes() + torn[30:] + b"\n")
    history.update(journal, journal.parent)
    assert history.epoch == 2


def test_lines_of_others_are_passed_by(journal):
    lines = [
        b"\xff\xfe\x00\n",
        b"[1, 2]\n",
        b"{}\n",
        b'{"event": "epoch", "epoch": "x"}\n',
        b"[" * 90_000,
    ]
    journal.write_bytes(b"".join(lines) + b"\n" + json.dumps(epoch(4)).encode() + b"\n")
    assert read(journal).epoch == 4


def test_weights_do_not_change_what_is_read(journal):
    weights = {"weights": {'a, "weights": {': [0.5, 0.5]}, "arch": {"a": "b"}}
    write_lines(journal, [epoch(1), epoch(2, val_accuracy=0.25, **weights)])
    history = read(journal)
    assert (history.epoch, history.val) == (2, 0.25)


def test_the_time_left_is_the_median_epochs(journal):
    """Epochs of 10, 10 and 100 seconds, four more to come."""
    write_lines(journal, [epoch(1, 10), epoch(2, 20), epoch(3, 30), epoch(4, 130)])
    assert read(journal).seconds_left(8, None, 1) == pytest.approx(4 * 10)


def test_the_time_left_of_trials_is_shared_by_the_devices(journal):
    write_lines(journal, [trial(0, 0.1), trial(1, 0.2)])  # of two device-seconds each
    assert read(journal).seconds_left(None, 12, 1) == pytest.approx(20)
    assert read(journal).seconds_left(None, 12, 4) == pytest.approx(5)


@pytest.mark.parametrize(
    ("config", "devices"),
    [
        ({}, 1),
        ({"concurrency": 4}, 1),  # which share the CPU
        ({"concurrency": 4, "gpus_per_trial": 0.5}, 2),
        ({"concurrency": 4, "engine": "ray"}, 4),
        ({"concurrency": "x", "gpus_per_trial": -1}, 1),
    ],
)
def test_devices_of_the_trials_at_a_time(config, devices):
    assert _devices(config) == devices


def test_a_proposal_that_was_known_is_no_trial(journal):
    """It has the number of the trial that comes next."""
    known = {**trial(1, 0.1, seconds=0.0), "known": True}
    write_lines(journal, [trial(0, 0.1), known])
    assert read(journal).scores.keys() == {0}
    write_lines(journal, [trial(0, 0.1), known, trial(1, 0.3)])
    history = read(journal)
    assert history.scores == {0: 0.1, 1: 0.3}
    assert history.device_seconds == pytest.approx(4)


def test_trials_of_unknown_time_tell_no_time_left(journal):
    write_lines(journal, [trial(0, 0.1, seconds=None)])
    history = read(journal)
    assert history.seconds_left(None, 9, 1) is None
    assert history.device_seconds is None


def test_a_clock_that_was_set_back_tells_no_negative_time(journal):
    write_lines(journal, [epoch(1, 100), epoch(2, 10), epoch(3, 30)])
    assert read(journal).seconds_left(5, None, 1) == pytest.approx(2 * 20)


def test_a_line_that_is_completed_while_it_is_read_is_not_lost(journal, monkeypatch):
    """The torn part has been read when the writer adds its end."""
    monkeypatch.setattr("nasbench.board.history._AT_ONCE", 1)
    line = json.dumps(epoch(2)).encode() + b"\n"
    write_lines(journal, [epoch(1)])
    journal.write_bytes(journal.read_bytes() + line[:40])
    history = History()
    real = History._take

    def take(self: History, event: object) -> None:
        real(self, event)
        if history.epoch == 1 and not journal.read_bytes().endswith(b"\n"):
            journal.write_bytes(journal.read_bytes() + line[40:])

    monkeypatch.setattr(History, "_take", take)
    history.update(journal, journal.parent)
    history.update(journal, journal.parent)
    assert history.epoch == 2


def test_epochs_of_trials_are_no_epochs_of_the_run(journal):
    write_lines(journal, [epoch(7, trial=0), trial(0, 0.4)])
    history = read(journal)
    assert (history.epoch, history.best, history.scores) == (0, 0.4, {0: 0.4})
