from __future__ import annotations

import json

import pytest

from nasbench.store.records import Record, folder, read_records, write_record

VALUES = {
    "run": "r1",
    "method": "darts",
    "task": "digits",
    "space": "darts",
    "arch_id": "0123abcd",
    "search_run": "s1",
    "search_seed": 1,
    "retrain_seed": 2,
    "search_config": {"epochs": 3},
    "retrain_config": {"epochs": 4, "patience": None},
    "test_accuracy": 0.975,
    "val_accuracy": None,
    "params": 386,
    "macs": 20_776,
    "latency_ms": 0.25,
    "search_seconds": 1.5,
    "search_evaluations": 0,
    "retrain_seconds": 2.5,
    "test_openings": 1,
    "test_examples": 360,
    "provenance": {"commit": None},
}


def test_round_trip(tmp_path):
    first, second = Record(**VALUES), Record(**VALUES | {"run": "r2", "val_accuracy": 0.5})
    assert write_record(tmp_path, second) == tmp_path / "records" / "r2.json"
    write_record(tmp_path, first)
    assert read_records(tmp_path) == ([first, second], [])


def test_no_folder_no_records(tmp_path):
    assert read_records(tmp_path / "nowhere") == ([], [])


def test_fields_of_a_later_version_are_left_out(tmp_path):
    path = write_record(tmp_path, Record(**VALUES))
    path.write_text(json.dumps({**json.loads(path.read_text()), "carbon": 3}))
    assert read_records(tmp_path) == ([Record(**VALUES)], [])


def test_whole_numbers_serve_as_shares_and_seconds(tmp_path):
    path = write_record(tmp_path, Record(**VALUES))
    changes = {"test_accuracy": 1, "val_accuracy": 0, "retrain_seconds": 3}
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    assert read_records(tmp_path) == ([Record(**VALUES | changes)], [])


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"\xff\xfe",
        json.dumps(VALUES).encode(),
        json.dumps({"format": "nasbench-record/2", **VALUES}).encode(),
        json.dumps({"format": "nasbench-record/1", "run": "r"}).encode(),
        json.dumps({"format": "nasbench-record/1", **VALUES, "search_config": 3}).encode(),
        json.dumps({"format": "nasbench-record/1", **VALUES, "test_accuracy": "1"}).encode(),
        json.dumps({"format": "nasbench-record/1", **VALUES, "params": 1.5}).encode(),
    ],
)
def test_an_unreadable_record_is_told_and_the_others_count(tmp_path, broken):
    write_record(tmp_path, Record(**VALUES))
    (folder(tmp_path) / "broken.json").write_bytes(broken)
    records, problems = read_records(tmp_path)
    assert records == [Record(**VALUES)]
    assert len(problems) == 1
    assert problems[0].startswith(f"{folder(tmp_path) / 'broken.json'} left out: ")
    assert "\n" not in problems[0]
