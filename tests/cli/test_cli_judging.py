"""Metrics and losses at the command line: other ones, one's own, and those that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

MINE = """
import torch.nn.functional as F

def error_rate(outputs, targets):
    return (outputs.argmax(1) != targets).double().mean()
error_rate.larger_is_better = False
error_rate.is_share = True

def nothing(outputs, targets):
    return float("nan")

def own_loss(outputs, targets):
    return F.cross_entropy(outputs, targets)

def per_example(outputs, targets):
    return F.cross_entropy(outputs, targets, reduction="none")
"""


@pytest.fixture
def mine(place) -> Path:
    path = place / "mine.py"
    path.write_text(MINE)
    return path


def trials(folder: Path) -> list[dict]:
    lines = map(json.loads, (folder / "journal.jsonl").read_text().splitlines())
    return [one for one in lines if one["event"] == "trial"]


@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            "--metric rmse",
            "--metric rmse: is for the target numbers, and this task predicts class",
        ),
        ("--also auroc,mae", "--metric mae: is for the target numbers, and this task predicts"),
        ("--loss bce", "--loss bce: is for the target labels, and this task predicts class"),
        ("--loss cross-entropi", "unknown --loss 'cross-entropi': did you mean cross-entropy?"),
        ("--class-weights balanced --loss mine.py:own_loss", "--class-weights: the loss mine.py:"),
        ("--metric mine.py:missing", "unknown metric in mine.py 'missing'"),
        ("--metric missing.py:f", "metric 'missing.py': there is no such file"),
        ("--loss mine.py:per_example", "--loss per_example: returned (20,): must be a scalar"),
        (
            "--label-smoothing 0.1 --loss mine.py:own_loss",
            "--label-smoothing 0.1: the loss own_loss takes none",
        ),
    ],
)
def test_what_does_not_fit(refused, tiny, words, line):
    assert refused("search", "darts", *tiny, *words.split()).startswith(line)


@pytest.mark.parametrize("words", ["--metric acuracy", "--also f1", "--loss hubber"])
def test_a_misspelt_name_is_told_before_pictures_are_decoded(refused, place, words):
    (place / "images" / "one").mkdir(parents=True)
    (place / "images" / "one" / "broken.png").write_bytes(b"no picture")
    option, name = words.split()
    wanted = option.replace("also", "metric")
    line = refused("search", "darts", "--task", "images/", *words.split())
    assert line.startswith(f"unknown {wanted} '{name}'")


@pytest.mark.usefixtures("mine")
def test_of_errors_the_smallest_wins_and_is_named_everywhere(run, runs, tiny, small):
    options = ("--metric", "mine.py:error_rate", "--loss", "mine.py:own_loss")
    answer = run("search", "random", *tiny, "--budget", "3", *options)
    assert answer.status == 0, answer.err
    [info] = runs()
    errors = [-one["score"] for one in trials(info["folder"])]
    checkpoint = json.loads((info["folder"] / "checkpoint.json").read_text())
    assert checkpoint["metrics"] == {"val_error_rate": pytest.approx(min(errors))}
    assert checkpoint["curve"][-1][1] == pytest.approx(min(errors))
    answer = run("retrain", info["folder"], *small, "--also", "macro_f1")
    assert answer.status == 0, answer.err
    [record] = (json.loads(one.read_text()) for one in Path("results/records").iterdir())
    assert record["metric"] == "error_rate"
    assert record["larger_is_better"] is False
    assert record["test_metrics"]["error_rate"] == pytest.approx(1 - record["test_accuracy"])
    assert [sum(row) for row in record["confusion"]] == record["test_classes"]
    assert [one["examples"] for one in record["per_class"]] == record["test_classes"]
    assert record["steps"] == 10
    text = answer.out
    shown = f"test error rate {record['test_metrics']['error_rate']:.2%} on 360 sealed examples"
    assert shown in text
    assert f"also macro f1 {record['test_metrics']['macro_f1']:.2%}" in text
    assert "few steps: 10, less than 200" in text
    board = run("leaderboard")
    assert "digits, test error rate (less is better)" in " ".join(board.out.split())
    assert "accuracy" not in board.out
    [row] = json.loads(run("leaderboard", "--format", "json").out)["rows"]
    assert (row["metric"], row["unit"], row["larger_is_better"]) == ("error_rate", "%", False)


@pytest.mark.usefixtures("mine")
def test_a_metric_that_is_no_number_fails_the_trials_and_loses_nothing(run, runs, tiny):
    answer = run("search", "random", *tiny, "--budget", "5", "--metric", "mine.py:nothing")
    assert answer.status == 2
    last = answer.err.splitlines()[-1]
    assert last.startswith("error: the first 3 trials all failed; the last: --metric nothing: ")
    assert last.endswith("returned nan for 100 examples")
    [info] = runs()
    assert info["status"] == "failed"
    assert [one["error"] is not None for one in trials(info["folder"])] == [True] * 3


@pytest.mark.usefixtures("finished")
def test_a_metric_that_fails_on_the_test_set_leaves_a_run_to_continue(run, runs, small, mine):
    [search] = [one["folder"] for one in runs() if one["verb"] == "search"]
    answer = run("retrain", search, *small, "--metric", "mine.py:nothing")
    assert answer.status == 2
    assert answer.err.splitlines()[-1] == "error: --metric nothing: returned nan for 360 examples"
    failed = [one for one in runs() if one["status"] == "failed"]
    assert len(failed) == 1
    mine.write_text(MINE.replace('float("nan")', "0.5"))
    resume = ("retrain", "--resume", failed[0]["folder"], "--json")
    assert "--code mine.py:nothing" in run(*resume).err  # the file has changed
    again = run(*resume, "--code", "mine.py:nothing")
    assert again.status == 0, again.err
    assert again.json["test_metrics"]["nothing"] == 0.5
    assert again.json["test_openings"] == 2


@pytest.mark.usefixtures("finished")
def test_a_further_metric_that_fails_is_left_out(run, runs, small, mine):
    [search] = [one["folder"] for one in runs() if one["verb"] == "search"]
    answer = run("retrain", search, *small, "--also", "mine.py:nothing,auroc")
    assert answer.status == 0, answer.err
    assert "--metric nothing: returned nan for 360 examples" in answer.out
    assert "also auroc " in answer.out
    assert "also nothing" not in answer.out


@pytest.mark.slow
@pytest.mark.usefixtures("mine")
def test_ones_own_metric_and_loss_in_a_worker_process(run, runs, tiny):
    options = ("--metric", "mine.py:error_rate", "--loss", "mine.py:own_loss")
    for more in ((), ("--engine", "local")):
        answer = run("search", "random", *tiny, "--budget", "3", *options, *more)
        assert answer.status == 0, answer.err
    here, there = (
        {one["arch_id"]: one["score"] for one in trials(info["folder"])} for info in runs()
    )
    assert here == there
    assert all(-1 <= score <= 0 for score in here.values())


@pytest.mark.slow
@pytest.mark.usefixtures("mine")
@pytest.mark.parametrize(
    "words",
    [
        ("evolution", "--budget", "6"),
        ("successive-halving", "--budget", "4", "--epochs", "2"),
        ("spos", "-o", "candidates=8", "-o", "population=4"),
        ("rspws", "-o", "candidates=8"),
        ("enas", "-o", "candidates=8"),
        ("darts-pt",),
    ],
    ids=lambda words: words[0],
)
def test_an_error_and_a_share_of_right_answers_choose_alike(run, runs, tiny, words):
    """The metrics rank alike, so each seed finds the same architecture by either of them."""
    for metric in ("accuracy", "mine.py:error_rate"):
        answer = run("search", words[0], *tiny, *words[1:], "--metric", metric)
        assert answer.status == 0, answer.err
    found = [json.loads((one["folder"] / "checkpoint.json").read_text()) for one in runs()]
    assert found[0]["arch"] == found[1]["arch"]
    for name, value in found[0]["metrics"].items():
        if name.endswith("val_accuracy"):
            other = found[1]["metrics"].get(name.replace("accuracy", "error_rate"))
            assert other is None or other == pytest.approx(1 - value)


@pytest.mark.slow
@pytest.mark.usefixtures("mine")
def test_a_tuning_by_an_error(run, runs, small):
    options = ("--metric", "mine.py:error_rate", "--budget", "4", "--seed", "1")
    for assessor in ((), ("--assessor", "medianstop")):
        answer = run("hpo", "small-cnn", *small, *options, *assessor)
        assert answer.status == 0, answer.err
        assert "validation error rate" in answer.out
    for info in runs():
        errors = [-one["score"] for one in trials(info["folder"])]
        assert info["metrics"] == {"val_error_rate": pytest.approx(min(errors))}
