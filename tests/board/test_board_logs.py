"""What a run and a trial say of themselves: warnings, logs, relatives, and records."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nasbench.board import logs
from nasbench.board.library import Library
from nasbench.store.records import write_record
from tests.board.conftest import epoch, trial
from tests.board.test_board_library import EXAMPLE

VERDICT = ["5 of 8 edges are skip connections: likely collapsed; try `pc-darts`"]


def key_of(library: Library, name: str) -> str:
    content = library.data("place-0")
    assert content is not None
    return next(row["key"] for row in content["runs"] if row["name"] == name)


def data(library: Library, kind: str, name: str) -> dict[str, Any]:
    found = library.data(f"{kind}-{key_of(library, name)}")
    assert found is not None
    return found


def write_checkpoint(folder: Path, **fields: Any) -> None:
    (folder / "checkpoint.json").write_text(json.dumps(fields))


def test_a_search_shows_what_the_collapse_watch_saw_and_so_does_its_retraining(results, make_run):
    for name, verb in (("found", "search"), ("trained", "retrain")):
        run = make_run(name, [epoch(1)], verb=verb)
        write_checkpoint(run, watch={"verdict": VERDICT}, run="found")
    library = Library(results)
    assert data(library, "run", "found")["warnings"] == VERDICT
    assert data(library, "run", "trained")["warnings"] == [f"of the search: {VERDICT[0]}"]


@pytest.mark.parametrize("watch", [None, 3, {"verdict": "x"}, {"verdict": [3, None]}])
def test_a_watch_from_elsewhere_does_no_harm(results, make_run, watch):
    write_checkpoint(make_run("a", [epoch(1)]), watch=watch)
    assert all(isinstance(line, str) for line in data(Library(results), "run", "a")["warnings"])


def test_from_a_search_to_its_retrainings_and_back(results, make_run):
    make_run("found", [epoch(1)])
    for name in ("first", "second"):
        write_checkpoint(make_run(name, [epoch(1)], verb="retrain"), run="found")
    library = Library(results)
    page = data(library, "run", "found")
    assert [one["name"] for one in page["retrainings"]] == ["first", "second"]
    assert page["search"] is None
    search = data(library, "run", "first")["search"]
    assert search == {"key": key_of(library, "found"), "name": "found", "run": True}


def test_the_log_of_a_run_ends_with_its_error(results, make_run):
    events = [epoch(1), {"event": "note", "text": "batch size 32"}, trial(4, None, error="boom")]
    make_run("a", events, status="failed", error="ValueError: no")
    lines = data(Library(results), "log", "a")["lines"]
    assert [line["text"] for line in lines] == [
        "epoch 1: loss 1, val_accuracy 0.1, seconds 0",
        "batch size 32",
        "trial 4: failed: boom",
        "failed: ValueError: no",
    ]
    assert [line["kind"] for line in lines] == ["epoch", "note", "error", "error"]


def test_a_long_log_is_shown_from_its_end(results, make_run):
    make_run("a", [epoch(n) for n in range(1, logs.MOST_LINES + 6)])
    found = data(Library(results), "log", "a")
    assert found["left_out"] == 5
    assert found["lines"][0]["text"].startswith("epoch 6:")


def test_a_trial_has_its_curve_its_log_and_what_its_command_printed(results, make_run):
    events = [{**epoch(n), "trial": t} for t in (0, 1) for n in (1, 2)] + [trial(0, 0.5)]
    run = make_run("a", events, verb="hpo")
    printed = run / "trials" / "0"
    printed.mkdir(parents=True)
    (printed / "stdout").write_bytes(b"10 %\r50 %\r100 %\n\x1b[31mred\x1b[0m \xff\n")
    (run / "trials" / "1").mkdir()
    secret = results.parent / "secret"
    secret.write_text("no")
    (run / "trials" / "1" / "stdout").symlink_to(secret)
    library = Library(results)
    key = key_of(library, "a")
    first, second = library.data(f"trial-{key}-0"), library.data(f"trial-{key}-1")
    assert first is not None
    assert second is not None
    assert {c["name"]: c["y"] for c in first["curves"]}["val_accuracy"] == [0.1, 0.2]
    assert [line["text"].split(":")[0] for line in first["lines"]] == [
        *("trial 0, epoch 1", "trial 0, epoch 2", "trial 0"),
    ]
    assert first["printed"] == {"stdout": "100 %\nred \N{REPLACEMENT CHARACTER}"}
    assert second["printed"] == {}
    assert library.data(f"trial-{key}-7") is None


def test_every_row_leads_to_its_records_with_or_without_their_runs(results, make_run):
    make_run("one", [epoch(1)], verb="retrain")
    for name, seed in (("one", 0), ("two", 1)):
        write_record(results, replace(EXAMPLE, run=name, search_seed=seed))
    library = Library(results)
    place = library.data("place-0")
    assert place is not None
    (row,) = place["tasks"][0]["rows"]
    found = library.data(f"record-{row['key']}")
    assert found is not None
    told = [(one["name"], one["run"], one["seeds"][0]) for one in found["row"]["records"]]
    assert told == [("one", True, 0), ("two", False, 1)]
    other = found["row"]["records"][1]["key"]
    assert (library.data(f"record-{other}") or {})["name"] == "two"
    assert library.data("record-0123456789ab") is None


def test_the_costs_of_trials_are_those_of_their_networks(results, make_run):
    network = {"params": 10, "macs": 200}
    events = [
        trial(0, 0.5, network=network, latency_ms=1.5),
        trial(1, None),
        trial(2, 0.6, costs={"params": 30.0}),
    ]
    make_run("a", events)
    assert data(Library(results), "run", "a")["trials"]["costs"] == {
        "params": [10, None, 30],
        "macs": [200, None, None],
        "latency_ms": [1.5, None, None],
    }
