"""The sentences under a table, and the rows that come with nasbench."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from nasbench.api.boards import leaderboard
from nasbench.cli import main
from nasbench.errors import UserError
from nasbench.report.formats import render
from nasbench.report.leaderboard import build
from nasbench.store import published
from nasbench.store.records import read_records, write_record
from tests.conftest import REPOSITORY

FIVE = {0: 0.90, 1: 0.91, 2: 0.92, 3: 0.91, 4: 0.91}
LESS = {0: 0.80, 1: 0.81, 2: 0.82, 3: 0.81, 4: 0.81}
LEAST = {0: 0.70, 1: 0.71, 2: 0.72, 3: 0.71, 4: 0.71}


def words(*records, ours=()):
    (table,) = build(records, [], None, ours).tables
    return list(table.words)


def test_the_best_row_is_said_to_be_better_by_how_much_and_over_how_many_seeds(seeds):
    said = words(*seeds("darts", FIVE), *seeds("random", LESS), *seeds("spos", LEAST))
    assert said == [
        "darts on cnn is better than random on cnn by 10.00 points [10.00, 10.00], "
        "paired over 5 search seeds; among 1 other: 1 worse (*)."
    ]


def test_a_lead_that_is_not_shown_is_called_so(seeds):
    three = {seed: FIVE[seed] for seed in range(3)}
    said = words(*seeds("darts", three), *seeds("random", LESS), *seeds("spos", LEAST))
    assert said == [
        "No row is shown to be better than random search, 1 is worse (*); darts on cnn against "
        "random on cnn: +10.00 points [+10.00, +10.00], paired over 3 search seeds: no "
        "difference shown, 3 pairs are too few (5 search seeds are needed to show one)."
    ]


def test_single_rows_ask_for_what_is_missing(record, seeds):
    assert words(record("a")) == [
        "One row, a single run: nothing to compare with yet; `nasbench search random --task "
        "digits --space cnn`, then `nasbench retrain last`, adds the row to compare with."
    ]
    assert words(*seeds("random", FIVE)) == ["One row: nothing to compare random search with yet."]
    plain = {"kind": "plain", "method": "by hand", "search_seconds": 0, "search_evaluations": 0}
    first, second = record("a", **plain), record("b", **plain, space="vgg", test_accuracy=0.8)
    assert words(first, second) == [
        "cnn by hand against vgg by hand: +10.00 points; one run each: no interval, no "
        "difference shown."
    ]


def test_networks_at_chance_level_are_not_compared(record):
    known = {"test_classes": [50, 50], "test_examples": 100, "test_accuracy": 0.5}
    said = words(record("a", **known), record("b", method="random", **known))
    assert said == ["Every network is at chance level: there is nothing to compare."]


def test_the_kinds_are_compared_with_their_budgets(seeds):
    tuned = seeds("tpe", LESS, kind="hpo", space="vgg", search_seconds=400.0)
    said = words(*seeds("darts", FIVE, search_seconds=900.0), *tuned)
    assert said[-1] == (
        "NAS against HPO: darts on cnn is better than HPO tpe on vgg by 10.00 points [10.00, "
        "10.00], paired over 5 search seeds; not an equal budget (15 min against 7 min)."
    )


def test_published_rows_stand_apart_and_are_marked(seeds):
    mine, ours = seeds("darts", FIVE), [*seeds("darts", LESS), *seeds("random", LEAST)]
    ours = [replace(one, run=f"ours-{one.run}-{one.method}") for one in ours]
    board = build(mine, [], None, ours)
    assert [(row.label, row.published, row.rank) for row in board.rows] == [
        ("darts on cnn", False, 1),
        ("darts on cnn \N{DAGGER}", True, 2),
        ("random on cnn \N{DAGGER}", True, 3),
    ]
    for format in ("table", "md"):
        assert "\N{DAGGER} published with nasbench" in render(board, format)
    assert r"darts on cnn $\dagger$" in render(board, "latex")
    assert (
        board.tables[0]
        .words[0]
        .startswith("darts on cnn is better than random on cnn (published) by 20.00 points")
    )
    own = build([*mine, *seeds("random", FIVE)], [], None, ours)
    assert own.rows[0].versus_random.points == 0  # a random search of one's own comes first
    assert len(build(mine, [], None, mine).rows) == 1  # the folder of the published results


def test_the_repository_s_results_are_shown_only_when_asked_for(tmp_path, capsys, record):
    write_record(tmp_path, record("mine", task="digits", space="darts"))
    run = ["leaderboard", "--results", str(tmp_path), "--format", "csv", "--columns", "method"]
    assert main(run) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main([*run, "--with-published"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.endswith("True")]) == len(lines) - 2 > 10
    board = leaderboard(results=tmp_path, with_published=True, task="digits")
    assert {row.task for row in board.board.rows} == {"digits"}
    assert len(board) > 10


def test_published_results_that_are_missing_are_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(published, "_PLACES", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(UserError, match="install nasbench-workbench again"):
        published.folder()
    assert main(["leaderboard", "--results", str(tmp_path), "--with-published"]) == 2
    assert capsys.readouterr().err.startswith("error: the published results are missing")


def test_every_published_network_has_learned_something():
    place = published.folder()
    for folder in (place, *(place / "studies").iterdir()):
        records, problems = read_records(folder)
        assert problems == []
        assert not [row.label for row in build(records, [], None).rows if row.at_chance]


@pytest.mark.parametrize("width", [40, 80])
def test_the_readme_s_commands_end_in_few_lines(tmp_path, capsys, monkeypatch, width):
    records, _ = read_records(published.folder())
    for one in records:
        if one.task == "digits" and one.space == "darts":
            write_record(tmp_path, one)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["leaderboard", "--results", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert len(lines) <= 25
    assert max(map(len, lines)) <= width
    assert re.search(r"2  darts on darts +98\.52 ± 0\.56", text)
    assert "\x1b" not in text
    for page in ("README.md", "README.zh-CN.md"):
        assert (f"```text\n{text}```\n" in (REPOSITORY / page).read_text()) == (width == 80)


@pytest.mark.parametrize("words", [["--columns", "method,parms"], ["--format", "tex"]])
def test_unknown_names_are_one_line(tmp_path, capsys, words):
    assert main(["leaderboard", "--results", str(tmp_path), *words]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: unknown ")
    assert "allowed: " in err
    assert err.count("\n") == 1
