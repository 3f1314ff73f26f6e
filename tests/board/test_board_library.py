"""What the page is told of a results folder, and what it is not told."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from nasbench.board.files import packed
from nasbench.board.library import Library
from nasbench.store.records import Record, write_record
from nasbench.store.runs import RunFolder
from tests.board.conftest import epoch, trial

EXAMPLE = Record(
    run="r",
    method="darts",
    task="digits",
    space="darts",
    arch_id="0",
    search_run="",
    search_seed=0,
    retrain_seed=0,
    search_config={},
    retrain_config={},
    test_accuracy=0.5,
    val_accuracy=None,
    params=1,
    macs=1,
    latency_ms=1.0,
    search_seconds=1.0,
    search_evaluations=1,
    retrain_seconds=1.0,
    test_openings=1,
    test_examples=360,
)


def place(library: Library, number: int = 0) -> dict:
    found = library.data(f"place-{number}")
    assert found is not None
    return json.loads(json.dumps(found, allow_nan=False))


def run_of(library: Library, number: int = 0) -> dict:
    (row,) = place(library)["runs"]
    found = library.data(f"run-{row['key']}")
    assert found is not None
    assert {name: found[name] for name in row} == row
    return json.loads(json.dumps(found, allow_nan=False))


def test_an_empty_folder(results):
    library = Library(results)
    found = place(library)
    assert (found["runs"], found["tasks"], found["problems"]) == ([], [], [])
    assert [one["path"] for one in library.data("places")["places"]] == ["results"]


@pytest.mark.parametrize(
    "key",
    ["", "place-", "place-1", "place-x", "run-", "run-0123456789ab", "../run", "run-../../x"],
)
def test_there_is_no_other_key(results, make_run, key):
    make_run("one")
    assert Library(results).data(key) is None


def test_curves_of_a_search(results, make_run):
    make_run("one", [epoch(1), epoch(2, val_accuracy=None), epoch(2, loss=0.25), epoch(3)])
    curves = {one["name"]: one for one in run_of(Library(results))["curves"]}
    assert curves["loss"] == {"name": "loss", "x": [1, 2, 3], "y": [1, 0.25, 1 / 3]}
    assert curves["val_accuracy"]["y"] == [
        0.1,
        0.2,
        0.3,
    ]  # an epoch that was told again counts once


def test_weights_of_a_search(results, make_run):
    decisions = {"event": "decisions", "candidates": {"first": ["conv", "skip"]}}
    weights = [{"first": [0.4, 0.6]}, {"first": [0.7, 0.3]}]
    arch = [{"first": "skip"}, {"first": "conv"}]
    told = [epoch(n + 1, weights=weights[n], arch=arch[n]) for n in (0, 1)]
    make_run("one", [decisions, *told])
    assert run_of(Library(results))["weights"] == {
        "epochs": [1, 2],
        "choices": [
            {
                "label": "first",
                "candidates": ["conv", "skip"],
                "shares": [[0.4, 0.6], [0.7, 0.3]],
                "chosen": [1, 0],
            }
        ],
    }


def test_weights_without_names_are_numbered(results, make_run):
    make_run("one", [epoch(1, weights={"first": [0.4, 0.6]})])
    (choice,) = run_of(Library(results))["weights"]["choices"]
    assert (choice["candidates"], choice["chosen"]) == (["0", "1"], None)


def test_trials_as_columns(results, make_run):
    trials = [
        trial(1, None, parameters={"lr": 1e-3, "opt": "sgd"}, error="ValueError: no"),
        trial(0, 0.5, parameters={"lr": 1e-1, "opt": "adam"}, reports=[0.2, "x", 0.5]),
    ]
    make_run("one", trials, verb="hpo", config={"budget": "5 trials"})
    found = run_of(Library(results))
    assert (found["trials_total"], found["best"]) == (5, 0.5)
    table = found["trials"]
    assert table["number"] == [0, 1]
    assert table["score"] == [0.5, None]
    assert table["error"] == ["", "ValueError: no"]
    assert table["reports"] == [[0.2, 0.5], []]
    assert table["columns"] == [
        {"name": "lr", "kind": "number", "log": True, "values": [1e-1, 1e-3]},
        {"name": "opt", "kind": "category", "log": False, "values": ["adam", "sgd"]},
    ]


def test_numbers_that_json_lacks_are_left_out(results, make_run):
    make_run("one", [epoch(1, loss=float("nan"), entropy=float("inf"))])
    names = [one["name"] for one in run_of(Library(results))["curves"]]
    assert names == ["val_accuracy"]


def test_a_failed_run_tells_its_error(results, make_run):
    make_run("one", status="failed", error="RuntimeError: out of memory")
    (row,) = place(Library(results))["runs"]
    assert (row["status"], row["error"]) == ("failed", "RuntimeError: out of memory")


def test_what_cannot_be_read_is_named_and_harms_nothing_else(results, make_run):
    make_run("good")
    (make_run("torn") / "run.json").write_text('{"format": "nasb')
    (make_run("foreign") / "run.json").write_text('["a list"]')
    (make_run("binary") / "run.json").write_bytes(b"\xff\xfe\x00")
    (make_run("deep") / "run.json").write_text("[" * 100_000)
    os.truncate(make_run("huge") / "run.json", 2**33)  # sparse
    (results / "runs" / "file").write_text("no folder")
    (results / "records").mkdir()
    (results / "records" / "torn.json").write_text('{"format":')
    found = place(Library(results))
    assert [row["name"] for row in found["runs"]] == ["good"]
    named = sorted(problem.split(" left out: ")[0] for problem in found["problems"])
    assert named == [
        "records/torn.json",
        *(f"runs/{n}" for n in ("binary", "deep", "foreign", "huge", "torn")),
    ]
    assert all("\n" not in problem for problem in found["problems"])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("test_accuracy", float("nan")),
        ("test_accuracy", float("inf")),
        ("test_accuracy", 97.5),
        ("test_accuracy", -0.1),
        ("params", 10**400),
        ("latency_ms", 10**400),
        ("search_seconds", float("nan")),
        ("retrain_seconds", -1.0),
        ("curve", [[10**400, 0.5]]),
    ],
)
def test_a_record_of_no_training_spoils_no_other(results, field, value):
    """It is named, at the second look as at the first."""
    (results / "records").mkdir()
    for name, odd in (("odd", {field: value}), ("sound", {"test_accuracy": 0.75})):
        content = {"format": "nasbench-record/1", **vars(EXAMPLE), "run": name, **odd}
        (results / "records" / f"{name}.json").write_text(json.dumps(content))
    library = Library(results)
    for _ in range(2):
        found = place(library)
        (task,) = found["tasks"]
        assert [row["mean"] for row in task["rows"]] == [75.0]
        (problem,) = found["problems"]
        assert problem.startswith("records/odd.json left out: ")


@pytest.mark.parametrize(
    ("config", "events"),
    [
        ({"epochs": 10**299}, [epoch(1)]),
        ({"epochs": 4, "concurrency": 10**299, "budget": "5 trials"}, [trial(0, 0.5)]),
        ({"epochs": 4}, [{**epoch(1), "epoch": 10**299}]),
        ({"epochs": 4}, [epoch(1, weights={"a": [10**299]}, arch={"a": 10**299})]),
        ({"epochs": 4}, [{**trial(1, 0.5), "number": 10**299}, trial(0, 10**400)]),
    ],
)
def test_numbers_without_measure_are_left_out(results, make_run, config, events):
    make_run("odd", events, status="running", config=config)
    found = run_of(Library(results))
    assert found["best"] is None or 0 <= found["best"] <= 1


def test_a_line_that_is_nested_without_end(results, make_run):
    path = make_run("one", [epoch(1)])
    with (path / "journal.jsonl").open("a") as file:
        file.write('{"event": ' + "[" * 3000 + "]" * 3000 + "}\n" + json.dumps(epoch(2)) + "\n")
    assert run_of(Library(results))["curves"][0]["x"] == [1, 2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes by name")
@pytest.mark.parametrize("name", ["run.json", "journal.jsonl", "checkpoint.json", ".lock"])
def test_a_pipe_is_no_file_and_stops_nobody(results, make_run, name):
    make_run("sound")
    path = make_run("odd", status="running") / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    library = Library(results)
    found = place(library)
    assert "sound" in {row["name"] for row in found["runs"]}
    for row in found["runs"]:
        assert library.data(f"run-{row['key']}") is not None


def test_a_study_that_becomes_a_link_is_not_followed(results, make_run, tmp_path):
    make_run("secret")
    os.renames(results / "runs", tmp_path / "outside" / "runs")
    results.mkdir(exist_ok=True)
    study = results / "studies" / "s"
    study.mkdir(parents=True)
    library = Library(results)
    assert place(library, 1)["runs"] == []
    study.rmdir()
    study.symlink_to(tmp_path / "outside")
    assert place(library, 1)["runs"] == []


def test_a_lock_outside_is_not_touched(results, make_run, tmp_path):
    outside = tmp_path / "lock"
    with outside.open("w") as file:
        fcntl = pytest.importorskip("fcntl", reason="the system has no such locks")
        fcntl.flock(file, fcntl.LOCK_EX)
        (make_run("one", status="running") / ".lock").symlink_to(outside)
        assert run_of(Library(results))["status"] == "stopped"


def test_a_run_that_somebody_works_in_is_running_and_looking_does_not_disturb(results, make_run):
    path = make_run("one", status="running")
    library = Library(results)
    assert run_of(library)["status"] == "stopped"
    with RunFolder(path).held():
        assert run_of(library)["status"] == "running"
    with (path / ".lock").open() as looking:
        fcntl = pytest.importorskip("fcntl", reason="the system has no such locks")
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.1, looking.close).start()
        with RunFolder(path).held():  # whoever only looks is waited for
            pass


def test_a_journal_without_measure_is_named(results, make_run, monkeypatch):
    monkeypatch.setattr("nasbench.board.history.MOST_JOURNAL", 200)
    make_run("long", [epoch(number) for number in range(1, 9)])
    found = place(Library(results))
    assert found["problems"] == [
        "runs/long: journal.jsonl is too large, and only its end is counted"
    ]
    assert found["runs"][0]["epoch"] == 8


def test_a_study_whose_note_cannot_be_read_says_so(results):
    (results / "study.json").write_text("{")
    (problem,) = place(Library(results))["problems"]
    assert problem.startswith("study.json: ")


def test_a_run_that_has_not_changed_is_not_read_again(results, make_run, monkeypatch):
    path = make_run("one", [epoch(1)])
    library = Library(results)
    first = run_of(library)
    monkeypatch.setattr("nasbench.board.detail.content", None)  # would raise
    assert run_of(library) == first
    monkeypatch.undo()
    (path / "checkpoint.json").write_text('{"arch": {"a": "b"}}')
    assert run_of(library)["arch"] == {"a": "b"}


def test_a_network_at_chance_level_is_named_as_such(results, make_run):
    make_run("one")
    (run,) = (results / "runs").iterdir()
    classes = {"task": "mine", "test_accuracy": 0.5, "test_classes": [180, 180]}
    record = replace(EXAMPLE, run=run.name, **classes)
    write_record(results, record)
    library = Library(results)
    assert run_of(library)["record"]["at_chance"] is True
    (task,) = place(library)["tasks"]
    assert "50.00, at chance" in task["rows"][0]["cells"]
    assert any("50.00 % that always answering" in note for note in place(library)["notes"])


def test_halves_of_characters_in_a_record(results):
    (results / "records").mkdir()
    content = {"format": "nasbench-record/1", **vars(EXAMPLE), "method": "a\ud800"}
    (results / "records" / "odd.json").write_text(json.dumps(content))
    (row,) = place(Library(results))["tasks"][0]["rows"]
    assert row["method"] == "a?"
    assert "\ud800" not in json.dumps(row)


def test_links_out_of_the_results_are_not_followed(results, make_run, tmp_path):
    outside = tmp_path / "secret"
    outside.mkdir()
    inner = make_run("inner", [epoch(1)])
    for name in ("run.json", "journal.jsonl"):
        (outside / name).write_bytes((inner / name).read_bytes())
    (outside / "checkpoint.json").write_text('{"arch": {"secret": "x"}}')
    (results / "runs" / "linked").symlink_to(outside)
    (inner / "checkpoint.json").symlink_to(outside / "checkpoint.json")
    away = make_run("away") / "journal.jsonl"
    away.unlink()
    away.symlink_to(outside / "journal.jsonl")
    (results / "studies").mkdir()
    (results / "studies" / "away").symlink_to(tmp_path)
    library = Library(results)
    assert len(library.data("places")["places"]) == 1
    found = run_of(library)
    assert found["name"] == "inner"
    assert found["arch"] is None
    problems = place(library)["problems"]
    assert [problem.split(":")[0] for problem in problems] == [
        "runs/away left out",
        "runs/linked left out",
    ]


def test_a_results_folder_that_is_a_link_itself(results, make_run, tmp_path):
    make_run("one")
    (tmp_path / "link").symlink_to(results)
    assert len(place(Library(tmp_path / "link"))["runs"]) == 1


def test_studies_are_places_of_their_own_and_keep_their_numbers(results, make_run):
    make_run("one")
    (results / "studies" / "b").mkdir(parents=True)
    library = Library(results)
    assert [p["path"] for p in library.data("places")["places"]] == [
        "results",
        "results/studies/b",
    ]
    (results / "studies" / "a").mkdir()
    paths = [p["path"] for p in library.data("places")["places"]]
    assert paths == ["results", "results/studies/b", "results/studies/a"]
    (results / "studies" / "a" / "study.json").write_text('{"note": "small"}')
    assert place(library, 2)["note"] == "small"


def test_new_values_are_there_at_the_next_look(results, make_run):
    path = make_run("one", [epoch(1)])
    library = Library(results)
    assert run_of(library)["epoch"] == 1
    with (path / "journal.jsonl").open("a") as file:
        file.write(json.dumps(epoch(2)) + "\n")
    assert run_of(library)["epoch"] == 2
    make_run("two")
    assert len(place(library)["runs"]) == 2


def test_a_journal_that_was_replaced_is_read_from_its_start(results, make_run):
    path = make_run("one", [epoch(1), epoch(2), epoch(3)])
    library = Library(results)
    assert run_of(library)["epoch"] == 3
    (path / "journal.jsonl").write_text(json.dumps(epoch(1)) + "\n")
    assert run_of(library)["epoch"] == 1


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a'b\"c", "\u202eevil", "x" * 200, "x\udcff"]
)
def test_any_name_has_a_plain_key(results, make_run, name):
    path = Path(str(name).replace("/", "_"))
    make_run(path.name, [epoch(1, arch={name: name}, weights={name: [1.0]})])
    found = run_of(Library(results))
    assert len(found["key"]) == 12
    assert found["key"].isalnum()
    assert found["weights"]["choices"][0]["label"].startswith(name[:1])
    packed(found).encode("ascii")


def test_every_kind_of_value_in_run_json_is_survived(results, make_run):
    odd = {
        "config": [1],
        "provenance": 3,
        "metrics": "x",
        "cost": None,
        "parameters": [2],
        "seed": "a",
    }
    make_run("one", [epoch(1, weights=[1], arch="x"), trial(0, "bad", parameters=None)], **odd)
    found = run_of(Library(results))
    assert (found["seed"], found["metrics"], found["parameters"]) == (None, {}, None)
