"""Runs by other metrics than the accuracy on the page's data."""

from __future__ import annotations

import json

import pytest

from nasbench.board.library import Library
from tests.board.conftest import epoch, trial

RMSE = {"name": "rmse", "larger_is_better": False, "is_share": False}


def place(results):
    return Library(results).data("place-0")


def page(results, name):
    library = Library(results)
    (run,) = [run for run in library.data("place-0")["runs"] if run["name"] == name]
    return library.data(f"run-{run['key']}")


def test_of_errors_the_smallest_is_the_best(results, make_run):
    epochs = [epoch(n, val_rmse=value) for n, value in enumerate((3.0, 2.0, 4.0), start=1)]
    make_run("a", epochs, provenance={"metric": RMSE})
    (run,) = place(results)["runs"]
    assert (run["val"], run["best"]) == (4.0, 2.0)
    assert (run["metric"]["words"], run["metric"]["share"], run["metric"]["larger"]) == (
        *("rmse", False),
        False,
    )
    assert page(results, "a")["shares"] == ["val_accuracy"]  # of the fixture's epochs


def test_scores_of_trials_are_shown_as_errors(results, make_run):
    events = [trial(0, -3.0, reports=[-5.0, -3.0]), trial(1, None), trial(2, -1.5)]
    make_run("a", events, verb="hpo", provenance={"metric": RMSE}, metrics={"val_rmse": 1.5})
    (run,) = place(results)["runs"]
    assert run["best"] == 1.5
    found = page(results, "a")
    assert found["trials"]["score"] == [3.0, None, 1.5]
    assert found["trials"]["reports"][0] == [5.0, 3.0]
    assert found["trials"]["larger"] is False
    assert found["shares"] == []


def test_an_experiment_that_minimizes(results, make_run):
    make_run("a", [trial(0, 3.0), trial(1, 1.0)], verb="hpo", optimize_mode="minimize")
    (run,) = place(results)["runs"]
    assert (run["best"], run["metric"]) == (1.0, None)
    assert page(results, "a")["trials"]["score"] == [3.0, 1.0]


def test_folds_of_either_version(results, make_run):
    make_run("a", config={"folds": 2}, verb="retrain")
    (results / "folds").mkdir()
    for folds in (
        [{"fold": 1, "val_accuracy": 0.5}, {"fold": 2, "val_accuracy": 0.75}],
        [{"fold": 1, "result": 0.5}, {"fold": 2, "result": 0.75}],
    ):
        (results / "folds" / "a.json").write_text(json.dumps({"folds": folds}))
        assert [one["result"] for one in page(results, "a")["folds"]] == [0.5, 0.75]


@pytest.mark.parametrize(
    "metric", [None, 3, {"name": 3}, {"name": "x" * 1000}, {"name": "\x1b[31m"}]
)
def test_a_metric_from_elsewhere_does_no_harm(results, make_run, metric):
    make_run("a", [epoch(1)], provenance={"metric": metric})
    (run,) = place(results)["runs"]
    json.dumps(run)
    page(results, "a")
