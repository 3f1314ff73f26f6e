"""``nasbench runs``: what it lists, in a terminal and in a pipe, and what it deletes."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

import nasbench as nb
from nasbench.report.run_rows import age, disk, short
from nasbench.store.runs import hold

FIRST = "20261001-100000-search-darts-digits-s0-a1b2"
SECOND = "20261002-100000-hpo-tpe-my-pictures-s3-c3d4"
THIRD = "20261003-100000-retrain-darts-digits-s0-e5f6"


def make(place: str, folder: str, **info: object) -> Path:
    """Make a run folder with a file of 1,000 bytes."""
    path = Path(place) / "runs" / folder
    path.mkdir(parents=True)
    fixed = {"format": "nasbench-run/1", "status": "done", "seed": int(folder.split("-s")[-1][0])}
    (path / "run.json").write_text(json.dumps({**fixed, **info}))
    (path / "state.pt").write_bytes(bytes(1000))
    return path


@pytest.fixture
def folders(place):
    metrics = {"supernet_val_accuracy": 0.9123, "derived_val_accuracy": 0.1}
    return [
        make("results", FIRST, verb="search", name="darts", task="digits", metrics=metrics),
        make(
            "results/studies/mine",
            SECOND,
            verb="hpo",
            name="tpe",
            task="my-pictures",
            status="stopped",
            config={"model": "resnet18"},
        ),
        make("results", THIRD, verb="retrain", name="darts", task="digits"),
    ]


def test_the_list_in_a_pipe(folders, run):
    head, *lines = run("runs").out.splitlines()
    assert head.split() == ["run", "state", "age", "task", "method", "seed", "result", "size"]
    assert [line.split()[0] for line in lines] == [THIRD, SECOND, FIRST]
    assert "stopped" in lines[1]
    assert "hpo resnet18@tpe" in lines[1]
    assert "91.23% val accuracy" in lines[2]
    assert lines[2].endswith("1.2 kB")
    (one,) = json.loads(run("runs", "--state", "stopped", "--json").out)
    assert (one["name"], one["verb"], one["seed"]) == (SECOND, "hpo", 3)
    assert one["size"] == 1000 + (folders[1] / "run.json").stat().st_size
    assert [row.name for row in nb.runs(task="digits").rows] == [THIRD, FIRST]
    assert nb.runs()[0].folder == Path("results/runs") / THIRD


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_every_line_fits_a_terminal(folders, run, monkeypatch, width):
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((width, 24)))
    monkeypatch.setattr("nasbench.cli.runs._in_terminal", lambda: True)
    lines = run("runs").out.splitlines()
    assert max(map(len, lines)) <= width
    assert [line.split()[0] for line in lines] == ["run", "e5f6", "c3d4", "a1b2"]
    assert ("seed" in lines[0]) is (width >= 80)


def test_an_empty_folder_and_mistakes(place, run, refused):
    answer = run("runs")
    assert (answer.status, answer.out) == (0, "")
    assert "no runs under results/runs: nasbench search makes one" in answer.err
    assert run("runs", "--json").json == []
    make("results", FIRST, verb="search", name="darts", task="digits")
    assert "unknown --state 'finished'" in refused("runs", "--state", "finished")
    assert "RUN nothing is no run under results/runs" in refused("runs", "nothing")
    assert "--rm: which RUN?" in refused("runs", "--rm")
    assert "--yes: is for --rm" in refused("runs", "--yes")
    assert "give --yes" in refused("runs", "--rm", "a1b2")
    assert "no runs of this task or state" in run("runs", "--task", "mnist").err


def test_only_what_is_named_is_deleted(folders, run):
    record = Path("results/records") / f"{THIRD}.json"
    record.parent.mkdir()
    record.write_text("{}")
    answer = run("runs", "--rm", "--yes", "e5f6", "c3d4")
    assert answer.out.startswith("deleted: 2 runs, ")
    assert "1 of them stay on the leaderboard" in answer.out
    assert [path.exists() for path in folders] == [True, False, False]
    assert record.exists()


def test_records_go_if_asked(folders, run):
    record = Path("results/records") / f"{THIRD}.json"
    record.parent.mkdir()
    record.write_text("{}")
    assert run("runs", "--rm", "--records", "--yes", "--task", "digits").status == 0
    assert [path.exists() for path in folders] == [False, True, False]
    assert not record.exists()


def test_a_running_run_stays_and_all_with_it(folders, refused):
    (folders[0] / "run.json").write_text(
        (folders[0] / "run.json").read_text().replace('"done"', '"running"')
    )
    with hold(folders[0]):
        line = refused("runs", "--rm", "--yes", "--task", "digits")
    assert line == f"{FIRST}: running: stop it first; nothing was deleted"
    assert all(path.exists() for path in folders)


@pytest.mark.parametrize(("said", "stays"), [("y\n", False), ("n\n", True), ("", True)])
def test_the_question(folders, run, monkeypatch, said, stays):
    stdin = io.StringIO(said)
    stdin.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", stdin)
    answer = run("runs", "--rm", "a1b2")
    assert "delete 1 run (1.2 kB)? [y/N]" in answer.err
    assert folders[0].exists() is stays
    assert answer.status == int(stays)


def test_a_link_is_not_followed(place, folders, run, refused):
    outside = place / "outside"
    folders[0].rename(outside)
    folders[0].symlink_to(outside)
    assert "is a symbolic link" in refused("runs", "--rm", "--yes", "a1b2")
    assert (outside / "state.pt").exists()


def test_words():
    assert [age(s) for s in (3, 180, 20_000, 400_000)] == ["3 s", "3 min", "6 h", "5 d"]
    assert [disk(b) for b in (0, 1234, 5e6, 2.5e9)] == ["0.0 kB", "1.2 kB", "5.0 MB", "2.5 GB"]
    names = ["a-s0-abcd", "b-s0-abcd", "c-s0-4711", "d-s0-ffff"]
    assert list(short(names).values()) == ["a-s0-abcd", "b-s0-abcd", "s0-4711", "ffff"]
