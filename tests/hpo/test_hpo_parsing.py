"""Search spaces that are none: one line each."""

from __future__ import annotations

from pathlib import Path

import pytest
from nni.experiment.config.experiment_config import _load_search_space_file

from nasbench.errors import UserError
from nasbench.hpo.space import ParameterSpace

LR = {"_type": "uniform", "_value": [0, 1]}


def of_kind(kind: object, value: object) -> dict:
    return {"lr": {"_type": kind, "_value": value}}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ([], r"search space: must be an object of parameters, not \[\]"),
        ({}, "search space: has no parameter"),
        ({"lr": 0.1}, "lr: must be an object with _type and _value, not 0.1"),
        ({"lr": {"_type": "uniform"}}, "must be an object with _type and _value"),
        ({"lr": {**LR, "_default": 1}}, "must be an object with _type and _value"),
        (of_kind("loguniforn", [1, 2]), "unknown _type in search space: lr 'loguniforn': did you"),
        (of_kind(["choice"], [1, 2]), "unknown _type"),
        (of_kind("choice", "ab"), r"lr \(choice\): _value must be a list, not 'ab'"),
        (of_kind("choice", []), r"lr \(choice\): _value is empty"),
        (of_kind("choice", ["a", "b", "a"]), "duplicate option 'a'"),
        (of_kind("choice", [{1, 2}]), "is no JSON value"),
        (of_kind("choice", [float("nan")]), "option nan is no JSON value|nan is no JSON value"),
        (of_kind("choice", ["a", {"_name": "b"}]), "'a' must be an object with a _name"),
        (of_kind("choice", [{"x": LR}]), "must be an object with a _name"),
        (of_kind("choice", [{"_name": 1}]), "must be an object with a _name"),
        (of_kind("choice", [{"_name": "a"}, {"_name": "a"}]), "duplicate option 'a'"),
        (
            of_kind("choice", [{"_name": "a", "x": {"_type": "uniform", "_value": [2, 1]}}]),
            r"lr \(choice\): a: x \(uniform\): low=2 must be below high=1",
        ),
        (of_kind("randint", [1.5, 3]), r"\[1.5, 3\] must be two integers"),
        (of_kind("randint", [0, float("inf")]), "must be two integers"),
        (of_kind("randint", [1, 2, 3]), "must be two integers"),
        (of_kind("randint", [True, 3]), "must be two integers"),
        (of_kind("randint", [3, 3]), r"\[3, 3\) is empty: low must be below high"),
        (of_kind("uniform", [1]), r"\[1\] must be 2 numbers"),
        (of_kind("quniform", [0, 1]), r"\[0, 1\] must be 3 numbers"),
        (of_kind("uniform", [0, "b"]), "'b' must be a finite number"),
        (of_kind("uniform", [0, None]), "None must be a finite number"),
        (of_kind("uniform", [False, 1]), "False must be a finite number"),
        (of_kind("uniform", [0, float("inf")]), "inf must be a finite number"),
        (of_kind("uniform", [1, 1]), "low=1 must be below high=1; a fixed value is a choice"),
        (of_kind("loguniform", [0.1, 0.01]), "low=0.1 must be below high=0.01"),
        (of_kind("loguniform", [0, 1]), "low=0 must be above 0 on a logarithmic scale"),
        (of_kind("qloguniform", [-1, 1, 1]), "low=-1 must be above 0"),
        (of_kind("quniform", [0, 1, 0]), "q=0 must be above 0"),
        (of_kind("qnormal", [0, 1, -1]), "q=-1 must be above 0"),
        (of_kind("normal", [0, 0]), "sigma=0 must be above 0"),
        (of_kind("uniform", [0, 10**400]), "must be a finite number"),
        (of_kind("uniform", [0, 1e301]), r"1e\+301 must lie between -1e\+300 and 1e\+300"),
        (of_kind("randint", [0, 10**400]), r"must lie between -2\^53 and 2\^53"),
        (of_kind("randint", [-(2**54), 0]), r"must lie between -2\^53 and 2\^53"),
        (of_kind("quniform", [0, 1e299, 5e-324]), "q=4.94066e-324 is too small for values up to"),
        (of_kind("qnormal", [0, 1e100, 1e-300]), "q=1e-300 is too small for values up to 6e"),
        (of_kind("qlognormal", [0, 100, 1e-100]), "q=1e-100 is too small for values up to 3"),
        (of_kind("normal", [1, 1e-12]), "sigma=1e-12 must be at least 1e-09 of mu=1"),
        (of_kind("choice", [*range(10_001)]), "_value has 10,001 options, at most 10,000"),
        ({"_name": LR}, "_name: is a key of NNI's format: give the parameter another name"),
        ({"_index": LR}, "_index: is a key of NNI's format"),
        (of_kind("choice", [{"_name": "a", "_type": LR}]), "a: _type: is a key of NNI's format"),
        ({1: LR, "1": LR}, "1: two parameters have this name"),
        (
            {"lr/a/x": LR, "lr": {"_type": "choice", "_value": [{"_name": "a", "x": LR}]}},
            "two parameters are called 'lr/a/x'",
        ),
        (of_kind("lognormal", [700, 1]), r"mu \+ 6 sigma must be at most 700"),
    ],
)
def test_a_mistake_is_one_line(content, line):
    with pytest.raises(UserError, match=line) as caught:
        ParameterSpace.of(content)
    assert "\n" not in str(caught.value)


