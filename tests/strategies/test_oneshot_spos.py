"""SPOS: uniform paths that train alone, and an evolution that judges with calibrated BN."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

import pytest
import torch

from nasbench.errors import UserError
from nasbench.strategies.oneshot.spos import SposOptions, SposStrategy
from nasbench.testing.oneshot import OneShotStrategySuite
from nasbench.testing.supernets import PlainSupernets, RandomData, advance, batch, make
from nasbench.training.objective import Objective
from nasbench.training.optimization import OptimizerConfig

OWN = "nasbench.testing.supernets:Small"
FEW = {"candidates": 3, "population": 2, "calibration": 1}


class TestSpos(OneShotStrategySuite):
    strategy = SposStrategy
    options: ClassVar = FEW
    paths = True


def spos(space=OWN, options=None, **setting):
    return make(SposStrategy, PlainSupernets.named(space), options or FEW, **setting)


def test_paths_are_uniform_over_the_space():
    strategy = spos()
    drawn = Counter()
    for _ in range(1800):
        drawn[strategy.next_paths()[0]] += 1
        strategy.number += 1
    assert len(drawn) == 18
    # 100 each on average, with a standard deviation of 10.
    assert all(60 < count < 140 for count in drawn.values())


def test_decay_and_momentum_move_only_what_is_on_the_path():
    strategy = spos()
    config = OptimizerConfig(lr=0.1, momentum=0.9, weight_decay=0.1)
    strategy.weights = type(strategy.weights)(strategy.paths.weight_parameters, config, 100)
    for number in range(12):
        before = {k: p.detach().clone() for k, p in strategy.paths.named_parameters()}
        (arch,) = strategy.next_paths()
        strategy.step(batch(number), batch(number))
        for name, parameter in strategy.paths.named_parameters():
            label, _, rest = name.removeprefix("network.").partition(".candidates.")
            on_path = not rest or arch[label] == rest.split(".")[0]
            assert torch.equal(parameter, before[name]) != on_path, name


def test_a_step_is_sgd_on_the_drawn_architecture_alone():
    strategy, other = spos().double(), spos().double()
    images, labels = batch(0)
    (other.paths.arch,) = strategy.next_paths()
    strategy.step((images.double(), labels), batch(1))
    sgd = torch.optim.SGD(other.paths.parameters(), lr=0.05)
    torch.nn.functional.cross_entropy(other.paths(images.double()), labels).backward()
    torch.nn.utils.clip_grad_norm_(other.paths.parameters(), 5.0)
    sgd.step()
    for ours, theirs in zip(strategy.paths.parameters(), other.paths.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)


def over(arch):
    """Only architectures that begin with a pooling keep the limit."""
    return {"pool": 0.0, "conv1": 0.5, "conv3": 1.0}[arch["first"]]


def test_limits_hold_in_training_and_in_the_selection():
    strategy = spos(options={"candidates": 6, "population": 2, "calibration": 1}, violation=over)
    drawn = []
    for _ in range(60):
        drawn += strategy.next_paths()
        strategy.number += 1
    # A draw fits with one chance in three, and ten draws miss with one in 57.
    assert sum(arch["first"] == "pool" for arch in drawn) > 50
    judged = spy(strategy)
    assert strategy.select(RandomData())["first"] == "pool"
    assert {arch["first"] for arch in judged} == {"pool"}


def test_where_no_draw_keeps_the_limit_the_least_costly_is_taken():
    strategy = spos(violation=lambda arch: 1.0 + over(arch))
    assert strategy.uniform("path", 0)["first"] == "pool"


def spy(strategy, scores=None):
    """Note what is judged, and score it by ``scores`` where given."""
    judged, judge = [], strategy.judge

    def noted(arch, *rest):
        judged.append(arch)
        return judge(arch, *rest) if scores is None else scores(arch)

    strategy.judge = noted
    return judged


@pytest.mark.parametrize("search", ["evolution", "random"])
def test_the_best_of_so_many_different_candidates_is_selected(search):
    strategy = spos(options={**FEW, "candidates": 12, "search": search})

    def score(arch):
        return {"pool": 0.1, "conv1": 0.2, "conv3": 0.3}[arch["second"]] + 0.01 * arch["shortcut"][
            0
        ]

    judged = spy(strategy, score)
    arch = strategy.select(RandomData())
    assert len(judged) == len(set(judged)) == 12
    assert arch == max(judged, key=score)


def test_no_more_are_judged_than_there_are():
    strategy = spos(options={**FEW, "candidates": 50})
    judged = spy(strategy, lambda arch: 0.5)
    strategy.select(RandomData())
    assert len(judged) == 18


def test_a_candidate_is_judged_as_its_network_with_statistics_of_its_own():
    strategy = spos("nas-bench-macro")
    advance(strategy, 0, 3)
    data = RandomData()
    arch = strategy.uniform("any")
    images = strategy.calibration(data, 2)
    found = strategy.judge(arch, images, data.validation())
    assert strategy.training
    assert all(module.training for module in strategy.paths.modules())

    strategy.paths.arch = arch
    norms = [m for m in strategy.paths.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    for batch_ in images:
        strategy.paths(batch_)
    strategy.paths.eval()
    pairs = [(strategy.paths(x).argmax(1), y) for x, y in data.validation()]
    right = sum(int((guess == y).sum()) for guess, y in pairs)
    assert found == right / sum(len(y) for _, y in pairs)


def test_low_precision_is_used_for_judging():
    strategy = spos("nas-bench-macro")
    strategy.objective = Objective(precision="bf16")
    seen = []
    strategy.paths.network.classifier.register_forward_hook(
        lambda module, given, made: seen.append(made.dtype)
    )
    data = RandomData()
    strategy.judge(strategy.derive(), strategy.calibration(data, 1), data.validation())
    assert set(seen) == {torch.bfloat16}


def test_the_journal_says_that_all_are_drawn_alike():
    weights = spos("darts").mixing_weights()
    operation = next(w for label, w in weights.items() if label.endswith("p0"))
    assert sorted(operation) == [0.0] + [1 / 7] * 7  # the first is "none", which nobody chooses


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"candidates": 0}, "-o candidates=0: must be at least 1"),
        ({"calibration": 0}, "-o calibration=0: must be at least 1"),
        ({"population": 0}, "-o population=0: must be at least 1"),
        ({"search": "grid"}, "unknown -o search 'grid'"),
    ],
)
def test_wrong_options_are_named(options, line):
    with pytest.raises(UserError) as told:
        SposOptions(**options)
    assert line in str(told.value)
    assert "\n" not in str(told.value)
