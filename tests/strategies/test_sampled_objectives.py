"""Any number of objectives: names, fronts worked out by hand, and what NSGA-II finds of three."""

from __future__ import annotations

from itertools import product
from statistics import median

import numpy as np
import pytest

from nasbench.errors import UserError
from nasbench.strategies.sampled.base import Result, SampledContext
from nasbench.strategies.sampled.dominance import crowding
from nasbench.strategies.sampled.nsga2 import Nsga2Options, Nsga2Strategy
from nasbench.strategies.sampled.objectives import Objectives
from nasbench.strategies.sampled.random import RandomOptions, RandomStrategy
from nasbench.testing.problems import flat, play

DOMAINS = flat(6, 4)
METRICS = ("accuracy", "macro_f1")


def results(*rows):
    """Return results of (accuracy, macro F1, parameters, latency)."""
    archs = DOMAINS.enumerate()
    return [
        Result(
            arch, score, costs={"params": params, "latency_ms": ms}, metrics={"macro_f1": beside}
        )
        for arch, (score, beside, params, ms) in zip(archs, rows, strict=False)
    ]


def test_names_of_costs_and_metrics_are_told_apart():
    found = Objectives.parse("macro_f1, params,latency", METRICS)
    assert found.names == ("macro_f1", "params", "latency_ms")
    assert (found.metrics, found.costs) == (("macro_f1",), ("params", "latency_ms"))
    (one,) = results((0.9, 0.8, 70.0, 3.0))
    assert found.point(one) == (-0.8, 70.0, 3.0)
    assert Objectives.parse("macs,accuracy", METRICS).names == ("macs", "accuracy")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "accuracy,size",
            r"^unknown --objectives 'size': allowed: accuracy, macro_f1, params, ma",
        ),
        ("accurancy", r"^unknown --objectives 'accurancy': did you mean accuracy "),
        ("", r"^unknown --objectives ''"),
        ("params,macs", r"^--objectives params,macs: names no metric: add one of accuracy, macro"),
        ("accuracy,latency,latency_ms", r"^--objectives .*: names latency_ms twice$"),
    ],
)
def test_a_wrong_objective_is_one_line(text, words):
    with pytest.raises(UserError, match=words):
        Objectives.parse(text, METRICS)


def test_the_strategy_spells_it_as_its_own_option():
    with pytest.raises(UserError, match=r"^unknown -o objectives 'size'"):
        Nsga2Strategy(DOMAINS, Nsga2Options(objectives="accuracy,size"), SampledContext())


def test_a_front_of_three_objectives_worked_out_by_hand():
    rows = results(
        (0.9, 0.0, 10.0, 5.0),  # on the front
        (0.9, 0.0, 10.0, 5.0),  # equal to the first: left out
        (0.9, 0.0, 12.0, 5.0),  # more parameters than the first
        (0.8, 0.0, 12.0, 4.0),  # faster: on the front
        (0.7, 0.0, 5.0, 9.0),  # smallest: on the front
        (0.7, 0.0, 5.0, 9.5),  # slower than the one before
        (0.95, 0.0, 50.0, 50.0),  # most accurate: on the front
    )
    objectives = Objectives.parse("accuracy,params,latency", METRICS)
    assert objectives.front(rows) == [rows[4], rows[0], rows[3], rows[6]]
    of_two = Objectives.parse("accuracy,params", METRICS)
    assert of_two.front(rows) == [rows[4], rows[0], rows[6]]
    assert objectives.front([]) == []


def test_room_of_three_objectives_worked_out_by_hand():
    # The order of the points is 0, 1, 2, 3 in the first objective and in the third, whose extents
    # are 10 and 4; in the second it is 3, 2, 1, 0, with an extent of 8.
    points = np.array([[0.0, 8.0, 1.0], [1.0, 4.0, 2.0], [4.0, 2.0, 4.0], [10.0, 0.0, 5.0]])
    inner = [4 / 10 + 6 / 8 + 3 / 4, 9 / 10 + 4 / 8 + 3 / 4]
    assert crowding(points).tolist() == pytest.approx([np.inf, *inner, np.inf])


