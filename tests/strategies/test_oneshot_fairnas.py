"""FairNAS: every candidate exactly once in a step, and one move along the summed gradients."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import numpy as np
import torch

from nasbench.space import Domains
from nasbench.space.domain import Condition, Domain
from nasbench.strategies.oneshot.fairnas import FairNasStrategy, fair_paths
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, batch, make

FEW = {"candidates": 3, "population": 2, "calibration": 1}


class TestFairNas(OneShotStrategySuite):
    strategy = FairNasStrategy
    options: ClassVar = FEW
    paths = True


def layer(label, n, *site):
    return Domain(label, "layer", tuple(f"c{i}" for i in range(n)), sites=(tuple(site),))


def test_every_candidate_is_on_exactly_one_path():
    domains = Domains([layer("a", 4), layer("b", 4), Domain("in", "input", tuple(range(4)), 1)])
    for seed in range(20):
        paths = fair_paths(domains, np.random.default_rng(seed))
        assert len(paths) == 4
        for label in domains:
            assert {path[label] for path in paths} == set(domains[label].options)


def test_a_smaller_decision_goes_round_again_in_another_order():
    domains = Domains([layer("large", 6), layer("small", 3), Domain("two", "input", (0, 1, 2), 2)])
    orders = set()
    for seed in range(20):
        paths = fair_paths(domains, np.random.default_rng(seed))
        for label in ("small", "two"):
            values = [path[label] for path in paths]
            assert len(values) == 6
            assert len(set(values[:3])) == len(set(values[3:])) == 3
            orders.add(values[:3] == values[3:])
    assert orders == {True, False}


def test_what_is_not_on_a_path_does_not_use_up_its_turn():
    inner = layer("inner", 2, Condition("outer", frozenset({"c0", "c1"})))
    domains = Domains([layer("outer", 4), inner])
    for seed in range(20):
        paths = fair_paths(domains, np.random.default_rng(seed))
        assert Counter(path["inner"] for path in paths if "inner" in path) == {"c0": 1, "c1": 1}
        assert all(domains.arch(path) == path for path in paths)


def test_candidates_are_paired_at_random():
    domains = Domains([layer("a", 2), layer("b", 2)])
    pairs = Counter(
        path for seed in range(400) for path in fair_paths(domains, np.random.default_rng(seed))
    )
    assert len(pairs) == 4
    assert all(150 < count < 250 for count in pairs.values())


def test_a_step_moves_once_along_the_sum_of_the_gradients():
    supernets = PlainSupernets.named("nasbench.testing.supernets:Small")
    strategy = make(FairNasStrategy, supernets, FEW).double()
    other = make(FairNasStrategy, supernets, FEW).double()
    images, labels = batch(0)
    paths = strategy.next_paths()
    metrics = strategy.step((images.double(), labels), batch(1))
    losses = []
    for other.paths.arch in paths:
        loss = torch.nn.functional.cross_entropy(other.paths(images.double()), labels)
        loss.backward()
        losses.append(loss.detach())
    parameters = list(other.paths.parameters())
    torch.nn.utils.clip_grad_norm_(parameters, 5.0)
    torch.optim.SGD(parameters, lr=0.05).step()
    assert len(paths) == 3
    torch.testing.assert_close(metrics["loss"].double(), torch.stack(losses).mean())
    for ours, theirs in zip(strategy.paths.parameters(), parameters, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-13)
    assert strategy.next_paths() != paths  # the next step draws anew
