"""Notes and tags: written by the page on this machine alone, into the run's folder alone."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from nasbench.board import notes
from nasbench.board.importance import FEWEST, of_trials
from nasbench.board.library import PUBLISHED, Library
from nasbench.store.records import write_record
from tests.board.conftest import epoch
from tests.board.test_board_library import EXAMPLE
from tests.board.test_board_logs import data, key_of

HOSTILE = "<img src=x onerror=alert(1)>"


def post(port: int, key: str, body: Any, **changes: str | None) -> tuple[int, bytes]:
    own = {"Origin": f"http://127.0.0.1:{port}", "Content-Type": "application/json"}
    headers = {k.replace("_", "-"): v for k, v in {**own, **changes}.items() if v is not None}
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        line.request("POST", f"/notes/{key}", sent, headers)
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()


def test_tags_and_a_note_are_kept_with_the_run_and_shown(results, make_run, served):
    run = make_run("a", [epoch(1)])
    library = Library(results)
    given = {"tags": [" good ", "good", HOSTILE, ""], "note": "two\nlines"}
    status, body = post(served, key_of(library, "a"), given)
    assert (status, json.loads(body)) == (
        200,
        {"tags": ["good", HOSTILE], "note": "two\nlines"},
    )
    assert json.loads((run / "notes.json").read_text())["tags"] == ["good", HOSTILE]
    shown = data(Library(results), "run", "a")
    assert (shown["tags"], shown["note"]) == (["good", HOSTILE], "two\nlines")
    assert data(library, "run", "a")["tags"] == ["good", HOSTILE]  # of a page that was read before


@pytest.mark.parametrize(
    "changes",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": None},
        {"Content_Type": "text/plain"},  # what a form of another site can send
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "none"},
    ],
)
def test_other_sites_cannot_write(results, make_run, served, changes):
    run = make_run("a", [epoch(1)])
    key = key_of(Library(results), "a")
    assert post(served, key, {"tags": ["x"]}, **changes)[0] == 403
    assert not (run / "notes.json").exists()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        ([], 400),
        ({"tags": "x"}, 400),
        ({"tags": [3]}, 400),
        ({"tags": ["x" * (notes.LONGEST_TAG + 1)]}, 400),
        ({"tags": [], "note": "x" * (notes.LONGEST_NOTE + 1)}, 400),
        (b" " * 100_000, 413),
    ],
)
def test_what_is_no_note_is_refused(results, make_run, served, body, status):
    run = make_run("a", [epoch(1)])
    assert post(served, key_of(Library(results), "a"), body)[0] == status
    assert not (run / "notes.json").exists()


def test_nothing_is_written_elsewhere(results, make_run, served, tmp_path):
    run = make_run("a", [epoch(1)])
    target = tmp_path / "target.json"
    (run / "notes.json").symlink_to(target)
    assert post(served, key_of(Library(results), "a"), {"tags": ["x"]})[0] == 400
    assert not target.exists()
    for key in ("0123456789ab", "..", "%2e%2e%2fa"):
        assert post(served, key, {"tags": ["x"]})[0] == 404


@pytest.mark.parametrize("content", ["{", "[]", '{"tags": 3}', '{"tags": [null], "note": 3}'])
def test_notes_from_elsewhere_do_no_harm(results, make_run, content):
    run = make_run("a", [epoch(1)])
    (run / "notes.json").write_text(content)
    assert data(Library(results), "run", "a")["tags"] == []


def test_our_results_are_a_place_of_their_own_and_marked(results, make_run, tmp_path):
    make_run("mine", [epoch(1)])
    ours = tmp_path / "ours"
    ours.mkdir()
    write_record(ours, EXAMPLE)
    library = Library(results, ours)
    places = (library.data("places") or {})["places"]
    assert [place["path"] for place in places] == ["results", PUBLISHED]
    second = library.data("place-1") or {}
    assert "come with nasbench" in second["note"]
    assert [row["method"] for row in second["tasks"][0]["rows"]] == ["darts"]
    assert "come with nasbench" not in (library.data("place-0") or {})["note"]


def columns(**values: list[Any]) -> list[dict[str, Any]]:
    kinds = {n: "category" if isinstance(v[0], str) else "number" for n, v in values.items()}
    return [{"name": n, "kind": kinds[n], "log": False, "values": v} for n, v in values.items()]


@pytest.mark.parametrize(
    ("scores", "values", "told"),
    [
        ([0.1, None, 0.2], {"lr": [1.0, 2.0, 3.0]}, "too few"),
        ([0.1] * FEWEST, {"lr": [1.0, 2.0, 3.0, 4.0]}, "too few"),
        ([0.1, 0.2, 0.3, 0.4], {"lr": [1.0] * 4}, "no parameter"),
        ([0.1, 0.2, 0.3, 0.4], {"lr": [1.0, 2.0, 3.0, None]}, "no parameter"),
    ],
)
def test_the_importance_of_too_little_says_so(scores, values, told):
    found = of_trials({"score": scores, "columns": columns(**values)})
    assert found["parameters"] == []
    assert told in found["note"]


@pytest.mark.slow
def test_the_parameter_that_decides_is_the_important_one():
    shares = [n * 0.618 % 1 for n in range(60)]
    kinds = ["abc"[n % 3] for n in range(60)]
    some = [None, *shares[1:]]
    values = columns(lr=shares, kind=kinds, some=some, same=[1.0] * 60)
    scores: list[float | None] = [share**2 for share in shares]
    scores[7] = None
    found = of_trials({"score": scores, "columns": values})
    (first, most), (second, _) = found["parameters"]
    assert (first, second) == ("lr", "kind")
    assert most > 0.8
    assert found["note"] == "not in every trial, and left out: some"
    assert sum(share for _, share in found["parameters"]) == pytest.approx(1)
