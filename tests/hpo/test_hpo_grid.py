"""The grid is the product of the levels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hpo_tuners import make

from nasbench.hpo.space import ParameterSpace
from nasbench.hpo.tuners.grid import GridOptions, GridTuner


def grid(space: dict, points: int = 3, most: int = 1000) -> list[dict]:
    tuner = GridTuner(ParameterSpace.of(space), GridOptions(points), 0)
    found = []
    while (params := tuner.suggest(len(found))) is not None and len(found) < most:
        assert not tuner.exhausted
        found.append(params)
    return found


def test_every_combination_in_order():
    space = {
        "a": {"_type": "choice", "_value": ["x", "y"]},
        "b": {"_type": "randint", "_value": [1, 4]},
        "c": {"_type": "quniform", "_value": [0.1, 1, 0.5]},
        "d": {"_type": "loguniform", "_value": [0.01, 1]},
    }
    product = itertools.product("xy", (1, 2, 3), (0.1, 0.5, 1.0), (0.01, 0.1, 1.0))
    expected = [dict(zip("abcd", values, strict=True)) for values in product]
    assert [{**p, "d": pytest.approx(p["d"])} for p in grid(space)] == expected


@pytest.mark.parametrize(
    ("kind", "values", "points", "levels"),
    [
        ("uniform", (0, 4), 5, [0, 1, 2, 3, 4]),
        ("uniform", (0, 4), 1, [2]),
        ("loguniform", (1, 16), 1, [4]),
        # Quantiles of the standard normal: 1/6, 1/2 and 5/6 (scipy.stats.norm.ppf).
        ("normal", (10, 2), 3, [10 - 2 * 0.96742157, 10, 10 + 2 * 0.96742157]),
        ("lognormal", (0, 1), 1, [1]),
        ("qnormal", (0, 1, 5), 4, [0]),  # all of them are rounded to 0
        ("qlognormal", (1, 1, 1), 3, [1, 3, 7]),  # e, e^(1 - 0.97), e^(1 + 0.97)
    ],
)
def test_levels_of_what_cannot_be_counted(kind, values, points, levels):
    found = [point["x"] for point in grid({"x": {"_type": kind, "_value": list(values)}}, points)]
    assert found == pytest.approx(levels)


def test_nested_options_bring_their_own_combinations():
    inner = {
        "k": {"_type": "choice", "_value": [3, 5]},
        "n": {"_type": "randint", "_value": [0, 2]},
    }
    space = {"op": {"_type": "choice", "_value": [{"_name": "none"}, {"_name": "conv", **inner}]}}
    found = [tuple(point["op"].values()) for point in grid(space)]
    assert found == [("none",), *(("conv", *two) for two in itertools.product((3, 5), (0, 1)))]


def test_a_huge_grid_starts_at_once():
    big = {"_type": "randint", "_value": [0, 10**12]}
    assert grid({"a": big, "b": big}, most=2) == [{"a": 0, "b": 0}, {"a": 0, "b": 1}]


def test_options_of_a_grid_are_copies():
    first, second = grid(
        {"a": {"_type": "choice", "_value": [[1]]}, "b": {"_type": "randint", "_value": [0, 2]}}
    )
    first["a"].append(2)
    assert second["a"] == [1]


def test_the_size_is_that_of_the_grid():
    rng = np.random.default_rng(0)
    for _ in range(30):
        low, width, q = rng.uniform(-5, 5), rng.uniform(0.1, 9), rng.uniform(0.3, 3)
        content = {"x": {"_type": "quniform", "_value": [low, low + width, q]}}
        values = [point["x"] for point in grid(content)]
        assert len(set(values)) == len(values) == ParameterSpace.of(content).size
        assert values == sorted(values)
        assert all(math.isclose(v, min(max(round(v / q) * q, low), low + width)) for v in values)


def test_nni_refines_its_grid_where_ours_ends():
    tuner = make("nni-grid", ParameterSpace.of({"x": {"_type": "uniform", "_value": [0, 1]}}))
    assert [tuner.suggest(n)["x"] for n in range(7)] == [
        0.5,
        0.25,
        0.75,
        0.125,
        0.375,
        0.625,
        0.875,
    ]
