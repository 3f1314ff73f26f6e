import subprocess
import sys

import pytest

from nasbench.report.leaderboard import Unfinished, build


def row_of(board, method):
    return next(row for row in board.rows if row.method == method)


def test_row_sums_up_its_records(record):
    records = [
        record("a", search_seed=0, test_accuracy=0.90, params=10, search_seconds=10.0),
        record("b", search_seed=0, retrain_seed=1, test_accuracy=0.92, search_seconds=10.0),
        record("c", search_seed=1, test_accuracy=0.95, params=30, search_seconds=40.0),
    ]
    (row,) = build(records, [], None).rows
    assert row.mean == pytest.approx((91 + 95) / 2)  # each search seed weighs the same
    assert row.interval[0] < row.mean < row.interval[1]
    assert row.seeds == "2 (3 runs)"
    assert row.params == 30
    assert row.search_seconds == pytest.approx(25.0)  # per search, not per retraining
    assert row.test_openings == 3
    assert not row.reopened


def test_full_grid_of_seeds_is_named_by_its_sides(grid):
    (row,) = build(grid("darts", 0.9), [], None).rows
    assert row.seeds == "3\N{MULTIPLICATION SIGN}2"


def test_single_run_has_no_interval(record, grid):
    board = build([record("one"), *grid("random", 0.8)], [], None)
    assert row_of(board, "darts").interval is None
    assert row_of(board, "random").interval is not None


def test_rows_of_a_task_are_sorted_by_mean_and_tasks_kept_apart(record):
    records = [
        record("a", method="low", test_accuracy=0.1),
        record("b", method="high", test_accuracy=0.9),
        record("c", method="other", test_accuracy=0.99, task="mnist"),
    ]
    board = build(records, [], None)
    assert [row.method for row in board.rows] == ["high", "low", "other"]
    assert [table.title for table in board.tables] == ["digits", "mnist"]
    assert [row.method for row in build(records, [], "mnist").rows] == ["other"]


def test_duplicate_record_counts_once(record):
    (row,) = build([record("a"), record("a")], [], None).rows
    assert (row.runs, row.test_openings) == (1, 1)


def test_repeat_of_the_same_seeds_does_not_narrow_the_interval(record):
    board = build([record("a", test_accuracy=0.8), record("b", test_accuracy=0.9)], [], None)
    assert board.rows[0].interval is None
    assert board.rows[0].mean == pytest.approx(85)
    assert any("1 run repeats the seeds of another" in note for note in board.notes)


def test_rows_that_differ_in_configuration_are_told_apart(record):
    records = [
        record("a", search_config={"epochs": 10, "options": {"lr": 1}}),
        record("b", search_config={"epochs": 20, "options": {"lr": 1}}),
        record("c", search_config={"epochs": 10}),
    ]
    variants = {row.variant for row in build(records, [], None).rows}
    assert variants == {
        "10 epochs, lr 1",
        "20 epochs, lr 1",
        "10 epochs, lr unset",
    }


def test_variant_names_the_stage_where_both_have_the_key(record):
    records = [
        record("a", search_config={"epochs": 1}, retrain_config={"epochs": 2}),
        record("b", search_config={"epochs": 3}, retrain_config={"epochs": 4}),
    ]
    variants = {row.variant for row in build(records, [], None).rows}
    assert variants == {
        "search 1 epoch, retraining 2 epochs",
        "search 3 epochs, retraining 4 epochs",
    }


def test_lone_row_needs_no_variant(grid):
    board = build([*grid("darts", 0.9), *grid("darts", 0.9, space="mobilenet")], [], None)
    assert [row.variant for row in board.rows] == ["", ""]


def test_unfinished_runs_stand_apart_and_count_for_nothing(record):
    failed = Unfinished("r1", "search", "darts", "digits", "failed", "out of memory")
    elsewhere = Unfinished("r2", "search", "darts", "mnist", "stopped", "")
    board = build([record("a")], [failed, elsewhere], "digits")
    assert board.unfinished == (failed,)
    assert [row.runs for row in board.rows] == [1]


def test_missing_random_row_is_said_per_task(record):
    board = build([record("a"), record("b", task="mnist", method="random")], [], None)
    assert (
        "no random-search row for task digits: run `nasbench search random --task digits "
        "--space cnn` and retrain its checkpoint"
    ) in board.notes
    assert not any("no random-search row for task mnist" in note for note in board.notes)


@pytest.mark.parametrize(
    ("seconds", "fair"), [(31.9, False), (32.0, True), (50.0, True), (50.1, False)]
)
def test_unequal_search_budget_is_said(record, seconds, fair):
    records = [record("a"), record("b", method="random", search_seconds=seconds)]
    unequal = [note for note in build(records, [], None).notes if "equal budget" in note]
    assert (unequal == []) == fair


def test_unequal_budget_note_gives_both_costs(record):
    records = [record("a"), record("b", method="random", search_seconds=12.0)]
    assert (
        "task digits: not an equal budget: random on cnn searched 12 s, darts on cnn 40 s"
    ) in build(records, [], None).notes


def test_baseline_without_a_search_has_no_budget_to_match(record):
    baseline = record("a", method="resnet", search_seconds=0.0, search_evaluations=0)
    notes = build([baseline, record("b", method="random")], [], None).notes
    assert not [note for note in notes if "budget" in note]


def test_repeated_test_opening_is_flagged(record):
    board = build([record("a", test_openings=3), record("b", retrain_seed=1)], [], None)
    assert board.rows[0].test_openings == 4
    assert board.rows[0].reopened
    assert any("more than once" in note for note in board.notes)


def test_latency_names_its_devices(record):
    records = [
        record("a", provenance={"device": "H200"}),
        record("b", retrain_seed=1, provenance={"device": "Xeon"}),
        record("c", retrain_seed=2),
    ]
    board = build(records, [], None)
    assert board.rows[0].device == "H200 + Xeon"
    assert "latency of one example on H200 + Xeon" in board.notes


def test_latencies_of_different_devices_are_told_apart(record):
    one = record("a", provenance={"device": "H200"})
    other = record("b", method="evolution", provenance={"device": "Xeon"})
    notes = build([one, other], [], None).notes
    assert any(n.endswith("on H200") and "evolution" not in n for n in notes)
    assert "latency of one example of evolution on cnn: on Xeon" in notes


def test_empty_board_says_so():
    assert build([], [], "digits").notes == ("no finished retraining for task digits yet",)


def test_report_leaves_torch_alone():
    code = (
        "import sys, nasbench.report.formats, nasbench.report.drawing; "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
