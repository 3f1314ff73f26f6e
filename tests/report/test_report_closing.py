"""The last lines of a retraining."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from nasbench.report.chance import independent
from nasbench.report.closing import class_lines, far_apart, result_lines


def figures(matrix):
    """Return precision, recall and F1 of each class by their definitions."""
    found = []
    for own, row in enumerate(matrix):
        right, said, true = row[own], sum(line[own] for line in matrix), sum(row)
        precision, recall = right / said if said else 0.0, right / true if true else 0.0
        both = precision + recall
        f1 = 2 * precision * recall / both if both else 0.0
        found.append({"examples": true, "precision": precision, "recall": recall, "f1": f1})
    return found


def of_matrix(record, matrix, **more):
    total, right = sum(map(sum, matrix)), sum(row[i] for i, row in enumerate(matrix))
    return record(
        "a",
        **{
            "confusion": matrix,
            "test_classes": [*map(sum, matrix)],
            "test_examples": total,
            "test_accuracy": right / total,
            "per_class": figures(matrix),
            "class_names": ["cat", "dog", "bird"][: len(matrix)],
        }
        | more,
    )


def test_the_largest_class_stands_beside_the_result(record):
    lines = result_lines(of_matrix(record, [[50, 10, 0], [5, 20, 5], [0, 1, 9]]))
    assert lines == [
        "test accuracy 79.00% on 100 sealed examples (opened 1 time)",
        "Always answering the largest class gives 60.00%",
    ]


def test_a_result_at_the_level_of_the_largest_class(record):
    lines = result_lines(of_matrix(record, [[60, 0, 0], [28, 2, 0], [9, 1, 0]]))
    assert lines[1:] == [
        "at chance level: always answering the largest class gives 60.00%, and the network is not "
        "shown to be above it"
    ]


def test_other_metrics_stand_below_the_leading_one(record):
    more = {"metric": "macro_f1", "test_metrics": {"macro_f1": 0.75, "auroc": 0.9, "mine": 12.5}}
    lines = result_lines(of_matrix(record, [[50, 10, 0], [5, 20, 5], [0, 1, 9]], **more))
    assert lines[0].startswith("test macro f1 75.00% on 100")
    assert lines[1:] == ["also auroc 90.00%", "also mine 12.50"]


def test_an_error_is_no_percentage_and_is_held_against_the_mean(record):
    values = {"metric": "rmse", "larger_is_better": False, "is_share": False}
    known = {"test_accuracy": None, "test_metrics": {"rmse": 0.125}, "constant": 1.5}
    lines = result_lines(record("a", **values, **known))
    assert lines[0].startswith("test rmse 0.1250 on 360")
    assert lines[1] == "Always giving the same answer gives 1.500"
    bad = {**known, "test_metrics": {"rmse": 1.6}}
    assert result_lines(record("a", **values, **bad))[1] == (
        "at chance level: always giving the same answer gives 1.500, and the network is not "
        "shown to be better"
    )


@pytest.mark.parametrize(
    ("train", "test", "examples", "far"),
    [
        (1.0, 0.95, 10_000, False),  # 5 of 90 points of the lead
        (1.0, 0.70, 10_000, True),  # 30 of 90
        (1.0, 0.70, 5, False),  # too few examples to say so
        (0.5, 0.6, 10_000, False),  # better than in training
        (0.1, 0.05, 10_000, False),  # nothing was learned
    ],
)
def test_far_apart(record, train, test, examples, far):
    one = record("a", train_result=train, test_accuracy=test, constant=0.1, test_examples=examples)
    assert far_apart(one) is far
    assert any(line.startswith("far apart: ") for line in result_lines(one)) is far


@pytest.mark.parametrize(("test", "far"), [(0.11, False), (0.5, True), (0.05, False)])
def test_far_apart_where_less_is_better(record, test, far):
    one = record(
        "a",
        **{"metric": "rmse", "larger_is_better": False, "is_share": False, "test_accuracy": None},
        **{"test_metrics": {"rmse": test}, "train_result": 0.1, "constant": 1.1},
    )
    assert far_apart(one) is far


@pytest.mark.parametrize(("steps", "few"), [(0, False), (12, True), (199, True), (200, False)])
def test_few_steps(record, steps, few):
    lines = result_lines(record("a", steps=steps))
    assert any(line.startswith(f"few steps: {steps}") for line in lines) is few


def test_every_class_has_a_line_of_at_most_80_columns(record):
    matrix = [[50, 10, 0], [5, 20, 5], [0, 1, 9]]
    lines = class_lines(of_matrix(record, matrix))
    assert [line.split() for line in lines] == [
        ["class", "examples", "precision", "recall", "F1", "taken", "for"],
        ["cat", "60", "90.91%", "83.33%", "86.96%", "dog", "(10)"],
        ["dog", "30", "64.52%", "66.67%", "65.57%", "cat", "(5)"],
        ["bird", "10", "64.29%", "90.00%", "75.00%", "dog", "(1)"],
    ]
    names = ["\N{CJK UNIFIED IDEOGRAPH-732B}" * 30, "a name of more than fourteen characters", "b"]
    lines = class_lines(of_matrix(record, matrix, class_names=names))
    assert max(map(cell_len, lines)) <= 80
    assert len({cell_len(line[: line.index("%")]) for line in lines[1:]}) == 1  # aligned


def test_of_many_classes_the_worst_have_lines_and_the_most_frequent_confusion(record):
    k = 20
    matrix = [[90 if i == j else 0 for j in range(k)] for i in range(k)]
    for i, wrong in enumerate((40, 30, 20, 10, 5, 4, 3)):
        matrix[i][i] -= wrong
        matrix[i][19 - i] += wrong
    lines = class_lines(of_matrix(record, matrix, class_names=[f"c{i}" for i in range(k)]))
    assert lines[0] == "the 5 of 20 classes of the lowest F1:"
    worst = sorted(range(k), key=lambda i: figures(matrix)[i]["f1"])[:5]
    assert [line.split()[0] for line in lines[2:7]] == [f"c{i}" for i in worst]
    assert lines[7:] == ["most often confused: c0 taken for c19 (40)"]


def test_labels_are_taken_for_nothing(record):
    per_class = [{"examples": 5, "precision": 0.5, "recall": 0.25, "f1": 1 / 3}] * 12
    one = record("a", per_class=per_class, metric="exact_match", test_metrics={"exact_match": 0.5})
    lines = class_lines(one)
    assert lines[0] == "the 5 of 12 labels of the lowest F1:"
    assert lines[1].split() == ["label", "examples", "precision", "recall", "F1"]
    assert lines[2].split() == ["0", "5", "50.00%", "25.00%", "33.33%"]


def test_answers_that_do_not_depend_on_the_class():
    assert independent([[30, 30], [30, 30]])
    assert independent([[900, 0], [100, 0]])
    assert not independent([[50, 10], [10, 50]])
    assert not independent([[700, 200], [20, 80]])  # below the largest class, but it tells them
