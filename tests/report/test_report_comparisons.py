"""Which rows are held against each other, and what is said of it."""

import pytest

from nasbench.report.comparisons import contest
from nasbench.report.leaderboard import build

FIVE = {0: 0.90, 1: 0.91, 2: 0.92, 3: 0.91, 4: 0.91}
LESS = {0: 0.80, 1: 0.81, 2: 0.82, 3: 0.81, 4: 0.81}


def row_of(board, name):
    return next(row for row in board.rows if row.name == name)


def tuned(seeds, method, accuracies=FIVE, **changes):
    return seeds(method, accuracies, **{"kind": "hpo", "space": "small-cnn"} | changes)


def said(board, words):
    return [note for note in board.notes if words in note]


def test_difference_from_random_is_paired_and_said(seeds):
    board = build([*seeds("darts", {**FIVE, 4: 0.92}), *seeds("random", LESS)], [], None)
    versus = row_of(board, "darts").versus_random
    assert versus.points == pytest.approx(10.2)
    assert versus.interval[0] < 10.2 < versus.interval[1]
    assert versus.paired
    assert versus.shown
    assert row_of(board, "random").versus_random is None
    (note,) = said(board, "darts on cnn is better than random on cnn by 10.20 points")
    assert note.startswith("task digits: ")


def test_no_difference_is_shown_where_the_interval_spans_zero(grid):
    board = build([*grid("darts", 0.901), *grid("random", 0.9)], [], None)
    assert not row_of(board, "darts").versus_random.shown
    assert said(board, "no difference from random on cnn is shown for darts on cnn: paired over 3")


def test_single_run_gives_points_without_an_interval(record, grid):
    board = build([record("one"), *grid("random", 0.8)], [], None)
    versus = row_of(board, "darts").versus_random
    assert versus.points == pytest.approx(90 - 81.1)
    assert versus.interval is None
    assert not versus.shown
    assert said(board, "is shown for darts on cnn: a single run has no interval")


def test_random_on_the_same_space_is_preferred(grid):
    records = [
        *grid("darts", 0.9),
        *grid("random", 0.8),
        *grid("random", 0.5, space="mobilenet"),
    ]
    board = build(records, [], None)
    assert row_of(board, "darts").versus_random.points == pytest.approx(10.0)
    assert not said(board, "is compared with")


def test_comparison_across_spaces_or_recipes_is_said(grid):
    random = grid("random", 0.8, space="mobilenet", retrain_config={"epochs": 5})
    notes = " / ".join(build([*grid("darts", 0.9), *random], [], None).notes)
    assert "no random row on cnn: darts on cnn is compared with random on mobilenet" in notes
    assert "darts on cnn and random on mobilenet were retrained differently (epochs)" in notes


def test_random_search_and_random_tuning_stay_apart(seeds):
    records = [
        *seeds("darts", FIVE),
        *seeds("random", {0: 0.8, 1: 0.8}, space="mobilenet"),
        *tuned(seeds, "tpe"),
        *tuned(seeds, "random", {0: 0.7, 1: 0.7}, space="resnet18"),
    ]
    board = build(records, [], None)
    assert [row.name for row in board.rows] == ["HPO tpe", "darts", "random", "HPO random"]
    # The same kind on another space comes before the other kind.
    assert row_of(board, "darts").versus_random.points == pytest.approx(10.5)
    assert row_of(board, "HPO tpe").versus_random.points == pytest.approx(20.5)
    assert said(board, "HPO tpe on small-cnn is compared with HPO random on resnet18")
    assert not said(board, "row for task")


def test_tuning_without_a_random_row_is_held_against_random_search(seeds):
    board = build([*tuned(seeds, "tpe"), *seeds("random", LESS)], [], None)
    assert row_of(board, "HPO tpe").versus_random.points == pytest.approx(10.0)
    assert said(
        board,
        "no HPO random row on small-cnn: HPO tpe on small-cnn is compared with random on cnn",
    )
    assert said(
        board,
        "no random HPO row for task digits: run `nasbench hpo small-cnn --task digits "
        "--tuner random` and retrain its checkpoint",
    )


