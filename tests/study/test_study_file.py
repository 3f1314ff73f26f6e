"""A study's file: what it means, and what is refused in one line."""

from __future__ import annotations

import math

import pytest
import yaml

from nasbench.errors import UserError
from nasbench.study.file import EXAMPLE, Study

TRAIN, HPO = {"train": "small-cnn"}, {"hpo": "small-cnn"}


def study(**content):
    return Study.of({"task": "digits", "entries": {"a": TRAIN}, **content}, "mine")


def test_the_example_is_a_study():
    found = Study.of(yaml.safe_load(EXAMPLE), "study")
    assert found.seeds == (0, 1, 2)
    assert found.budget == "8"
    names = list(found.entries)
    assert names.index("tuned") < names.index("tuned, tested")
    space = found.entries["tuned"].options["space_content"]
    assert space["lr"] == {"_type": "loguniform", "_value": [0.001, 1.0]}
    assert found.entries["by hand"].arguments == {"width": 32}


def test_what_is_used_comes_first_whatever_the_order_in_the_file():
    found = study(entries={"last": {"retrain": "first"}, "first": {"hpo": "small-cnn"}})
    assert list(found.entries) == ["first", "last"]
    assert found.entries["last"].source(found.entries) is found.entries["first"]


def test_entries_stay_in_the_order_of_the_file_where_none_is_used_later():
    found = study(entries={"b": HPO, "b tested": {"retrain": "b"}, "a": TRAIN})
    assert list(found.entries) == ["b", "b tested", "a"]


def test_a_search_space_may_stand_in_the_defaults_and_arguments_have_any_name():
    space = {"lr": {"_type": "choice", "_value": [0.1]}}
    found = study(
        defaults={"search_space": space},
        entries={"a": {**HPO, "budget": 2.0}, "b": {**TRAIN, "options": {1: 2}}},
    )
    assert found.entries["a"].over(found.defaults)["space_content"] == space
    assert found.entries["a"].options["budget"] == "2"
    assert found.entries["b"].arguments == {"1": 2}


def test_architectures_that_no_entry_finds():
    for target in ("zoo:DARTS_V2", "cells.py:MINE", "found/checkpoint.json"):
        assert study(entries={"a": {"retrain": target}}).entries["a"].target == target
    with pytest.raises(UserError, match="unknown entry 'zoo'"):
        study(entries={"a": {"retrain": "zoo"}})


def test_an_option_of_an_entry_wins_over_the_defaults():
    found = study(
        defaults={"epochs": 3, "patience": 2, "assessor": "medianstop"},
        entries={"a": {"train": "small-cnn", "epochs": 5}, "b": {"hpo": "small-cnn"}},
    )
    assert found.entries["a"].over(found.defaults) == {"epochs": 5, "patience": 2}
    assert found.entries["b"].over(found.defaults) == {"epochs": 3, "assessor": "medianstop"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"tasks": "digits"}, "unknown field 'tasks'"),
        ({"task": "digit"}, "unknown task 'digit'"),
        ({"task": ""}, "the field 'task' is missing"),
        ({"entries": {}}, "the field 'entries' is missing"),
        ({"entries": {"a": {}}}, "entry 'a': needs exactly one of search, hpo, retrain, train"),
        ({"entries": {"a": {"hpo": "vgg16", "train": "vgg16"}}}, "found: hpo, train"),
        ({"entries": {"a": {"retrain": "b"}}}, "entry 'a': unknown entry 'b'"),
        ({"entries": {"a": {"train": "smal-cnn"}}}, "entry 'a': unknown baseline 'smal-cnn'"),
        ({"entries": {"a": {"search": "dartz"}}}, "entry 'a': unknown strategy 'dartz'"),
        ({"entries": {"a": {**TRAIN, "epoch": 3}}}, "entry 'a': unknown option 'epoch'"),
        ({"entries": {"a": {**TRAIN, "epochs": 0}}}, "entry 'a': --epochs 0"),
        ({"entries": {"a": {**TRAIN, "seed": 3}}}, "entry 'a': seed: is set for the whole study"),
        ({"entries": {"a": {**TRAIN, "reported": "98"}}}, "reported '98': must be a number"),
        ({"entries": {"a": TRAIN, "b": {"retrain": "a"}}}, "'a' is a train, which finds nothing"),
        ({"entries": {"a": {"hpo": "b"}, "b": {"hpo": "a"}}}, "in a circle: "),
        ({"entries": {"a": {"train": None}}}, "entry 'a': train None: must be a name"),
        ({"entries": {"a": {"train": "m.json"}}}, "is a checkpoint; use retrain: m.json"),
        ({"entries": {"a": {**TRAIN, "reported": True}}}, "reported True: must be a number"),
        ({"entries": {"a": {**TRAIN, "reported": math.nan}}}, "reported nan: must be a number"),
        ({"entries": {"a": {**TRAIN, "data_dir": "x"}}}, "data_dir: is set for the whole study"),
        ({"entries": {"a": {**TRAIN, "batch-size": 1, "batch_size": 2}}}, "duplicate key"),
        ({"entries": {"a": {**TRAIN, "space_arguments": {}}}}, "put its content under 'opt"),
        ({"entries": {"a": {**HPO, "space_content": {}}}}, "its content under 'search_space'"),
        (
            {"entries": {"a": {**HPO, "engine": "nni"}}},
            "unknown --engine 'nni': allowed: local",
        ),
        ({"entries": {"a": {**HPO, "budget": True}}}, "budget"),
        ({"name": ".."}, "name '..': must be a text of up to 100 characters with at least"),
        ({"name": ""}, "name '': must be"),
        ({"name": None}, "name None: must be"),
        ({"name": "n" * 300}, "of up to 100 characters with at least one letter from a to z"),
        (
            {"name": "\N{CJK UNIFIED IDEOGRAPH-65E5}"},
            "with at least one letter from a to z or digit",
        ),
        ({"budget": 0}, "--budget '0': must be above 0"),
        ({"budget": False}, "--budget 'False'"),
        ({"defaults": {"strategy_options": {}}}, "unknown defaults 'strategy_options'"),
        (
            {"seeds": 20261120},
            "is a count of at most 10000; for a single seed write [20261120]",
        ),
        ({"seeds": 0}, "seeds 0: must be a count above 0"),
        ({"seeds": [1, 1]}, "a list of distinct seeds"),
        ({"budget": "soon"}, "--budget 'soon'"),
        ({"defaults": {"epoch": 1}}, "unknown defaults 'epoch'"),
        ({"defaults": {"seed": 1}}, "unknown defaults 'seed'"),
    ],
)
def test_mistakes_in_one_line(content, words):
    with pytest.raises(UserError) as caught:
        study(**content)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"), [("- a", "expected 'field: value' lines"), ("a: [", "not YAML")]
)
def test_a_file_that_is_no_study_is_named(tmp_path, text, words):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        Study.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(UserError, match=r"other\.yaml: cannot be read: No such file"):
        Study.read(tmp_path / "other.yaml")
