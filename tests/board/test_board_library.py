"""What the page is told of a results folder, and what it is not told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nasbench.board.files import packed
from nasbench.board.library import Library
from nasbench.store.records import Record
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


def test_a_record_of_a_training_that_went_wrong(results):
    """Its accuracy is no number; the page is told so, and shows the other record."""
    (results / "records").mkdir()
    for number, accuracy in enumerate((float("nan"), 0.75)):
        told = {**vars(EXAMPLE), "run": f"r{number}", "method": f"m{number}"}
        content = {"format": "nasbench-record/1", **told, "test_accuracy": accuracy}
        (results / "records" / f"{number}.json").write_text(json.dumps(content))
    content = Library(results).data("place-0")
    assert content is not None
    (task,) = json.loads(packed(content))["tasks"]
    assert {row["method"]: row["mean"] for row in task["rows"]} == {"m0": None, "m1": 75.0}


def test_links_out_of_the_results_are_not_followed(results, make_run, tmp_path):
    outside = tmp_path / "secret"
    outside.mkdir()
    inner = make_run("inner", [epoch(1)])
    for name in ("run.json", "journal.jsonl"):
        (outside / name).write_bytes((inner / name).read_bytes())
    (outside / "checkpoint.json").write_text('{"arch": {"secret": "x"}}')
    (results / "runs" / "linked").symlink_to(outside)
    (inner / "checkpoint.json").symlink_to(outside / "checkpoint.json")
    (inner / "journal.jsonl").unlink()
    (inner / "journal.jsonl").symlink_to(outside / "journal.jsonl")
    (results / "studies").mkdir()
    (results / "studies" / "away").symlink_to(tmp_path)
    library = Library(results)
    assert len(library.data("places")["places"]) == 1
    found = run_of(library)
    assert found["name"] == "inner"
    assert found["arch"] is None
    assert found["curves"] == []
    assert any("linked" in problem for problem in place(library)["problems"])


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