def test_only_tuned_rows_ask_for_no_architecture_search(seeds):
    board = build(tuned(seeds, "tpe"), [], None)
    assert row_of(board, "HPO tpe").versus_random is None
    assert not said(board, "nasbench search")
    assert not said(board, "NAS against HPO")


def test_what_the_tuner_chose_does_not_split_a_row(seeds):
    records = [
        *tuned(seeds, "tpe", {0: 0.9}, arch={"lr": 0.1, "width": 8}, retrain_config={"lr": 0.1}),
        *tuned(
            seeds,
            "tpe",
            {1: 0.8},
            arch={"lr": 0.2, "width": 4},
            retrain_config={"lr": 0.2, "space_arguments": {"width": 4}},
        ),
    ]
    (row,) = build(records, [], None).rows
    assert row.retrain_config == {}
    for record in records:
        object.__setattr__(record, "kind", "nas")
    assert len(build(records, [], None).rows) == 2


def test_best_of_each_kind_compete_without_random(seeds):
    records = [
        *seeds("evolution", FIVE),
        *seeds("darts", LESS),
        *seeds("random", {0: 0.99}),
        *tuned(seeds, "tpe", LESS),
        *tuned(seeds, "random", {0: 0.99}),
        *seeds("imported", {0: 0.999}, search_seconds=0.0, search_evaluations=0),
    ]
    board = build(records, [], None)
    nas, hpo = contest(board.rows)
    assert (nas.name, hpo.name) == ("evolution", "HPO tpe")
    assert said(
        board,
        "task digits, NAS against HPO: evolution on cnn is better than HPO tpe on small-cnn "
        "by 10.00 points [10.00, 10.00], paired over 5 search seeds",
    )
    assert said(board, "the best of 2 NAS and the best of 1 HPO, chosen by test accuracy")


def test_a_joint_search_competes_with_both_kinds(seeds):
    both = {"kind": "joint", "search_config": {"tuned": {"lr": {"_value": [0.1, 1.0]}}}}
    records = [*seeds("darts", LESS), *tuned(seeds, "gp", LESS), *seeds("tpe", FIVE, **both)]
    board = build(records, [], None)
    for kind, other in (("NAS", "darts on cnn"), ("HPO", "HPO gp on small-cnn")):
        assert said(
            board,
            f"task digits, joint search against {kind}: joint tpe on cnn is better than {other} "
            "by 10.00 points [10.00, 10.00], paired over 5 search seeds",
        )
    assert said(board, "no random joint-search row for task digits")
    assert said(board, "nasbench search random --task digits --space cnn --tune lr")


def test_kind_with_nothing_else_enters_its_random_row(seeds):
    board = build([*seeds("darts", {0: 0.9}), *tuned(seeds, "random", {0: 0.8})], [], None)
    assert said(
        board,
        "NAS against HPO: darts on cnn against HPO random on small-cnn: +10.00 points; "
        "one run each: no interval, no difference shown",
    )
    assert not said(board, "chosen by test accuracy")


def test_equal_budget_comes_before_the_better_row(seeds):
    records = [
        *seeds("evolution", LESS, search_seconds=900.0),
        *seeds("darts", FIVE, search_seconds=9000.0),
        *tuned(seeds, "tpe", LESS, search_seconds=1000.0),
    ]
    board = build(records, [], None)
    assert contest(board.rows)[0].method == "evolution"
    assert not [note for note in said(board, "NAS against HPO") if "equal budget" in note]


def test_unequal_budget_of_the_kinds_is_said(seeds):
    records = [
        *seeds("darts", FIVE, search_seconds=900.0),
        *tuned(seeds, "tpe", search_seconds=400.0),
    ]
    assert said(
        build(records, [], None),
        "task digits, NAS against HPO: not an equal budget: HPO tpe on small-cnn searched 7 min, "
        "darts on cnn 15 min",
    )


def test_few_seeds_are_warned_of_and_ten_are_not(seeds):
    def warned(number):
        return said(
            build(seeds("random", dict.fromkeys(range(number), 0.9)), [], None), "too narrow"
        )

    assert [bool(warned(number)) for number in (1, 2, 9, 10)] == [False, True, True, False]
