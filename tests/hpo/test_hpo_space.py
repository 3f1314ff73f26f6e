"""NNI's search space: what its types mean, what lies in it, how many points it has."""

from __future__ import annotations

import itertools
import json
import math

import nni.parameter_expressions as of_nni
import numpy as np
import pytest
from scipy import stats

from nasbench.errors import UserError
from nasbench.hpo.space import ParameterSpace

NESTED = {
    "layer": {
        "_type": "choice",
        "_value": [
            {"_name": "none"},
            {
                "_name": "conv",
                "kernel": {"_type": "choice", "_value": [3, 5, 7]},
                "act": {
                    "_type": "choice",
                    "_value": [
                        {"_name": "relu"},
                        {"_name": "leaky", "slope": {"_type": "uniform", "_value": [0.0, 0.3]}},
                    ],
                },
            },
        ],
    },
    "lr": {"_type": "loguniform", "_value": [1e-4, 0.1]},
}


def one(kind: str, *values: object) -> ParameterSpace:
    return ParameterSpace.of({"x": {"_type": kind, "_value": list(values)}})


def draws(space: ParameterSpace, n: int = 2000) -> list:
    rng = np.random.default_rng(0)
    return [space.sample(rng)["x"] for _ in range(n)]


@pytest.mark.parametrize(
    ("kind", "values", "distribution"),
    [
        ("uniform", (-1, 3), stats.uniform(-1, 4)),
        ("loguniform", (1e-3, 10), stats.loguniform(1e-3, 10)),
        ("normal", (2, 0.5), stats.norm(2, 0.5)),
        ("lognormal", (1, 0.5), stats.lognorm(0.5, scale=math.e)),
    ],
)
def test_real_types_have_their_distribution(kind, values, distribution):
    assert stats.kstest(draws(one(kind, *values)), distribution.cdf).pvalue > 0.01


class Drawn:
    """A stream for NNI that gives one number only."""

    def __init__(self, number: float) -> None:
        self.number = number

    def uniform(self, low: float, high: float) -> float:
        return self.number

    normal = uniform


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("quniform", (0.1, 1.0, 0.3)),
        ("quniform", (-7, 8, 2)),
        ("qloguniform", (1, 100, 7)),
        ("qnormal", (0, 3, 0.5)),
        ("qlognormal", (1, 1, 2)),
    ],
)
def test_rounding_is_that_of_nni(kind, values):
    """NNI's own functions, fed with the number that the distribution would have drawn."""
    space, plain = one(kind, *values), one(kind[1:], *values[:2])
    for u in np.random.default_rng(1).random(200):
        value = plain.build(lambda _, parameter, u=u: parameter.at(u))["x"]
        drawn = Drawn(math.log(value) if "log" in kind else value)
        expected = getattr(of_nni, kind)(*values, drawn)
        ours = space.build(lambda _, parameter, u=u: parameter.at(u))
        assert ours["x"] == pytest.approx(expected, abs=1e-12)
        space.check(ours)


def test_randint_leaves_the_upper_end_out_and_choice_takes_every_option():
    assert set(draws(one("randint", 2, 5))) == {2, 3, 4}
    assert set(draws(one("choice", "a", "b", "c"))) == {"a", "b", "c"}


def test_a_sample_follows_from_the_generator():
    space = ParameterSpace.of(NESTED)
    first, second = (
        [space.sample(rng) for _ in range(5)] for rng in map(np.random.default_rng, (3, 3))
    )
    assert first == second


def test_nested_points_hold_the_chosen_options_parameters_only():
    space, rng = ParameterSpace.of(NESTED), np.random.default_rng(0)
    shapes = set()
    for _ in range(200):
        point = space.sample(rng)
        space.check(point)
        assert point == json.loads(json.dumps(point))
        layer = point["layer"]
        shapes.add((layer["_name"], *layer.get("act", {})))
    assert shapes == {("none",), ("conv", "_name"), ("conv", "_name", "slope")}


def test_content_is_the_json_again():
    everything = {
        **NESTED,
        "a": {"_type": "randint", "_value": [0, 9]},
        **{
            kind: {"_type": kind, "_value": [1, 2, 0.5][: 3 if kind[0] == "q" else 2]}
            for kind in ("uniform", "quniform", "qloguniform", "normal", "qnormal", "lognormal")
        },
        "q": {"_type": "qlognormal", "_value": [0, 1, 1]},
    }
    space = ParameterSpace.of(everything)
    assert space.content == everything
    assert ParameterSpace.of(space.content).content == everything
    assert space.names == tuple(everything)
    assert space.nested == ("layer",)


