"""Limits of one-shot searches: the penalty of a mixture, and the way back to what fits."""

from __future__ import annotations

import pytest
import torch
from engine_parts import Tiny, params

from nasbench.config import SearchConfig
from nasbench.engine.callbacks import NullCallback
from nasbench.engine.limits import Limits, OneShotLimits, weight_sum
from nasbench.engine.search import configure, run_search
from nasbench.errors import UserError
from nasbench.space import DataSpec, Domains
from nasbench.space.domain import Condition, Domain
from nasbench.training.stopping import StopSignal

CPU = torch.device("cpu")
SPEC = DataSpec(1, 8, 8, 10)
SIZES = {"a": 0, "b": 10, "c": 100}


def layers(*labels):
    return Domains([Domain(label, "layer", tuple(SIZES)) for label in labels])


def size(arch, name):
    return 50 + sum(SIZES[value] for value in arch.values())


def bounds(domains, cost=size, **limits):
    return OneShotLimits(Limits(limits, cost), domains, CPU)


def test_the_penalty_is_the_expected_share_above_the_limit():
    limits = bounds(layers("x", "y"), params=60.0)
    weights = {
        "x": torch.tensor([0.5, 0.2, 0.3], requires_grad=True),
        "y": torch.tensor([0.0, 1.0, 0.0], requires_grad=True),
    }
    penalty = limits.penalty(weights)
    assert penalty.item() == pytest.approx((50 + 2 + 30 + 10) / 60 - 1)
    (gradient,) = torch.autograd.grad(penalty, weights["x"])
    assert gradient.tolist() == pytest.approx([0.0, 10 / 60, 100 / 60])


def test_the_penalty_adds_up_over_limits_and_is_0_below_them():
    limits = bounds(layers("x"), params=100.0, macs=120.0)
    dear, cheap = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.5, 0.5, 0.0])
    assert limits.penalty({"x": dear}).item() == pytest.approx(50 / 100 + 30 / 120)
    assert limits.penalty({"x": cheap}).item() == 0.0


def test_what_fits_stays_and_nothing_is_measured_but_that():
    asked = []

    def cost(arch, name):
        asked.append(arch)
        return size(arch, name)

    limits = bounds(layers("x", "y"), cost, params=1000.0)
    arch = limits.domains.arch({"x": "c", "y": "c"})
    assert limits.nearest(arch, {}) == arch
    assert asked == [arch]


def test_the_weakest_decision_gives_way():
    limits = bounds(layers("x", "y", "z"), params=260.0)
    arch = limits.domains.arch({"x": "c", "y": "c", "z": "c"})
    weights = {"x": [0.1, 0.1, 0.8], "y": [0.1, 0.4, 0.5], "z": [0.2, 0.2, 0.6]}
    found = limits.nearest(arch, weights)
    assert dict(found) == {"x": "c", "y": "b", "z": "c"}
    # It is the strongest of all that keep the limit.
    fitting = [a for a in limits.domains.enumerate() if size(a, "") <= 260]
    assert found == max(fitting, key=lambda a: weight_sum(limits.domains, a, weights))


def test_the_way_back_is_as_long_as_it_must_be():
    limits = bounds(layers("x", "y", "z"), params=50.0)
    arch = limits.domains.arch({"x": "c", "y": "c", "z": "b"})
    weights = {label: [0.1, 0.2, 0.7] for label in "xyz"}
    assert dict(limits.nearest(arch, weights)) == {"x": "a", "y": "a", "z": "a"}


def test_several_limits_are_kept_together():
    def cost(arch, name):
        other = {"a": 100, "b": 20, "c": 0}
        return size(arch, name) if name == "params" else sum(other[v] for v in arch.values())

    limits = bounds(layers("x", "y"), cost, params=80.0, macs=50.0)
    arch = limits.domains.arch({"x": "c", "y": "c"})
    found = limits.nearest(arch, {"x": [0.5, 0.1, 0.4], "y": [0.5, 0.1, 0.4]})
    assert dict(found) == {"x": "b", "y": "b"}


def test_where_nothing_fits_one_line_says_so():
    limits = bounds(layers("x"), params=49.0, macs=49.0)
    with pytest.raises(UserError) as told:
        limits.nearest(limits.domains.arch({"x": "c"}), {"x": [0.2, 0.2, 0.6]})
    assert str(told.value) == (
        "--max-params 49, --max-macs 49: found no architecture within all limits"
    )


def test_a_cheap_branch_is_found_behind_its_strong_and_dear_option():
    inner = Domain("inner", "layer", ("c", "a"), sites=((Condition("x", frozenset({"deep"})),),))
    domains = Domains([Domain("x", "layer", ("c", "deep")), inner])

    def cost(arch, name):
        return {"c": 100, "deep": 20}[arch["x"]] + {"c": 90, "a": 0}[arch.get("inner", "a")]

    limits = bounds(domains, cost, params=60.0)
    found = limits.nearest(domains.arch({"x": "c"}), {"x": [0.9, 0.1], "inner": [0.9, 0.1]})
    assert dict(found) == {"x": "deep", "inner": "a"}


def test_latency_is_measured_only_where_the_rest_fits():
    asked = []

    def cost(arch, name):
        asked.append((name, tuple(arch.values())))
        return size(arch, name)

    limits = bounds(layers("x"), cost, params=60.0, latency_ms=1e9)
    limits.tables = {"params": limits._table("params"), "latency_ms": limits._table("params")}
    asked.clear()
    limits.nearest(limits.domains.arch({"x": "c"}), {"x": [0.1, 0.3, 0.6]})
    assert [entry for entry in asked if entry[0] == "latency_ms"] == [("latency_ms", ("b",))]


@pytest.mark.parametrize("strategy", ["darts", "spos", "enas", "rspws", "fairnas", "proxyless"])
def test_a_search_keeps_its_limit(strategy, tmp_path):
    few = {} if strategy in ("darts", "proxyless") else {"candidates": 4, "calibration": 1}
    limit = min(params(a) for a in Tiny.describe(SPEC).enumerate()) + 20
    given = {
        "strategy": strategy,
        "space": "engine_parts:Tiny",
        "task": "digits",
        "limit_train": 120,
        "batch_size": 10,
        "epochs": 1,
        "device": "cpu",
        "out": str(tmp_path / "results"),
        "max_params": limit,
    }
    found = run_search(configure(given, few), NullCallback(), StopSignal())
    assert params(found.outcome.arch) <= limit
    assert SearchConfig.from_layers(found.folder.info["config"]).max_params == limit
