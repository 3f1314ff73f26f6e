"""Rows of several metrics on one leaderboard: never mixed, sorted by their direction."""

from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

import pytest

from nasbench.report.anytime import mean_curves, write_pictures
from nasbench.report.formats import render
from nasbench.report.leaderboard import build

RMSE = {"metric": "rmse", "larger_is_better": False, "is_share": False, "test_accuracy": None}


def errors(record, method, values, **more):
    """Return a record of each error, by search seed."""
    return [
        record(
            f"{method}-{seed}",
            method=method,
            search_seed=seed,
            test_metrics={"rmse": value},
            **{**RMSE, **more},
        )
        for seed, value in values.items()
    ]


SMALL = {seed: 12.0 + seed / 10 for seed in range(6)}
LARGE = {seed: 15.0 + seed / 10 for seed in range(6)}


def test_the_smaller_error_comes_first_and_is_called_better(record):
    board = build([*errors(record, "random", LARGE), *errors(record, "darts", SMALL)], [], None)
    assert [row.method for row in board.rows] == ["darts", "random"]
    darts = board.rows[0]
    assert darts.mean == pytest.approx(12.25)
    assert darts.versus_random.points == pytest.approx(-3.0)
    assert darts.versus_random.shown
    assert darts.versus_random.first_is_better
    assert any("darts on cnn is better than random on cnn by 3.000 rmse" in n for n in board.notes)
    text = render(board, "md")
    assert "## digits, test rmse (less is better)" in text
    assert "| darts on cnn | 12.25 \N{PLUS-MINUS SIGN} 0.1" in text
    assert "\N{MINUS SIGN}3.000" in text
    assert "accuracy" not in text


def test_nas_against_hpo_takes_the_best_of_either(record):
    rows = [
        *errors(record, "darts", SMALL),
        *errors(record, "spos", LARGE),
        *errors(record, "tpe", {s: v + 1 for s, v in SMALL.items()}, kind="hpo", space="small"),
    ]
    board = build(rows, [], None)
    said = [note for note in board.notes if "NAS against HPO" in note]
    assert "darts on cnn is better than HPO tpe on small by 1.000 rmse" in said[0]
    assert any("chosen by test rmse" in note for note in said)


def test_metrics_have_tables_of_their_own_and_are_not_compared(record):
    records = [
        *errors(record, "random", SMALL),
        *[record(f"a{s}", method="darts", search_seed=s, test_accuracy=0.5) for s in range(6)],
        *errors(record, "darts", {0: 0.3}, metric="mine", is_share=True),
    ]
    for one in records[-1:]:
        one.test_metrics["mine"] = 0.3
    board = build(records, [], None)
    assert [table.title for table in board.tables] == [
        "digits, accuracy",
        "digits, mine (less is better)",
        "digits, rmse (less is better)",
    ]
    for table in board.tables:
        assert {row.measure for row in table.rows} == {table.measure}
    assert all(row.versus_random is None for row in board.rows)
    lines = list(csv.DictReader(io.StringIO(render(board, "csv"))))
    assert [(one["metric"], one["unit"], float(one["mean"])) for one in lines] == [
        ("accuracy", "%", 50.0),
        ("mine", "%", 30.0),
        ("rmse", "", pytest.approx(12.25)),
    ]
    rows = json.loads(render(board, "json"))["rows"]
    assert [row["larger_is_better"] for row in rows] == [True, False, False]
    for format in ("table", "html"):
        assert render(board, format).count("rmse (less is better)") == 1


def test_a_missing_random_search_is_asked_for_with_the_same_data_and_metric(record):
    config = {"task": "/data/my images", "metric": "mae", "epochs": 3}
    more = {"search_config": config, "task": "my images"}
    board = build(errors(record, "darts", SMALL, **more), [], None)
    assert any(
        "`nasbench search random --task '/data/my images' --metric mae --space cnn`" in note
        for note in board.notes
    )


def test_a_curve_of_errors_falls(record, tmp_path):
    pytest.importorskip("matplotlib")
    curve = [[1.0, 20.0], [2.0, 25.0], [4.0, 15.0]]
    board = build(errors(record, "darts", SMALL, curve=curve, search_seconds=8.0), [], None)
    (one,) = mean_curves(board.rows)
    assert one.mean[0] == 20.0
    assert (one.mean[1:] <= one.mean[:-1]).all()
    assert one.mean[-1] == 15.0
    (path,) = write_pictures(board, tmp_path)
    words = "".join(ElementTree.fromstring(path.read_text()).itertext())
    assert "best validation rmse so far" in words
    assert "%" not in words.replace("95 %", "")


@pytest.mark.parametrize(("metric", "low"), [("auroc", 0), ("balanced_accuracy", 1)])
def test_a_metric_that_sees_how_sure_a_network_is_needs_no_other_answers(record, metric, low):
    """Every answer is the large class, and the scores order the examples almost rightly."""
    known = {"metric": metric, "constant": 0.5, "confusion": [[950, 0], [50, 0]]}
    one = record("a", test_metrics={metric: 0.97}, test_accuracy=0.95, is_share=True, **known)
    (row,) = build([one], [], None).rows
    assert row.at_chance == low


def test_an_error_no_better_than_a_constant_answer_is_marked(record):
    board = build(errors(record, "darts", {0: 2.0, 1: 1.0}, constant=1.5), [], None)
    assert "0.500, 1 of 2 at chance" in render(board, "md")
    assert any(
        "not shown to be better than always giving one answer, whose rmse is 1.500" in note
        for note in board.notes
    )


def test_records_of_before_are_accuracies(record):
    (row,) = build([record("a")], [], None).rows
    assert (row.measure.name, row.measure.unit, row.mean) == ("accuracy", "%", 90.0)


def test_a_task_of_ones_own_is_named_by_its_place(record, tmp_path, capsys, monkeypatch):
    from nasbench.cli import main
    from nasbench.store.records import write_record

    for one in errors(record, "darts", SMALL, task="images"):
        write_record(tmp_path, one)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    for name in ("images", "images/", str(tmp_path / "images")):
        assert main(["leaderboard", "--task", name, "--results", ".", "--format", "csv"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["leaderboard", "--task", "imagez", "--results", "."]) == 2
    assert "unknown task 'imagez': did you mean images" in capsys.readouterr().err