@pytest.mark.parametrize(
    ("kind", "values", "size"),
    [
        ("choice", (1, 1.0, True, "1", None, [1]), 6),
        ("randint", (-2, 3), 5),
        ("quniform", (0, 1, 0.25), 5),
        ("quniform", (0.1, 1, 0.3), 4),  # 0 becomes 0.1
        ("quniform", (1, 1.1, 7), 1),
        ("qloguniform", (1, 100, 10), 11),  # 1, 10, 20, … 100
        ("uniform", (0, 1), None),
        ("qnormal", (0, 1, 1), None),
    ],
)
def test_size_counts_the_values(kind, values, size):
    space = one(kind, *values)
    assert space.size == size
    if size:
        assert len({json.dumps(value) for value in draws(space)}) == size


def test_size_of_nested_choices_adds_their_options():
    assert ParameterSpace.of(NESTED).size is None
    finite = {"layer": json.loads(json.dumps(NESTED["layer"]).replace('"uniform"', '"randint"'))}
    finite["layer"]["_value"][1]["act"]["_value"][1]["slope"]["_value"] = [0, 4]
    assert ParameterSpace.of(finite).size == 1 + 3 * (1 + 4)


def test_options_of_several_types_stay_apart():
    space = one("choice", 1, 1.0, True)
    assert {json.dumps(value) for value in draws(space, 50)} == {"1", "1.0", "true"}
    with pytest.raises(UserError, match=r"unknown option of parameter x '1'"):
        space.check({"x": "1"})


def test_a_drawn_list_can_be_changed_without_harm():
    space = one("choice", [1, 2])
    draws(space, 1)[0].append(3)
    assert draws(space, 1) == [[1, 2]]


GOOD = {"layer": {"_name": "conv", "kernel": 3, "act": {"_name": "relu"}}, "lr": 0.01}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"lr": 0.2}, r"parameter lr=0.2: not in loguniform \[0.0001, 0.1\]"),
        ({"lr": "0.01"}, "parameter lr='0.01': not in loguniform"),
        ({"lr": True}, "parameter lr=True: not in"),
        ({"lr": math.nan}, "parameter lr=nan: not in"),
        ({"lrr": 1}, "unknown parameter 'lrr': did you mean lr"),
        ({"layer": "conv"}, "parameter layer='conv': must be an object with a _name"),
        (
            {"layer": {"_name": "con"}},
            "unknown option of parameter layer 'con': did you mean conv",
        ),
        ({"layer": {"_name": "none", "kernel": 3}}, "unknown parameter 'layer.kernel'"),
        ({"layer": {"_name": "conv", "kernel": 3}}, "parameter layer.act: is missing"),
        (
            {"layer": {"_name": "conv", "kernel": 4, "act": {"_name": "relu"}}},
            "unknown option of parameter layer.kernel '4': allowed: 3, 5, 7",
        ),
    ],
)
def test_check_names_what_is_wrong(change, line):
    space = ParameterSpace.of(NESTED)
    space.check(GOOD)
    with pytest.raises(UserError, match=line) as caught:
        space.check({**GOOD, **change})
    assert "\n" not in str(caught.value)


def test_check_refuses_what_is_no_mapping_and_what_is_between_the_steps():
    with pytest.raises(UserError, match=r"parameters \[1\]: must be values by name"):
        ParameterSpace.of(NESTED).check([1])
    space = one("quniform", 0.1, 1.0, 0.3)
    for value in (0.1, 0.3, 0.6, 0.9, 0.8999999999999999):
        space.check({"x": value})
    for value in (0.2, 0.0, 1.0, 1.2):
        with pytest.raises(UserError, match="not in quniform"):
            space.check({"x": value})
    with pytest.raises(UserError, match="not in randint"):
        one("randint", 0, 3).check({"x": 1.0})


def test_every_type_reaches_from_end_to_end():
    for kind, values in itertools.product(("uniform", "loguniform"), [(0.5, 2.0)]):
        space = one(kind, *values)
        ends = [space.build(lambda _, p, u=u: p.at(u))["x"] for u in (0.0, 1.0)]
        assert ends == list(values)
        space.check({"x": ends[1]})