def test_texts_that_read_as_numbers_count(tmp_path):
    """YAML 1.1 takes 1e-4 for a text."""
    path = tmp_path / "space.yml"
    path.write_text("lr: {_type: loguniform, _value: [1e-4, 0.1]}\n")
    expected = {"lr": {"_type": "loguniform", "_value": [1e-4, 0.1]}}
    assert ParameterSpace.read(path).content == expected


def test_integers_may_be_written_as_floats():
    """JSON's 1e3 is a float, which NNI takes."""
    expected = of_kind("randint", [1, 1000])
    assert ParameterSpace.of(of_kind("randint", [1.0, 1e3])).content == expected
    assert ParameterSpace.of(of_kind("randint", ["1", "1e3"])).content == expected


def test_a_json_file_is_read(tmp_path):
    path = tmp_path / "search_space.json"
    path.write_text('{"lr": {"_type": "uniform", "_value": [0, 1]}}')
    assert ParameterSpace.read(path).content == {"lr": LR}


@pytest.mark.parametrize(
    "text",
    [
        '{"lr": {"_type": "choice", "_value": [0.1, 0.2,],},}',
        "{'lr': {'_type': 'choice', '_value': ['a', 'b']}}",
        '{  # the learning rate\n  "lr": {"_type": "randint", "_value": [1, 9]}}',
        "lr:\n  _type: choice\n  _value: [relu, tanh]\n",
        '\ufeff{"lr": {"_type": "randint", "_value": [1, 9]}}',
    ],
)
def test_what_nni_reads_as_yaml_is_read_likewise(tmp_path, text):
    path = tmp_path / "search_space.json"
    path.write_text(text, encoding="utf-8")
    assert ParameterSpace.read(path).content == _load_search_space_file(path)


@pytest.mark.parametrize(
    "text", ["{'lr': !!python/object/apply:os.getcwd []}", "{'lr': &a [1, 2], 'x': }"]
)
def test_what_is_read_as_yaml_is_plain(tmp_path, text):
    path = tmp_path / "search_space.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"not JSON|must be an object with _type and _value"):
        ParameterSpace.read(path)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("s.json", '{"lr": ', "not JSON: Expecting value"),
        ("s.json", '{"lr": {}, "lr": {}}', "duplicate key 'lr'"),
        ("s.json", "[]", "must be an object of parameters"),
        ("s.json", '{"lr": {"_type": "uniform", "_value": [0, NaN]}}', "must be a finite number"),
        ("s.yaml", "a: [", "not YAML: "),
        ("s.yaml", "", "must be an object of parameters, not None"),
    ],
)
def test_a_file_that_holds_no_space(tmp_path, name, text, line):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UserError, match=line) as caught:
        ParameterSpace.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(UserError, match=r"none.json: cannot be read: No such file"):
        ParameterSpace.read(Path("none.json"))
    (tmp_path / "s.json").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(UserError, match="cannot be read: no text in UTF-8"):
        ParameterSpace.read(tmp_path / "s.json")
