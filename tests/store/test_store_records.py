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


def test_an_old_record_is_of_an_architecture_search_without_a_curve(tmp_path):
    path = write_record(tmp_path, Record(**VALUES))
    content = json.loads(path.read_text())
    del content["kind"], content["curve"]
    path.write_text(json.dumps(content))
    ((record,), problems) = read_records(tmp_path)
    assert (record.kind, record.curve, problems) == ("nas", [], [])


def test_kind_and_curve_come_back(tmp_path):
    record = Record(**VALUES, kind="hpo", curve=[[0, 0.5], [3.5, 0.5], [3.5, 1]])
    write_record(tmp_path, record)
    assert read_records(tmp_path) == ([record], [])


def test_an_unknown_kind_is_told_and_left_out(tmp_path):
    path = write_record(tmp_path, Record(**VALUES, kind="magic"))
    assert read_records(tmp_path) == (
        [],
        [f"{path} left out: unknown kind 'magic': allowed: nas, hpo, joint, plain"],
    )


@pytest.mark.parametrize(
    "curve",
    [
        *([[1.0]], [[1.0, 0.5, 0.5]], [1.0, 0.5], [["1", 0.5]], [[1.0, None]]),
        *([[1.0, 90.0]], [[-1.0, 0.5]], [[2.0, 0.5], [1.0, 0.6]]),
        *([[float("nan"), 0.5]], [[1.0, float("nan")]], [[float("inf"), 0.5]]),
    ],
)
def test_what_is_no_curve_is_told(tmp_path, curve):
    path = write_record(tmp_path, Record(**VALUES))
    path.write_text(json.dumps({**json.loads(path.read_text()), "curve": curve}))
    records, (problem,) = read_records(tmp_path)
    assert records == []
    assert "the field 'curve' has the point" in problem


def test_names_of_operations_are_texts(tmp_path):
    path = write_record(tmp_path, Record(**VALUES, uncounted=["aten::fft"]))
    assert read_records(tmp_path)[0][0].uncounted == ["aten::fft"]
    path.write_text(json.dumps({**json.loads(path.read_text()), "uncounted": [{}]}))
    assert "the field 'uncounted' has the value [{}]" in read_records(tmp_path)[1][0]


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
