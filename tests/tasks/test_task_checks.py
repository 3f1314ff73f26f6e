"""Targets of own data: what raw values mean, and what is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.tasks import checks
from nasbench.tasks.checks import Targets, check, targets


def test_labels_from_zero_stay_as_they_are():
    made = targets("x", {"train": np.array([0, 2, 1, 0]), "test": np.array([1])})
    assert (made.target, made.outputs, made.names, made.notes) == ("class", 3, (), ())
    assert made.parts["train"].tolist() == [0, 2, 1, 0]
    assert made.parts["train"].dtype == np.int64


@pytest.mark.parametrize(
    ("raw", "indices", "names", "note"),
    [
        ([1, 2, 3, 1], [0, 1, 2, 0], ("1", "2", "3"), "labels start at 1"),
        ([-1, 1, 1, -1], [0, 1, 1, 0], ("-1", "1"), "labels are -1, 1: they are numbered 0 to 1"),
        ([7, 20, 3, 7], [1, 2, 0, 1], ("3", "7", "20"), "labels are 3, 7, 20"),
        (["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog"), ""),
        (["c10", "c9", "c10"], [1, 0, 1], ("c9", "c10"), ""),
        ([1.0, 2.0, 1.0], [0, 1, 0], ("1", "2"), "labels start at 1"),
        ([True, False], [1, 0], (), ""),
        ([b"dog", b"cat"], [1, 0], ("cat", "dog"), ""),
    ],
)
def test_other_labels_are_numbered(raw, indices, names, note):
    made = targets("x", {"train": np.array(raw)})
    assert made.target == "class"
    assert made.parts["train"].tolist() == indices
    assert made.names == names
    assert note in " ".join(made.notes)
    assert bool(made.notes) is bool(note)


def test_a_label_of_the_test_part_counts_as_a_class():
    made = targets("x", {"train": np.array(["a", "b"] * 2), "test": np.array(["c"])})
    assert made.parts["test"].tolist() == [2]
    with pytest.raises(UserError, match=r"x: classes with too few training examples: c \(0\)"):
        check("x", made)


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ([0.5, 1.0], "numbers"),
        ([[0, 1], [1, 1]], "labels"),
        ([[0, 2], [1, 1]], "numbers"),
        ([[0.25], [1.5]], "numbers"),
        ([[3], [4]], "class"),
        ([3, 4], "class"),
    ],
)
def test_the_target_is_recognised(raw, target):
    made = targets("x", {"train": np.array(raw)})
    assert made.target == target
    if target != "class":
        assert made.parts["train"].dtype == np.float32
        assert np.array_equal(made.parts["train"], np.array(raw).reshape(2, -1))


def test_the_user_decides_on_the_target():
    made = targets("x", {"train": np.array([1, 2, 5])}, "numbers")
    assert made.parts["train"].tolist() == [[1], [2], [5]]
    made = targets("x", {"train": np.array([1, 0])}, "labels", ["wet"])
    assert (made.target, made.names) == ("labels", ("wet",))


@pytest.mark.parametrize(
    ("raw", "target", "line"),
    [
        ([0, 1, 0.5], "class", "x: label 0.5 is no whole number.*--target numbers"),
        ([-1, 0, 1], None, "x: label -1: must be 0 or more"),
        ([[1, 0], [1, 1]], "class", "2 targets per example"),
        ([[1, 0], [0, 2]], "labels", "train example 2: target 2 is 2: must be 0 or 1"),
        ([0.5, float("nan")], None, "train example 2: target 1 is nan: must be a finite number"),
        ([0.5, 1e300], None, "train example 2: target 1 is 1e\\+300"),
        (["a", "b"], "numbers", "must be numbers"),
        (np.array(["a", None], dtype=object), None, "train example 2 has no label"),
        ([[[1]]], None, r"shape \(1, 1, 1\)"),
        ([1 + 2j], None, "labels are complex128"),
    ],
)
def test_targets_that_do_not_fit(raw, target, line):
    with pytest.raises(UserError, match=line):
        targets("x", {"train": np.asarray(raw)}, target)


def test_one_hot_targets():
    raw = {"train": np.array([[0, 1.0, 0], [1, 0, 0]])}
    assert targets("x", raw).target == "labels"
    assert targets("x", raw).notes == (
        "every example has exactly one label: --target class makes them classes",
    )
    made = targets("x", raw, "class", ["a", "b", "c"])
    assert made.parts["train"].tolist() == [1, 0]
    assert (made.outputs, made.names) == (3, ("a", "b", "c"))


def test_class_names_bound_the_labels():
    made = targets("x", {"train": np.array([0, 1, 0])}, names=["a", "b", "c"])
    assert (made.outputs, made.names) == (3, ("a", "b", "c"))
    with pytest.raises(UserError, match="label 3: must be 0 to 2"):
        targets("x", {"train": np.array([0, 3])}, names=["a", "b", "c"])


def made(train, test=None, names=(), target="class", outputs=None):
    train = np.asarray(train)
    parts = {"train": train} | ({} if test is None else {"test": np.asarray(test)})
    return Targets(target, outputs or len(names) or int(train.max()) + 1, parts, names)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (made([0, 0, 0], names=("cat",)), "every example is of the class cat"),
        (made([0, 0, 1], names=("cat", "dog")), r"too few training examples: dog \(1\): each"),
        (made(np.arange(30)), "and 22 more.*--target numbers"),
        (made(np.zeros(0, np.int64), outputs=2), "no training examples"),
        (made([[1.5], [1.5]], target="numbers", outputs=1), "target 1 is 1.5 for every"),
    ],
)
def test_what_cannot_be_trained_on(given, line):
    with pytest.raises(UserError, match=line):
        check("x", given)


def test_notes():
    assert check("x", made([0, 1] * 10)) == ()
    notes = check("x", made([0, 0, 0, *[1] * 12], [1, 1], ("cat", "dog")))
    assert notes == (
        "classes with fewer than 10 training examples: cat (3)",
        "classes without test examples: cat",
    )
    labels = made([[0, 1], [0, 0]], target="labels", names=("wet", "cold"))
    assert check("x", labels) == ("target wet is 0 for every training example",)


def test_copies_are_found_by_their_bytes():
    drawn = np.random.default_rng(0)
    train = drawn.integers(0, 256, (50, 3, 4, 4), dtype=np.uint8)
    test = drawn.integers(0, 256, (10, 3, 4, 4), dtype=np.uint8)
    test[3], test[8] = train[41], train[0]
    found = checks.copies(checks.digests(train), checks.digests(test))
    assert found == [(3, 41), (8, 0)]
    (note,) = checks.copies_note(found, len(test))
    assert "2 of 10 test examples are copies" in note
    assert "4 = 42, 9 = 1" in note
    assert checks.copies_note([], 10) == ()


def test_a_split_must_not_part_a_group():
    groups = {"train": np.array(["ann", "bob"]), "test": np.array(["cem", "bob"])}
    with pytest.raises(UserError, match="x: the group bob is in train and in test"):
        checks.check_groups("x", groups)
    checks.check_groups("x", {"train": np.array([0, 1]), "test": np.array([2])})