def test_the_spread_of_a_front_leaves_out_the_crowded_ones():
    rows = results(
        (0.1, 0.0, 1.0, 0.0),
        (0.5, 0.0, 2.0, 0.0),
        (0.52, 0.0, 2.1, 0.0),
        (0.8, 0.0, 6.0, 0.0),
        (0.9, 0.0, 11.0, 0.0),
    )
    objectives = Objectives.parse("accuracy,params", METRICS)
    # Room of the inner ones: .42/.8+1.1/10, .3/.8+4/10, .38/.8+8.9/10. The first is the smallest.
    assert objectives.spread(rows, 4) == [rows[0], rows[2], rows[3], rows[4]]
    # Then .7/.8+5/10 against .38/.8+8.9/10: rows[3] has less room.
    assert objectives.spread(rows, 3) == [rows[0], rows[2], rows[4]]
    assert objectives.spread(rows, 2) == [rows[0], rows[4]]
    assert objectives.spread(rows, 1) == [rows[4]]  # the most accurate
    assert objectives.spread(rows, 9) == rows


def problem(arch):
    """Return accuracy, and two costs of which one falls where the other rises."""
    values = np.array(["abcd".index(str(value)) for value in arch.values()])
    weights = np.arange(1, len(values) + 1)
    score = float(weights @ np.sqrt(values / 3) / weights.sum())
    return score, float(weights[::-1] @ values), float((values[:3] ** 2).sum() + values[3:].sum())


def outcome(strategy, proposal):
    score, params, ms = problem(proposal.arch)
    costs = {"params": params, "latency_ms": ms}
    return Result(proposal.arch, score, proposal.epochs, costs)


# A grid over accuracy in [0, 1] and both costs.
GRID = np.array(
    list(product(np.linspace(0, 1, 15), np.linspace(0, 63, 15), np.linspace(0, 36, 15)))
)


def hypervolume(points):
    """Return the share of the grid's points that one of these points dominates."""
    better = np.zeros(len(GRID), dtype=bool)
    for score, params, ms in points:
        better |= (GRID[:, 0] <= score) & (GRID[:, 1] >= params) & (GRID[:, 2] >= ms)
    return better.mean()


THREE = Nsga2Options(population=20, objectives="accuracy,params,latency")


def found(kind, options, seed):
    strategy = kind(DOMAINS, options, SampledContext(seed))
    play(strategy, 150, outcome=outcome)
    return strategy


def test_three_objectives_dominate_more_than_random_draws():
    whole = hypervolume([problem(arch) for arch in DOMAINS.enumerate()])
    shares = {
        kind: [
            hypervolume([problem(r.arch) for r in found(kind, options, seed).results]) / whole
            for seed in range(3)
        ]
        for kind, options in ((Nsga2Strategy, THREE), (RandomStrategy, RandomOptions()))
    }
    assert median(shares[Nsga2Strategy]) > median(shares[RandomStrategy]) + 0.02
    assert min(shares[Nsga2Strategy]) > max(shares[RandomStrategy])


def test_the_front_of_three_objectives_is_that_of_brute_force():
    strategy = found(Nsga2Strategy, THREE, 1)
    assert strategy.measures == ("params", "latency_ms")
    points = {(-s, p, ms) for s, p, ms in (problem(r.arch) for r in strategy.results)}
    expected = {
        one
        for one in points
        if not any(
            other != one and all(a <= b for a, b in zip(other, one, strict=True))
            for other in points
        )
    }
    front = strategy.front()
    assert [*map(strategy.objectives.point, front)] != []
    assert {*map(strategy.objectives.point, front)} == expected
    assert len(front) == len(expected) > 5
    sizes = [(one.costs["params"], one.costs["latency_ms"]) for one in front]
    assert sizes == sorted(sizes)


def test_a_metric_beside_the_leading_one_is_asked_for():
    setting = SampledContext(metrics=METRICS)
    strategy = Nsga2Strategy(DOMAINS, Nsga2Options(objectives="macro_f1,params"), setting)
    assert (strategy.beside, strategy.measures) == (("macro_f1",), ("params",))
    rows = results((0.5, 0.9, 9.0, 0.0), (0.9, 0.5, 9.0, 0.0), (0.1, 0.2, 3.0, 0.0))
    strategy.update(rows)
    assert strategy.front() == [rows[2], rows[0]]
    again = Nsga2Strategy(DOMAINS, Nsga2Options(objectives="macro_f1,params"), setting)
    again.load_state_dict(strategy.state_dict())
    assert again.front() == strategy.front()
